// A letter with what may stand around it.
#pragma once

#include <visplay/grade/choice.hpp>
#include <visplay/text/whitespace.hpp>

#include <algorithm>
#include <bitset>

namespace visplay {
namespace detail {

/// Takes a word off text, whatever its case, if a blank, a colon or the end follows.
constexpr bool take_any_case(std::string_view& text, std::string_view word) {
  if (text.size() < word.size()) return false;
  for (std::size_t i = 0; i < word.size(); ++i)
    if (to_lower(text[i]) != word[i]) return false;
  const std::string_view rest = text.substr(word.size());
  if (!rest.empty() && rest[0] != ' ' && rest[0] != ':') return false;
  text = trim(rest.starts_with(':') ? rest.substr(1) : rest);
  return true;
}

/// Without "the correct answer is", "option" and the like; whether there was one.
constexpr bool take_introduction(std::string_view& text) {
  bool any = false;
  if (text.size() < 3 || std::string_view("TCFAOItcfaoi").find(text[0]) == text.npos) return false;
  for (int round = 0; round < 6; ++round) {
    bool taken = false;
    for (const std::string_view word :
         {"the", "correct", "final", "answer", "option", "choice", "is"})
      taken = taken || (text.size() > word.size() && take_any_case(text, word));
    if (!taken) break;
    any = true;
  }
  return any;
}

/// The capital letter of one option: "A", "(A) red", "a."; 0 if text names none.
constexpr char option_letter(std::string_view text, char last, bool introduced) {
  const char closing = text.starts_with('(') ? ')' : text.starts_with('[') ? ']' : '\0';
  if (closing) text.remove_prefix(1);
  if (text.starts_with(' ')) text.remove_prefix(1);
  if (text.empty()) return 0;
  const char letter = text[0];
  const bool capital = 'A' <= letter && letter <= last;
  const bool small = 'a' <= letter && letter <= last + ('a' - 'A');
  if (!capital && !small) return 0;
  text.remove_prefix(1);
  const char upper = capital ? letter : char(letter - ('a' - 'A'));
  if (closing) {
    if (text.starts_with(' ')) text.remove_prefix(1);
    const bool closed = text.starts_with(closing) && (text.size() == 1 || text[1] == ' ');
    return closed ? upper : '\0';
  }
  if (text.empty()) return capital || letter <= 'd' || introduced ? upper : '\0';
  const bool marked = text[0] == '.' || text[0] == ')' || text[0] == ':';
  return marked && (text.size() == 1 || (text[1] == ' ' && capital)) ? upper : '\0';
}

}  // namespace detail

VISPLAY_INLINE std::optional<std::string> Choice::read(std::string_view plain) const {
  const bool introduced = detail::take_introduction(plain);
  std::string key(1, char(KeyKind::choice));
  if (const char letter = detail::option_letter(plain, last, introduced)) return key + letter;
  // A list of capitals: each part a letter, in brackets or not.
  if (plain.size() > 64 || plain.size() < 2) return std::nullopt;
  std::bitset<26> named;
  while (!plain.empty()) {
    const std::size_t comma = std::min(plain.find(','), plain.find(" and "));
    const std::string_view part = trim(plain.substr(0, comma));
    const bool bracketed = part.size() == 3 && part[0] == '(' && part[2] == ')';
    if (part.size() != 1 && !bracketed) return std::nullopt;
    const char letter = part[bracketed];
    if (letter < 'A' || letter > last) return std::nullopt;
    named.set(std::size_t(letter - 'A'));
    if (comma == std::string_view::npos) break;
    plain = trim(plain.substr(comma + (plain[comma] == ',' ? 1 : 5)));
    if (plain.starts_with("and ")) plain.remove_prefix(4);
  }
  for (std::size_t i = 0; i < 26; ++i)
    if (named[i]) key.append(key.size() > 1 ? "," : "").append(1, char('A' + i));
  return key;
}

}  // namespace visplay
