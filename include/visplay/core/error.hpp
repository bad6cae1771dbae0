// The exception types that leave the library for wrong use or a broken environment. A message is
// one sentence: what, where, expected, got. Model output never throws; it is counted.
//
//   check(out.size() == batch.size(), "difficulty: expected {} scores, got {}", batch.size(), n);
#pragma once

#include <fmt/format.h>

#include <stdexcept>
#include <string>

namespace visplay {

/// Wrong use, bad data or a broken environment. Programs end with exit code 1.
struct Error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// A wrong flag, key or value of the configuration. Programs end with exit code 2.
struct UsageError : Error {
  using Error::Error;
};

/// Throws Error with the formatted sentence unless ok. Formats only on failure.
template <class... Args>
void check(bool ok, fmt::format_string<Args...> sentence, Args&&... args) {
  if (!ok) [[unlikely]]
    throw Error(fmt::format(sentence, std::forward<Args>(args)...));
}

}  // namespace visplay
