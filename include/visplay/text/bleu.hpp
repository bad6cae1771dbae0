// Sentence BLEU, equal to nltk's sentence_bleu with smoothing method 1 (epsilon 0.1), weights 1/4 for
// n-grams of 1 to 4 words, words split at white space.
//
//   BleuTexts texts(questions);
//   double similar = texts.bleu(0, 1);      // 0 as hypothesis, 1 as its only reference; in [0, 1]
//
// Texts are counted once, so that all pairs of thousands of questions can be compared. Short texts
// are dominated by the smoothing: a text of two words has BLEU 0.32 against itself, of three 0.56.
#pragma once

#include <visplay/core/macros.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace visplay {

class BleuTexts {
 public:
  static constexpr int max_order = 4;
  static constexpr double epsilon = 0.1;  ///< stands for a count of zero

  /// Counts the n-grams of every text; keeps no view of them.
  explicit BleuTexts(std::span<const std::string_view> texts);

  [[nodiscard]] std::size_t size() const { return texts_.size(); }

  /// BLEU of one text against another; 0 if they share no word (so of an empty one, also with
  /// itself). Not symmetric. Indices below size().
  [[nodiscard]] double bleu(std::size_t hypothesis, std::size_t reference) const;

 private:
  struct Gram {
    std::uint32_t id;  // of the n-gram among all texts
    std::uint32_t count;
  };
  struct Text {
    std::size_t words = 0;
    std::array<std::vector<Gram>, max_order> grams;  // ascending in id
  };
  std::vector<Text> texts_;
};

/// BLEU of two texts, when one pair is all there is.
[[nodiscard]] double sentence_bleu(std::string_view hypothesis, std::string_view reference);

}  // namespace visplay

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/text/bleu.ipp>
#endif
