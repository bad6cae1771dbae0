// Words: two answers are the same if they are the same words. For what is left when no other grader
// has an opinion; it always has one.
//
//   Words{}("**\\text{Dark Blue}**.", "dark blue")                     // Verdict::same
//
// The plain_answer without quotation marks at the ends, and without braces and the \text around parts
// unless there is other mathematics in it, as `normalize` writes it; a blank between a digit and a
// letter does not count ("10 am", "10am").
#pragma once

#include <visplay/grade/plain_reader.hpp>
#include <visplay/text/normalize.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace visplay {

struct Words {
  static constexpr std::string_view name = "words";

  [[nodiscard]] std::optional<std::string> read(std::string_view plain) const;

  [[nodiscard]] std::string canonical(std::string_view answer) const {
    return canonical_of(*this, answer);
  }
  [[nodiscard]] Verdict operator()(std::string_view answer, std::string_view reference) const {
    return verdict_by_keys(*this, answer, reference);
  }
};
static_assert(CanonicalGrader<Words> && PlainReader<Words>);

}  // namespace visplay

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/grade/words.ipp>
#endif
