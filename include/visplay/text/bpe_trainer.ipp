// Bodies of bpe_trainer.hpp.
#pragma once

#include <visplay/core/error.hpp>
#include <visplay/text/bpe_trainer.hpp>
#include <visplay/text/pre_tokenize.hpp>
#include <visplay/text/unicode.hpp>

#include <array>
#include <queue>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

namespace visplay {
namespace detail {

/// The words as sequences of token ids, and where each pair of neighbours occurs.
class PairCounts {
 public:
  using Pair = std::pair<std::int32_t, std::int32_t>;

  PairCounts(const WordCounts& words, const std::array<std::int32_t, 256>& byte_ids) {
    for (const auto& [word, count] : words) {
      Word& w = words_.emplace_back();
      w.count = count;
      for (const unsigned char byte : word) w.ids.push_back(byte_ids[byte]);
      count_pairs(words_.size() - 1, 1);
    }
    for (const auto& [pair, seen] : pairs_) queue_.push({seen.count, pair});
  }

  /// The most frequent pair and its count; a count of 0: none left.
  std::pair<Pair, std::int64_t> most_frequent() {
    while (!queue_.empty()) {
      const Entry top = queue_.top();
      const std::int64_t now = pairs_[top.pair].count;
      if (now == top.count && now > 0) return {top.pair, now};
      queue_.pop();
      if (now > 0) queue_.push({now, top.pair});
    }
    return {{}, 0};
  }

  /// Replaces the pair by one token everywhere, left to right.
  void merge(const Pair& pair, std::int32_t result) {
    const std::set<std::size_t> where = std::move(pairs_[pair].words);
    std::set<Pair> risen;  // all others only became rarer: their entries are put right when met
    for (const std::size_t w : where) {
      count_pairs(w, -1);
      replace(words_[w].ids, pair, result);
      count_pairs(w, 1);
      const auto& ids = words_[w].ids;
      for (std::size_t i = 1; i < ids.size(); ++i)
        if (ids[i - 1] == result || ids[i] == result) risen.insert({ids[i - 1], ids[i]});
    }
    pairs_[pair] = {};
    for (const Pair& p : risen) queue_.push({pairs_[p].count, p});
  }

 private:
  struct Word {
    std::vector<std::int32_t> ids;
    std::int64_t count;
  };
  struct Seen {
    std::int64_t count = 0;
    std::set<std::size_t> words{};  // that hold the pair, or once did
  };
  struct Entry {
    std::int64_t count;
    Pair pair;
    bool operator<(const Entry& other) const {
      return count != other.count ? count < other.count : pair > other.pair;
    }
  };
  struct PairHash {
    std::size_t operator()(const Pair& p) const {
      return (std::uint64_t(p.first) << 32 | std::uint32_t(p.second)) * 0x9E3779B97F4A7C15ull >> 16;
    }
  };

  void count_pairs(std::size_t w, int sign) {
    const Word& word = words_[w];
    for (std::size_t i = 1; i < word.ids.size(); ++i) {
      const Pair pair{word.ids[i - 1], word.ids[i]};
      Seen& seen = pairs_[pair];
      seen.count += sign * word.count;
      if (sign > 0) seen.words.insert(w);
    }
  }

  static void replace(std::vector<std::int32_t>& ids, const Pair& pair, std::int32_t result) {
    std::size_t kept = 0;
    for (std::size_t i = 0; i < ids.size(); ++i) {
      const bool here = i + 1 < ids.size() && ids[i] == pair.first && ids[i + 1] == pair.second;
      ids[kept++] = here ? result : ids[i];
      i += here;
    }
    ids.resize(kept);
  }

  std::vector<Word> words_{};
  std::unordered_map<Pair, Seen, PairHash> pairs_{};
  std::priority_queue<Entry> queue_{};
};

}  // namespace detail

VISPLAY_INLINE void count_words(WordCounts& words, std::string_view text) {
  const std::string normal = nfc(text);
  for (const std::string_view piece : pre_tokenize(normal)) ++words[std::string(piece)];
}

VISPLAY_INLINE unsigned char byte_of_rank(int i) {
  // Printable ones: 0x21-0x7E, 0xA1-0xAC, 0xAE-0xFF. Then the rest in order.
  if (i < 94) return static_cast<unsigned char>(0x21 + i);
  if (i < 106) return static_cast<unsigned char>(0xA1 + i - 94);
  if (i < 188) return static_cast<unsigned char>(0xAE + i - 106);
  if (i < 221) return static_cast<unsigned char>(i - 188);
  return static_cast<unsigned char>(i < 255 ? 0x7F + i - 221 : 0xAD);
}

VISPLAY_INLINE Vocabulary train_bpe(const WordCounts& words, const BpeTraining& training) {
  check(training.size >= 256 && training.size <= 1 << 24 && training.min_count >= 1,
        "train_bpe: expected a size of at least 256 and a min_count of at least 1, got {} and {}",
        training.size, training.min_count);
  Vocabulary vocabulary;
  std::array<std::int32_t, 256> byte_ids{};
  std::unordered_map<std::string, std::int32_t> ids;
  for (int i = 0; i < 256; ++i) {
    vocabulary.tokens.emplace_back(1, char(byte_of_rank(i)));
    byte_ids[byte_of_rank(i)] = i;
  }
  detail::PairCounts pairs(words, byte_ids);
  while (std::int64_t(vocabulary.tokens.size()) < training.size) {
    const auto [pair, count] = pairs.most_frequent();
    if (count < training.min_count) break;
    const std::string text = vocabulary.tokens[pair.first] + vocabulary.tokens[pair.second];
    // Two pairs can spell one text: the second merge makes the same token.
    const auto [at, fresh] = ids.try_emplace(text, std::int32_t(vocabulary.tokens.size()));
    if (fresh) vocabulary.tokens.push_back(text);
    vocabulary.merges.push_back({pair.first, pair.second, at->second});
    pairs.merge(pair, at->second);
  }
  return vocabulary;
}

}  // namespace visplay
