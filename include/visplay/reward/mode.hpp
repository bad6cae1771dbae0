// Mode: which arithmetic the rewards and labels follow.
#pragma once

#include <visplay/core/error.hpp>

#include <array>
#include <string>
#include <string_view>

namespace visplay {

enum class Mode {
  paper,     ///< VisPlay as published (2511.15661)
  official,  ///< VisPlay as its authors' code computes it (bruno686/VisPlay)
  robust     ///< typed votes, margins and a higher band
};

constexpr std::array<std::string_view, 3> choices_of(Mode) {
  return {"paper", "official", "robust"};
}

constexpr std::string_view name_of(Mode mode) { return choices_of(mode)[std::size_t(mode)]; }

/// @throws UsageError for another name
[[nodiscard]] inline Mode mode_named(std::string_view name) {
  for (const Mode mode : {Mode::paper, Mode::official, Mode::robust})
    if (name == name_of(mode)) return mode;
  throw UsageError("mode: expected paper, official or robust, got '" + std::string(name) + "'");
}

}  // namespace visplay
