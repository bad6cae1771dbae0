// What every fuzz target has in common: input as text, errors as the only way out, and properties
// that stop the process, so that the driver keeps the input.
#pragma once

#include <visplay/core/error.hpp>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace visplay::fuzz {

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

inline void require(bool holds, const char* property) {
  if (holds) return;
  std::fprintf(stderr, "fuzz: this property does not hold: %s\n", property);
  std::abort();
}

/// Runs the body on untrusted input: an Error of one line is the right answer to most of it.
template <class Body>
void expect_error_or(Body&& body) {
  try {
    body();
  } catch (const Error& error) {
    const std::string_view message = error.what();
    require(!message.empty() && message.size() < 2000, "an error is a sentence");
    require(message.find('\n') == message.npos, "an error is one line");
  }
}

}  // namespace visplay::fuzz
