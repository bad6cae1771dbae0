// <tag>content</tag> in a model's output.
//
//   tag_content(completion, "question")      // of the last balanced pair
//   reasoning(completion)                    // of <think>, empty without one
//
// Text between and around the tags is free, other tags mean nothing. Linear in the text; never
// throws for what the text holds.
#pragma once

#include <visplay/text/whitespace.hpp>

#include <optional>
#include <string_view>

namespace visplay {

namespace detail {
/// True if text has <name> (or </name>, if closing) at `at`.
constexpr bool has_tag(std::string_view text, std::size_t at, std::string_view name, bool closing) {
  const std::size_t lead = closing ? 2 : 1;
  return text.substr(at, lead) == std::string_view("</").substr(0, lead) &&
         text.substr(at + lead, name.size()) == name &&
         text.substr(at + lead + name.size(), 1) == ">";
}
}  // namespace detail

/// Content of the balanced pair that opens last, untrimmed, as a view into text. The inner pair of
/// two nested ones opens last; a tag that is never closed is not a pair.
[[nodiscard]] constexpr std::optional<std::string_view> tag_content(std::string_view text,
                                                                    std::string_view name) {
  constexpr auto nowhere = std::string_view::npos;
  std::optional<std::string_view> content;
  std::size_t open = nowhere;  // where the content of an open tag starts
  for (std::size_t at = 0; (at = text.find('<', at)) != nowhere; ++at) {
    if (detail::has_tag(text, at, name, false)) {
      open = at + name.size() + 2;
    } else if (open != nowhere && detail::has_tag(text, at, name, true)) {
      content = text.substr(open, at - open);
      open = nowhere;
    }
  }
  return content;
}

/// What a completion says between <think> and </think>, trimmed; empty if nothing. A Reasoner's
/// answer counts as careful when this is not empty.
[[nodiscard]] constexpr std::string_view reasoning(std::string_view completion) {
  return trim(tag_content(completion, "think").value_or(std::string_view{}));
}

}  // namespace visplay
