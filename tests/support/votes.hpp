// Votes written by hand.
#pragma once

#include <visplay/data/vote.hpp>
#include <visplay/text/whitespace.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace visplay::testing {

/// One vote per word: "-" is unparsed, "~" truncated, any other word a parsed answer.
inline std::vector<Vote> votes_of(std::string_view words) {
  std::vector<Vote> votes;
  for (std::string_view word; !(word = take_word(words)).empty();)
    votes.push_back(word == "-"   ? Vote{VoteKind::unparsed, {}}
                    : word == "~" ? Vote{VoteKind::truncated, {}}
                                  : Vote{VoteKind::parsed, std::string(word)});
  return votes;
}

}  // namespace visplay::testing
