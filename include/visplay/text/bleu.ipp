// Counting n-grams and comparing the counts.
#pragma once

#include <visplay/text/bleu.hpp>
#include <visplay/text/whitespace.hpp>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <unordered_map>
#include <utility>

namespace visplay {
namespace detail {

/// Numbers pairs in order of first appearance. Open addressing; pairs are compared whole, so equal
/// numbers are equal pairs.
class PairNumbers {
 public:
  /// Room for that many different pairs, empty again; numbers start at `first`.
  void reset(std::size_t pairs, std::uint32_t first) {
    const std::size_t room = std::bit_ceil(2 * pairs + 2);
    slots_.assign(room, Slot{});
    shift_ = 64 - std::countr_zero(room);
    next_ = first;
  }
  std::uint32_t number(std::uint32_t left, std::uint32_t right) {
    const std::uint64_t pair = std::uint64_t(left) << 32 | right;
    const std::uint64_t mixed = (pair ^ pair >> 29) * 0x9e3779b97f4a7c15u;
    for (std::size_t at = mixed >> shift_;; at = (at + 1) & (slots_.size() - 1)) {
      Slot& slot = slots_[at];
      if (slot.number == none) slot = {pair, next_++};
      if (slot.pair == pair) return slot.number;
    }
  }
  [[nodiscard]] std::uint32_t next() const { return next_; }

 private:
  static constexpr std::uint32_t none = ~0u;
  struct Slot {
    std::uint64_t pair = 0;
    std::uint32_t number = none;
  };
  std::vector<Slot> slots_;
  int shift_ = 0;
  std::uint32_t next_ = 0;
};

/// The words of all texts as numbers, one text after the other.
VISPLAY_INLINE std::vector<std::uint32_t> number_words(std::span<const std::string_view> texts,
                                                       std::vector<std::int64_t>& words_of_text) {
  std::unordered_map<std::string_view, std::uint32_t> ids;
  std::vector<std::uint32_t> words;
  for (std::string_view rest : texts) {
    const std::size_t before = words.size();
    for (std::string_view word; !(word = take_word(rest)).empty();)
      words.push_back(ids.try_emplace(word, std::uint32_t(ids.size())).first->second);
    words_of_text.push_back(std::int64_t(words.size() - before));
  }
  return words;
}

/// Appends each id once, with its count; sorts ids.
VISPLAY_INLINE void append_counted(std::span<std::uint32_t> ids,
                                   std::vector<BleuTexts::Gram>& grams) {
  std::ranges::sort(ids);
  const std::size_t first = grams.size();
  for (const std::uint32_t id : ids) {
    if (grams.size() == first || grams.back().id != id) grams.push_back({id, 0});
    ++grams.back().count;
  }
}

/// The sum of up to 4 terms rounded once, as Python's math.fsum gives it (Shewchuk 1997: partial
/// sums that do not overlap, ascending in magnitude).
VISPLAY_INLINE double exact_sum(std::span<const double> terms) {
  double parts[5];
  int n = 0;
  for (double x : terms) {
    int kept = 0;
    for (int i = 0; i < n; ++i) {
      double y = parts[i];
      if (std::abs(x) < std::abs(y)) std::swap(x, y);
      const double sum = x + y, lost = y - (sum - x);
      if (lost != 0) parts[kept++] = lost;
      x = sum;
    }
    n = kept;
    parts[n++] = x;
  }
  double sum = 0, lost = 0;
  while (n > 0 && lost == 0) {
    const double before = sum, part = parts[--n];
    sum = before + part;
    lost = part - (sum - before);
  }
  // Half way between two doubles, the sign of what is left decides.
  if (n > 0 && ((lost < 0 && parts[n - 1] < 0) || (lost > 0 && parts[n - 1] > 0))) {
    const double twice = 2 * lost, up = sum + twice;
    if (twice == up - sum) sum = up;
  }
  return sum;
}

}  // namespace detail

VISPLAY_INLINE double bleu_precision(const BleuPrecisions& precisions) {
  double terms[4];
  int n = 0;
  for (const double p : precisions.p)
    if (p > 0) terms[n++] = 0.25 * std::log(p);
  return std::exp(detail::exact_sum({terms, std::size_t(n)}));
}

VISPLAY_INLINE double bleu_brevity(std::int64_t words, std::int64_t reference_words) {
  return words > reference_words ? 1. : std::exp(1 - double(reference_words) / double(words));
}

VISPLAY_INLINE BleuTexts::BleuTexts(std::span<const std::string_view> texts, int orders)
    : orders_(orders) {
  check(orders == 4 || orders == 5, "BLEU: expected n-grams of up to 4 or 5 words, got {}", orders);
  words_.reserve(texts.size());
  const std::vector<std::uint32_t> words = detail::number_words(texts, words_);
  // An n-gram is its first n - 1 words (an n-gram of the order below) and its last word: its id is
  // that pair's number. ids[n - 1][i]: of the n-gram that starts at word i.
  std::vector<std::vector<std::uint32_t>> ids(std::size_t(orders), words);
  detail::PairNumbers numbers;
  for (int n = 1; n <= orders; ++n) {
    numbers.reset(words.size(), std::uint32_t(distinct_));
    std::size_t begin = 0;
    for (const std::int64_t count : words_) {
      for (std::size_t i = begin; i + std::size_t(n - 1) < begin + std::size_t(count); ++i)
        ids[n - 1][i] = numbers.number(n > 1 ? ids[n - 2][i] : 0, words[i + std::size_t(n - 1)]);
      begin += std::size_t(count);
    }
    distinct_ = numbers.next();
  }
  grams_.reserve(words.size() * std::size_t(orders));
  first_.push_back(0);
  std::size_t begin = 0;
  for (const std::int64_t count : words_) {
    for (int n = 1; n <= orders; ++n) {
      const std::size_t starts = std::size_t(std::max<std::int64_t>(0, count - n + 1));
      detail::append_counted(std::span(ids[n - 1]).subspan(begin, starts), grams_);
      first_.push_back(grams_.size());
    }
    begin += std::size_t(count);
  }
}

VISPLAY_INLINE BleuMatches BleuTexts::matches(std::size_t hypothesis, std::size_t reference) const {
  BleuMatches found{.words = words(hypothesis), .reference_words = words(reference)};
  for (int n = 1; n <= orders_; ++n) {
    const std::span<const Gram> meant = grams(reference, n);
    auto other = meant.begin();
    for (const Gram& gram : grams(hypothesis, n)) {
      while (other != meant.end() && other->id < gram.id) ++other;
      if (other == meant.end()) break;
      if (other->id == gram.id) found.matched[n - 1] += std::min(gram.count, other->count);
    }
    if (found.matched[n - 1] == 0) break;  // nothing longer matches either
  }
  return found;
}

}  // namespace visplay
