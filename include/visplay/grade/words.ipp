// One pass that leaves out what is not a word, then the normal form.
#pragma once

#include <visplay/grade/words.hpp>
#include <visplay/text/whitespace.hpp>

namespace visplay {

VISPLAY_INLINE std::optional<std::string> Words::read(std::string_view plain) const {
  plain = trim(plain);
  while (plain.size() > 2 && (plain[0] == '"' || plain[0] == '\'') && plain.back() == plain[0])
    plain = trim(plain.substr(1, plain.size() - 2));
  const auto digit = [](char c) { return '0' <= c && c <= '9'; };
  const auto letter = [](char c) { return 'a' <= to_lower(c) && to_lower(c) <= 'z'; };
  // In mathematics that no grader could read, braces mean something.
  bool mathematics = plain.find_first_of("^_") != std::string_view::npos;
  for (std::size_t at = 0; (at = plain.find('\\', at)) != std::string_view::npos; ++at)
    mathematics |= !plain.substr(at).starts_with("\\text{");
  std::string bare;
  bare.reserve(plain.size());
  for (std::size_t at = 0; at < plain.size(); ++at) {
    if (plain[at] == '\\' && plain.substr(at).starts_with("\\text{")) at += mathematics ? 0 : 5;
    if (!mathematics && (plain[at] == '{' || plain[at] == '}')) continue;
    const bool joins = plain[at] == ' ' && at > 0 && at + 1 < plain.size() &&
                       digit(plain[at - 1]) && letter(plain[at + 1]);
    if (!joins) bare += plain[at];
  }
  std::string key(1, char(KeyKind::text));
  return key.append(normalize(bare));
}

}  // namespace visplay
