// Sentence BLEU, equal to nltk's sentence_bleu: weights 1/4 for n-grams of 1 to 4 words, words split
// at white space, smoothing method 1 (epsilon 0.1) unless another is given.
//
//   BLEU = min(1, exp(1 - r / h)) (p_1 p_2 p_3 p_4)^(1/4)     h, r: words of hypothesis, reference
//
//   BleuTexts texts(questions);
//   double similar = texts.bleu(0, 1);      // 0 as hypothesis, 1 as its only reference
//
// Texts are counted once; for all pairs of thousands of questions see bleu_distances.hpp. Short texts
// are dominated by the smoothing: a text of two words has BLEU 0.32 against itself, of three 0.56.
#pragma once

#include <visplay/core/error.hpp>
#include <visplay/core/macros.hpp>
#include <visplay/text/bleu_smoothing.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace visplay {

/// The geometric mean of the precisions, those of 0 left out: in [0, 1] but for methods 5 and 7.
[[nodiscard]] double bleu_precision(const BleuPrecisions& precisions);

/// The factor for a hypothesis shorter than its reference, in [0, 1]; words > 0.
[[nodiscard]] double bleu_brevity(std::int64_t words, std::int64_t reference_words);

/// BLEU from counts; 0 if no word is shared (so for an empty text, also against itself).
template <BleuSmoothing Smoothing = bleu_smoothing::Method1>
[[nodiscard]] double bleu_of(const BleuMatches& matches, const Smoothing& smoothing = {}) {
  if (matches.matched[0] == 0) return 0;
  return bleu_brevity(matches.words, matches.reference_words) * bleu_precision(smoothing(matches));
}

class BleuTexts {
 public:
  /// An n-gram of a text: its number among those of all texts, and how often the text has it.
  struct Gram {
    std::uint32_t id;
    std::uint32_t count;
  };

  /// Counts the n-grams of 1 to `orders` words of every text; keeps no view of them.
  /// @throws Error if orders is not 4 or 5
  explicit BleuTexts(std::span<const std::string_view> texts, int orders = 4);

  [[nodiscard]] std::size_t size() const { return words_.size(); }
  [[nodiscard]] int orders() const { return orders_; }

  /// Indices here and below: less than size(). n in 1 ... orders().
  [[nodiscard]] std::int64_t words(std::size_t text) const { return words_[text]; }
  /// The n-grams of a text, each once, ascending in id. No id belongs to two lengths.
  [[nodiscard]] std::span<const Gram> grams(std::size_t text, int n) const {
    const std::size_t at = text * std::size_t(orders_) + std::size_t(n - 1);
    return std::span(grams_).subspan(first_[at], first_[at + 1] - first_[at]);
  }
  /// All ids are below.
  [[nodiscard]] std::size_t distinct_grams() const { return distinct_; }

  /// In time that grows with the words of both.
  [[nodiscard]] BleuMatches matches(std::size_t hypothesis, std::size_t reference) const;

  /// BLEU of one text against another. Not symmetric.
  /// @throws Error if the smoothing asks for longer n-grams than were counted
  template <BleuSmoothing Smoothing = bleu_smoothing::Method1>
  [[nodiscard]] double bleu(std::size_t hypothesis, std::size_t reference,
                            const Smoothing& smoothing = {}) const {
    check(Smoothing::orders <= orders_, "BLEU: {} needs n-grams of {} words, {} were counted",
          Smoothing::name, Smoothing::orders, orders_);
    return bleu_of(matches(hypothesis, reference), smoothing);
  }

 private:
  int orders_;
  std::size_t distinct_ = 0;
  std::vector<std::int64_t> words_;
  std::vector<std::size_t> first_;  // of the grams of text t, length n at t * orders + n - 1
  std::vector<Gram> grams_;
};

/// BLEU of two texts, when one pair is all there is.
template <BleuSmoothing Smoothing = bleu_smoothing::Method1>
[[nodiscard]] double sentence_bleu(std::string_view hypothesis, std::string_view reference,
                                   const Smoothing& smoothing = {}) {
  const std::string_view both[] = {hypothesis, reference};
  return BleuTexts(both, Smoothing::orders).bleu(0, 1, smoothing);
}

}  // namespace visplay

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/text/bleu.ipp>
#endif
