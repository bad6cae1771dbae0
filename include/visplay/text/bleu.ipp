// Counting n-grams and comparing the counts.
#pragma once

#include <visplay/text/bleu.hpp>
#include <visplay/text/whitespace.hpp>

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <unordered_map>
#include <utility>

namespace visplay {

VISPLAY_INLINE BleuTexts::BleuTexts(std::span<const std::string_view> texts) {
  // An n-gram is its first n - 1 words (an n-gram of the order below) and its last word: its id is
  // that pair's number, so equal ids are equal n-grams, without hashing to trust.
  std::unordered_map<std::string_view, std::uint32_t> word_ids;
  std::array<std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint32_t>, max_order> gram_ids;
  texts_.resize(texts.size());
  for (std::size_t t = 0; t < texts.size(); ++t) {
    std::vector<std::uint32_t> words;
    std::string_view rest = texts[t];
    for (std::string_view word; !(word = take_word(rest)).empty();)
      words.push_back(word_ids.try_emplace(word, std::uint32_t(word_ids.size())).first->second);
    texts_[t].words = words.size();

    std::vector<std::uint32_t> grams = words;  // grams[i]: id of the n-gram that starts at word i
    for (int n = 1; n <= max_order && !grams.empty(); ++n) {
      if (n > 1) {
        grams.pop_back();
        for (std::size_t i = 0; i < grams.size(); ++i)
          grams[i] =
              gram_ids[n - 1]
                  .try_emplace({grams[i], words[i + n - 1]}, std::uint32_t(gram_ids[n - 1].size()))
                  .first->second;
      }
      std::vector<std::uint32_t> sorted = grams;
      std::ranges::sort(sorted);
      std::vector<Gram>& counted = texts_[t].grams[n - 1];
      for (const std::uint32_t id : sorted) {
        if (counted.empty() || counted.back().id != id) counted.push_back({id, 0});
        ++counted.back().count;
      }
    }
  }
}

VISPLAY_INLINE double BleuTexts::bleu(std::size_t hypothesis, std::size_t reference) const {
  const Text &said = texts_[hypothesis], &meant = texts_[reference];
  long double log_precision = 0;  // long: nltk adds the four logarithms exactly
  for (int n = 1; n <= max_order; ++n) {
    std::uint64_t matches = 0;
    auto other = meant.grams[n - 1].begin();
    for (const Gram& gram : said.grams[n - 1]) {
      while (other != meant.grams[n - 1].end() && other->id < gram.id) ++other;
      if (other == meant.grams[n - 1].end()) break;
      if (other->id == gram.id) matches += std::min(gram.count, other->count);
    }
    if (n == 1 && matches == 0) return 0;
    const double grams = said.words >= std::size_t(n) ? double(said.words - n + 1) : 1.;
    log_precision += 0.25 * std::log((matches ? double(matches) : epsilon) / grams);
  }
  const double brevity =
      said.words > meant.words ? 1. : std::exp(1 - double(meant.words) / double(said.words));
  return brevity * std::exp(double(log_precision));
}

VISPLAY_INLINE double sentence_bleu(std::string_view hypothesis, std::string_view reference) {
  const std::string_view both[] = {hypothesis, reference};
  return BleuTexts(both).bleu(0, 1);
}

}  // namespace visplay
