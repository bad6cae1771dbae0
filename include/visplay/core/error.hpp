// The exception types that leave the library for wrong use or a broken environment. A message is
// one sentence: what, where, expected, got. Model output never throws; it is counted.
//
//   check(out.size() == batch.size(), "difficulty: expected {} scores, got {}", batch.size(), n);
#pragma once

#include <visplay/core/macros.hpp>

#include <fmt/core.h>

#include <stdexcept>

namespace visplay {

/// Wrong use, bad data or a broken environment. Programs end with exit code 1.
struct Error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// A wrong flag, key or value of the configuration. Programs end with exit code 2.
struct UsageError : Error {
  using Error::Error;
};

namespace detail {
[[noreturn]] void throw_error(fmt::string_view sentence, fmt::format_args args);
}

/// Throws Error with the formatted sentence unless ok. Formats only on failure.
template <class... Args>
void check(bool ok, fmt::format_string<Args...> sentence, Args&&... args) {
  if (!ok) [[unlikely]]
    detail::throw_error(sentence, fmt::make_format_args(args...));
}

}  // namespace visplay

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/core/error.ipp>
#endif
