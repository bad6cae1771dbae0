// Text that no scanner should choke on: random bytes, and a megabyte of what makes slow scanners
// quadratic or deep.
#pragma once

#include <visplay/core/rng.hpp>

#include <chrono>
#include <string>
#include <vector>

namespace visplay::testing {

/// Up to `pieces` pieces of markup, words and random bytes.
inline std::string random_markup(Rng rng, int pieces = 24) {
  static const std::vector<std::string> parts{
      "<question>", "</question>", "<type>",   "</type>", "<answer>", "</answer>", "<think>",
      "</think>",   "\\boxed{",    "{",        "}",       "<",        ">",         "/",
      " ",          "\n",          "a",        "red",     "< ",       "</ ",       "question",
      "\xff",       "\xe2\x80",    "\xc2\xa0", "\\",      "."};
  std::string text;
  const int n = int(rng.below(std::uint64_t(pieces)));
  for (int i = 0; i < n; ++i) {
    if (rng.chance(0.1))
      text += char(rng.below(256));
    else
      text += parts[rng.below(parts.size())];
  }
  return text;
}

inline std::vector<std::string> hostile_megabytes() {
  std::vector<std::string> texts;
  for (const std::string piece :
       {"<", "{", "}", " ", "\\boxed{", "<question>", "</question>", "< / question", "<question",
        "<type></type>", "\xe2\x80\x80", ".", "<question></question>", ". "}) {
    std::string text;
    while (text.size() < (1u << 20)) text += piece;
    texts.push_back(text);
    texts.push_back("<type>a</type><question>b</question><answer>" + text);
    texts.push_back("\\boxed{" + text + "}");
  }
  return texts;
}

/// Seconds that body takes. A linear scanner needs milliseconds for a megabyte, a quadratic one
/// minutes: a bound of seconds tells them apart on any machine.
template <class Body>
double seconds(const Body& body) {
  const auto start = std::chrono::steady_clock::now();
  body();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace visplay::testing
