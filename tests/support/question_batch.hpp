// Batches of questions with duplicates, empty texts and tied distances, by the same rule as
// question_batch() of tests/golden/make/text_and_clusters.py: golden files hold the seed alone.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace visplay::testing {

struct SplitMix {
  std::uint64_t state;
  std::uint64_t below(std::uint64_t n) {
    std::uint64_t z = state += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return (z ^ z >> 31) % n;
  }
  std::string word(std::uint64_t vocabulary) { return "w" + std::to_string(below(vocabulary)); }
};

inline std::string formed_question(SplitMix& draw, std::uint64_t vocabulary) {
  static const char* const parts[4][3] = {{"What color is the ", " ", "?"},
                                          {"How many ", " are left of the ", "?"},
                                          {"", " ", ""},
                                          {"Is there a ", " in the picture near the ", "?"}};
  const auto& form = parts[draw.below(4)];
  const std::string first = draw.word(vocabulary);
  return form[0] + first + form[1] + draw.word(vocabulary) + form[2];
}

inline std::vector<std::string> question_batch(std::uint64_t seed) {
  SplitMix draw{seed};
  const std::uint64_t n = std::vector{1, 2, 3, 5, 8, 17, 40, 100, 200, 300}[draw.below(10)];
  const std::uint64_t vocabulary = std::vector{2, 5, 20, 200}[draw.below(4)];
  const std::uint64_t longest = std::vector{3, 6, 14, 30}[draw.below(4)];
  const std::uint64_t copied = std::vector{0, 10, 60}[draw.below(3)];  // percent
  const std::uint64_t empty = std::vector{0, 5}[draw.below(2)];
  const std::uint64_t formed = std::vector{0, 50, 100}[draw.below(3)];
  std::vector<std::string> texts;
  for (std::uint64_t i = 0; i < n; ++i) {
    const std::uint64_t kind = draw.below(100);
    std::string text;
    if (i > 0 && kind < copied) {
      text = texts[draw.below(i)];
    } else if (draw.below(100) >= empty) {
      if (draw.below(100) < formed)
        text = formed_question(draw, vocabulary);
      else
        for (std::uint64_t words = draw.below(longest + 1); words > 0; --words)
          text += (text.empty() ? "" : " ") + draw.word(vocabulary);
    }
    texts.push_back(text);
  }
  return texts;
}

inline std::vector<std::string_view> views(const std::vector<std::string>& texts) {
  return {texts.begin(), texts.end()};
}

}  // namespace visplay::testing
