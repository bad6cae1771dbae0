#include <visplay/core/error.hpp>
#include <visplay/io/tokenizer_json.hpp>
#include <visplay/text/bpe_trainer.hpp>

#include <catch2/catch_test_macros.hpp>

#include <tests/support/golden.hpp>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

using namespace visplay;

TEST_CASE("merges and ids equal those of tokenizers' trainer") {
  const auto golden = testing::golden("tokenizer/cases.json");
  const auto theirs = read_tokenizer_json(testing::golden_path("tokenizer/tokenizer.json"));
  WordCounts words;
  for (const auto& line : golden.at("corpus")) count_words(words, line.get<std::string>());
  Vocabulary ours = train_bpe(words, {.size = std::int64_t(theirs.tokens.size()), .min_count = 2});
  CHECK(ours.merges == theirs.merges);
  add_qwen_tokens(ours);
  CHECK(ours == theirs);
}

TEST_CASE("each merge is the most frequent pair of what the merges before it left") {
  // An oracle without bookkeeping: recount everything at each step; overlaps and ties included.
  const WordCounts words{{"aaaa", 3}, {"aab", 5}, {"----", 2}, {"-----", 4}, {"ab", 1}, {"ba", 5}};
  const Vocabulary trained = train_bpe(words, {.size = 270, .min_count = 1});
  std::map<std::string, int> id_of;
  for (int i = 0; i < 256; ++i) id_of[std::string(1, char(byte_of_rank(i)))] = i;
  std::vector<std::pair<std::vector<int>, std::int64_t>> split;
  for (const auto& [word, count] : words) {
    split.push_back({{}, count});
    for (const char c : word) split.back().first.push_back(id_of[std::string(1, c)]);
  }
  for (const Merge& merge : trained.merges) {
    std::map<std::pair<int, int>, std::int64_t> counts;
    for (const auto& [ids, count] : split)
      for (std::size_t i = 1; i < ids.size(); ++i) counts[{ids[i - 1], ids[i]}] += count;
    const auto best = std::ranges::max_element(
        counts, [](const auto& a, const auto& b) { return a.second < b.second; });  // first of ties
    CHECK(best->first == std::pair(int(merge.left), int(merge.right)));
    for (auto& [ids, count] : split)
      for (std::size_t i = 0; i + 1 < ids.size(); ++i)
        if (ids[i] == merge.left && ids[i + 1] == merge.right) {
          ids[i] = merge.result;
          ids.erase(ids.begin() + std::ptrdiff_t(i) + 1);
        }
  }
  CHECK(trained.merges.size() > 5);
}

TEST_CASE("the order of ids is GPT-2's: printable bytes first") {
  CHECK(byte_of_rank(0) == '!');
  CHECK(byte_of_rank(93) == '~');
  CHECK(byte_of_rank(188) == 0);
  CHECK(byte_of_rank(220) == ' ');
  CHECK(byte_of_rank(221) == 0x7F);
  CHECK(byte_of_rank(255) == 0xAD);
  std::set<int> seen;
  for (int i = 0; i < 256; ++i) seen.insert(byte_of_rank(i));
  CHECK(seen.size() == 256);
}

TEST_CASE("training stops when no pair is frequent enough, and refuses impossible settings") {
  CHECK(train_bpe({{"ab", 1}}, {.size = 300, .min_count = 2}).tokens.size() == 256);
  CHECK(train_bpe({{"ab", 2}}, {.size = 300, .min_count = 2}).tokens.size() == 257);
  CHECK(train_bpe({}, {.size = 300}).tokens.size() == 256);
  CHECK_THROWS_AS(train_bpe({}, {.size = 255}), Error);
  CHECK_THROWS_AS(train_bpe({}, {.size = 256, .min_count = 0}), Error);
}
