// 1 - BLEU of all pairs of texts, the earlier as hypothesis, with smoothing method 1: the same
// doubles as 1 - BleuTexts::bleu(i, j) gives, a row at a time.
//
//   const BleuDistances distances(counted);
//   auto row = distances.rows();            // one per thread: it owns memory to work in
//   row(i, out);                            // out[k]: text i against text i + 1 + k
//
// How: the four match counts of a pair are the bytes of one integer. Text i adds each of its n-grams
// to the integers of the texts that have it: by a list where few do, for all texts at once where
// many do. Few different integers occur, so values are looked up, not computed.
#pragma once

#include <visplay/core/macros.hpp>
#include <visplay/text/bleu.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace visplay {

class BleuDistances {
 public:
  /// Keeps a reference to texts, which must outlive it.
  explicit BleuDistances(const BleuTexts& texts, bleu_smoothing::Method1 smoothing = {});

  [[nodiscard]] std::size_t size() const { return texts_->size(); }

  class Rows {
   public:
    /// Distances of text i < size() to the texts after it.
    /// @throws Error if out does not have size() - i - 1 entries
    void operator()(std::size_t i, std::span<double> out);

   private:
    friend class BleuDistances;
    explicit Rows(const BleuDistances& all);
    struct Known {
      std::uint64_t key = ~std::uint64_t(0);  // words << 32 | matches
      double precision = 0;
    };
    void long_row(std::size_t i, std::span<double> out) const;
    void count_matches(std::size_t i);
    void look_up(std::int64_t words, const std::uint32_t* matched, const std::uint32_t* length,
                 std::span<double> out);
    [[gnu::cold]] void learn(Known& known, std::uint64_t key) const;

    const BleuDistances* all_;
    std::vector<std::uint32_t> matched_;  // [n] of text i and text j: byte n - 1 is m_n
    std::vector<double> brevity_;         // by length_of_, for the words of text i
    std::int64_t brevity_words_ = -1;
    std::vector<Known> known_;  // a place per hash, overwritten
    int shift_ = 0;
  };
  [[nodiscard]] Rows rows() const { return Rows(*this); }

 private:
  friend class Rows;
  struct Posting {  // of an n-gram: a text that has it, and how often
    std::uint32_t text, count;
  };
  static constexpr std::uint32_t sparse = ~0u;

  [[nodiscard]] std::span<const Posting> postings(std::uint32_t gram) const {
    return std::span(postings_).subspan(first_[gram], first_[gram + 1] - first_[gram]);
  }
  void list_postings();
  void spread_common();

  const BleuTexts* texts_;
  bleu_smoothing::Method1 smoothing_;
  std::vector<std::int64_t> lengths_;     // different numbers of words, ascending
  std::vector<std::uint32_t> length_of_;  // [n]: index into lengths_
  std::vector<std::uint32_t> first_;      // of the postings of each n-gram, ascending in text
  std::vector<Posting> postings_;
  std::vector<std::uint32_t> common_;  // by n-gram: row of counts_, or sparse
  std::vector<std::uint8_t> counts_;   // [common n-grams, n], at most 255
};

}  // namespace visplay

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/text/bleu_distances.ipp>
#endif
