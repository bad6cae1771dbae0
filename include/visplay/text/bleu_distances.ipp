// Rows of match counts, and the values that belong to them.
#pragma once

#include <visplay/text/bleu_distances.hpp>

#include <algorithm>
#include <bit>
#include <utility>

namespace visplay {

VISPLAY_INLINE BleuDistances::BleuDistances(const BleuTexts& texts,
                                            bleu_smoothing::Method1 smoothing)
    : texts_(&texts), smoothing_(smoothing) {
  for (std::size_t t = 0; t < size(); ++t) lengths_.push_back(texts.words(t));
  std::ranges::sort(lengths_);
  lengths_.erase(std::unique(lengths_.begin(), lengths_.end()), lengths_.end());
  for (std::size_t t = 0; t < size(); ++t)
    length_of_.push_back(
        std::uint32_t(std::ranges::lower_bound(lengths_, texts.words(t)) - lengths_.begin()));
  list_postings();
  spread_common();
}

VISPLAY_INLINE void BleuDistances::list_postings() {
  first_.assign(texts_->distinct_grams() + 1, 0);
  const auto for_each_gram = [this](const auto& body) {
    for (std::size_t t = 0; t < size(); ++t)
      for (int n = 1; n <= 4; ++n)
        for (const BleuTexts::Gram& gram : texts_->grams(t, n)) body(t, gram);
  };
  for_each_gram([&](std::size_t, const BleuTexts::Gram& gram) { ++first_[gram.id]; });
  std::uint32_t end = 0;
  for (std::uint32_t& first : first_) end += std::exchange(first, end);
  postings_.resize(end);
  std::vector<std::uint32_t> next = first_;
  for_each_gram([&](std::size_t t, const BleuTexts::Gram& gram) {
    postings_[next[gram.id]++] = {std::uint32_t(t), gram.count};
  });
}

VISPLAY_INLINE void BleuDistances::spread_common() {
  common_.assign(texts_->distinct_grams(), sparse);
  std::uint32_t rows = 0;
  for (std::size_t g = 0; g < common_.size(); ++g) {
    // Adding to all texts costs a sixteenth of a list entry each.
    if (size() < 64 || first_[g + 1] - first_[g] < size() / 16) continue;
    common_[g] = rows++;
    counts_.resize(rows * size());
    for (std::uint32_t p = first_[g]; p < first_[g + 1]; ++p)
      counts_[(rows - 1) * size() + postings_[p].text] =
          std::uint8_t(std::min(postings_[p].count, 255u));
  }
}

VISPLAY_INLINE BleuDistances::Rows::Rows(const BleuDistances& all)
    : all_(&all), matched_(all.size()), brevity_(all.lengths_.size()) {
  const std::size_t room = std::clamp<std::size_t>(std::bit_ceil(8 * all.size() + 2), 2, 4096);
  known_.resize(room);
  shift_ = 64 - std::countr_zero(room);
}

VISPLAY_INLINE void BleuDistances::Rows::count_matches(std::size_t i) {
  const std::size_t n = all_->size();
  std::fill(matched_.begin() + std::ptrdiff_t(i), matched_.end(), 0u);
  for (int order = 1; order <= 4; ++order) {
    const int byte = 8 * (order - 1);
    for (const BleuTexts::Gram& gram : all_->texts_->grams(i, order)) {
      const std::uint32_t here = gram.count, row = all_->common_[gram.id];
      if (row != sparse) {
        const std::uint8_t* const there = all_->counts_.data() + row * n;
        std::uint32_t* const matched = matched_.data();
        for (std::size_t j = i + 1; j < n; ++j)
          matched[j] += std::min(here, std::uint32_t(there[j])) << byte;
        continue;
      }
      const std::span<const Posting> list = all_->postings(gram.id);
      for (auto p = list.rbegin(); p != list.rend() && p->text > i; ++p)
        matched_[p->text] += std::min(here, p->count) << byte;
    }
  }
}

VISPLAY_INLINE void BleuDistances::Rows::learn(Known& known, std::uint64_t key) const {
  BleuMatches m{.words = std::int64_t(key >> 32)};
  for (int n = 0; n < 4; ++n) m.matched[n] = std::int64_t(key >> (8 * n) & 255);
  known = {key, m.matched[0] ? bleu_precision(all_->smoothing_(m)) : 0.};
}

VISPLAY_INLINE void BleuDistances::Rows::operator()(std::size_t i, std::span<double> out) {
  const BleuDistances& all = *all_;
  const std::size_t n = all.size();
  check(i < n && out.size() == n - i - 1, "BLEU row {} of {} texts: got room for {} distances", i,
        n, out.size());
  const std::int64_t words = all.texts_->words(i);
  if (words > 255) {  // counts may not fit into bytes
    long_row(i, out);
    return;
  }
  if (words == 0) {
    std::ranges::fill(out, 1.);
    return;
  }
  count_matches(i);
  if (brevity_words_ != words)
    for (std::size_t l = 0; l < brevity_.size(); ++l)
      brevity_[l] = bleu_brevity(words, all.lengths_[l]);
  brevity_words_ = words;
  look_up(words, matched_.data() + i + 1, all.length_of_.data() + i + 1, out);
}

VISPLAY_INLINE void BleuDistances::Rows::long_row(std::size_t i, std::span<double> out) const {
  const BleuTexts& texts = *all_->texts_;
  std::vector<BleuMatches> matches(out.size());
  for (int order = 1; order <= 4; ++order)
    for (const BleuTexts::Gram& gram : texts.grams(i, order))
      for (const Posting& there : all_->postings(gram.id))
        if (there.text > i)
          matches[there.text - i - 1].matched[order - 1] += std::min(gram.count, there.count);
  for (std::size_t k = 0; k < out.size(); ++k) {
    matches[k].words = texts.words(i);
    matches[k].reference_words = texts.words(i + 1 + k);
    out[k] = 1 - bleu_of(matches[k], all_->smoothing_);
  }
}

VISPLAY_INLINE void BleuDistances::Rows::look_up(std::int64_t words, const std::uint32_t* matched,
                                                 const std::uint32_t* length,
                                                 std::span<double> out) {
  const double* const brevity = brevity_.data();
  Known* const places = known_.data();
  const int shift = shift_;
  const std::uint64_t high = std::uint64_t(words) << 32;
  double* const result = out.data();
  for (std::size_t k = 0, n = out.size(); k < n; ++k) {
    const std::uint64_t key = high | matched[k];
    Known& known = places[key * 0x9e3779b97f4a7c15u >> shift];
    if (known.key != key) [[unlikely]]
      learn(known, key);
    result[k] = 1 - brevity[length[k]] * known.precision;
  }
}

}  // namespace visplay
