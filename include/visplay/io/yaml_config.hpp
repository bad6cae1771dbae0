// Config files: nested YAML in, resolved YAML with the origin of each value out.
//
//   const Resolved<Options> options = resolve_config<Options>({.files = {"my.yaml"},
//                                                              .arguments = {"--seed", "7"}});
//   save_config("run/config.yaml", fields_of(options.config), options.origins);
//
// Order of precedence: default < files in their order < environment < flags. What is saved can be
// given as a file again.
#pragma once

#include <visplay/core/describe.hpp>
#include <visplay/core/macros.hpp>
#include <visplay/core/settings.hpp>

#include <concepts>
#include <filesystem>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace visplay {

/// Everything a program was told, unread.
struct ConfigSources {
  std::vector<std::filesystem::path> files{};
  std::vector<std::pair<std::string, std::string>> environment{};  ///< name, value
  std::vector<std::string> arguments{};                            ///< without the program's name
  std::vector<std::string> reserved{"DATA"};  ///< VISPLAY_ names that are no keys
};

template <class Config>
struct Resolved {
  Config config{};
  Origins origins{};
};

/// Settings of a YAML text; nested maps become dotted keys, origins are "name:line". An empty
/// text and an empty section say nothing.
/// @throws UsageError  not YAML, not a map, a key twice, or deeper than 8 levels
[[nodiscard]] std::vector<Setting> yaml_settings(const std::string& text, const std::string& name);

/// The same for a file of at most 1 MiB.
/// @throws UsageError  it cannot be read
[[nodiscard]] std::vector<Setting> yaml_file_settings(const std::filesystem::path& path);

/// All settings of the sources in order of precedence, the strongest last.
[[nodiscard]] std::vector<Setting> gather_settings(const ConfigSources& sources,
                                                   std::span<const Field> fields);

/// The config as YAML, each value with its origin as a comment. Requests of one start are left out.
/// @param of_default  what the comment says where no origin is known: "default", "robust default"
[[nodiscard]] std::string config_yaml(std::span<const Field> fields, const Origins& origins,
                                      const std::string& of_default = "default");

/// @param defaults  a config, or a function from the gathered settings to one, for defaults that
///                  depend on a key (the mode)
/// @throws UsageError  naming key, value, what is expected and where it came from
template <class Config, class Defaults = Config>
[[nodiscard]] Resolved<Config> resolve_config(const ConfigSources& sources,
                                              const Defaults& defaults = {}) {
  Resolved<Config> resolved;
  const auto settings = gather_settings(sources, fields_of(resolved.config));
  if constexpr (std::convertible_to<const Defaults&, Config>)
    resolved.config = defaults;
  else
    resolved.config = defaults(std::span<const Setting>(settings));
  resolved.origins = apply_settings(settings, fields_of(resolved.config));
  return resolved;
}

}  // namespace visplay

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/io/yaml_config.ipp>
#endif
