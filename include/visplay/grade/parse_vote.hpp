// Reads a Reasoner's completion as a vote: the content of its last balanced \boxed{...}.
#pragma once

#include <visplay/data/completion.hpp>
#include <visplay/data/vote.hpp>
#include <visplay/text/boxed.hpp>
#include <visplay/text/whitespace.hpp>

#include <string>
#include <string_view>

namespace visplay {

/// parsed(answer), trimmed; without an answer (no box, or a blank one) truncated if the completion
/// ran out of tokens, else unparsed. An answer that came before the tokens ran out counts.
[[nodiscard]] inline Vote parse_vote(std::string_view text, FinishReason finish_reason) {
  const std::string_view answer = trim(boxed(text).value_or(std::string_view{}));
  if (!answer.empty()) return {VoteKind::parsed, std::string(answer)};
  return {finish_reason == FinishReason::length ? VoteKind::truncated : VoteKind::unparsed, {}};
}

[[nodiscard]] inline Vote parse_vote(const Completion& completion) {
  return parse_vote(completion.text, completion.finish_reason);
}

}  // namespace visplay
