// Reads a Reasoner's completion as a vote: the content of its last balanced \boxed{...}.
#pragma once

#include <visplay/data/completion.hpp>
#include <visplay/data/vote.hpp>
#include <visplay/text/boxed.hpp>
#include <visplay/text/whitespace.hpp>

#include <string>

namespace visplay {

/// parsed(answer), trimmed; without an answer (no box, or a blank one) truncated if the completion
/// ran out of tokens, else unparsed.
[[nodiscard]] inline Vote parse_vote(const Completion& completion) {
  const std::string_view answer = trim(boxed(completion.text).value_or(std::string_view{}));
  if (!answer.empty()) return {VoteKind::parsed, std::string(answer)};
  return {
      completion.finish_reason == FinishReason::length ? VoteKind::truncated : VoteKind::unparsed,
      {}};
}

}  // namespace visplay
