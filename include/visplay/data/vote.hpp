// Vote: one answer of the Reasoner to a question. Only parsed answers vote; every vote that was
// asked for stays in the denominator.
#pragma once

#include <string>
#include <string_view>

namespace visplay {

enum class VoteKind { parsed, unparsed, truncated };

constexpr std::string_view name_of(VoteKind kind) {
  constexpr std::string_view names[] = {"parsed", "unparsed", "truncated"};
  return names[int(kind)];
}

struct Vote {
  VoteKind kind = VoteKind::unparsed;
  std::string answer{};  ///< empty unless parsed
};

}  // namespace visplay
