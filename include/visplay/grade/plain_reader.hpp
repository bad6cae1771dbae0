// PlainReader: a grader that reads answers without their markup (text/plain_answer.hpp). A chain takes
// the markup off once for all of them.
#pragma once

#include <visplay/grade/grader.hpp>
#include <visplay/text/plain_answer.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace visplay {

/// `read` returns the key of a plain_answer, or nothing if the grader has no opinion on it.
template <class G>
concept PlainReader = requires(const G& grade, std::string_view plain) {
  { grade.read(plain) } -> std::same_as<std::optional<std::string>>;
};

/// The key of an answer as it was given.
template <PlainReader G>
[[nodiscard]] std::string canonical_of(const G& grade, std::string_view answer) {
  if (answer.size() > longest_graded) return unopened(answer);
  const std::string plain = plain_answer(answer);
  if (plain.size() > longest_graded) return unopened(answer);  // ½ is longer as \frac12
  std::optional<std::string> key = grade.read(plain);
  return key ? *std::move(key) : unopened(answer);
}

}  // namespace visplay
