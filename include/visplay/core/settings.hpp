// Settings: keys with texts and where they came from, on their way into a described config.
//
//   auto settings = flag_settings(arguments, fields_of(config));     // --label.low 0.4 --resume
//   apply_settings(settings, fields_of(config));
//   fputs(help_of(fields_of(defaults)).c_str(), stdout);
//
// Later settings win over earlier ones, so a caller concatenates file, environment and flags in
// that order. Flags are keys: `-` and `_` are alike in them, `--key value` and `--key=value` too. A
// boolean flag needs no value; a list takes every value up to the next flag.
#pragma once

#include <visplay/core/field.hpp>
#include <visplay/core/macros.hpp>

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace visplay {

struct Setting {
  std::string key{};
  std::vector<std::string> texts{};
  std::string origin{};  ///< "flag", "VISPLAY_SEED", "my.yaml:12"
};

/// Where the value of each key came from. A key that is absent has the default.
using Origins = std::map<std::string, std::string, std::less<>>;

/// Arguments of a program without its name. Lists must be known, hence the fields.
/// @throws UsageError  a word that is no flag, an unknown flag, a flag without its value
[[nodiscard]] std::vector<Setting> flag_settings(std::span<const std::string> arguments,
                                                 std::span<const Field> fields);

/// NAME, VALUE pairs of an environment, of which those named VISPLAY_KEY count: capitals, `__` for
/// a dot. The library never reads the environment itself.
/// @param reserved  names (without VISPLAY_) that are no keys: DATA, the folder of the models
/// @throws UsageError  VISPLAY_ and no key
[[nodiscard]] std::vector<Setting> environment_settings(
    std::span<const std::pair<std::string, std::string>> environment, std::span<const Field> fields,
    std::span<const std::string> reserved);

/// Puts the settings into the config behind the fields, the last one of a key last.
/// @throws UsageError  unknown key (with the nearest ones), or a value that does not fit; the
///                     message names key, value, what is expected, and the origin
Origins apply_settings(std::span<const Setting> settings, std::span<const Field> fields);

/// The last setting of a key, or null.
[[nodiscard]] const Setting* find_setting(std::span<const Setting> settings, std::string_view key);

/// One entry per key (flag and default, help, bounds), a blank line before each section. The
/// defaults are the present values of the config behind the fields.
[[nodiscard]] std::string help_of(std::span<const Field> fields, int width = 100);

/// The known names nearest to a mistyped one, best first, at most three, none that is far off: at
/// most a third of the letters changed, or the same last part (`group_size` of
/// `questioner.group_size`).
[[nodiscard]] std::vector<std::string> nearest_names(std::string_view name,
                                                     std::span<const std::string> known);

namespace detail {
/// True if there are keys `name.…`.
bool is_section(std::string_view name, std::span<const Field> fields);
}  // namespace detail

}  // namespace visplay

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/core/settings.ipp>
#endif
