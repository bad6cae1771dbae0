#include <visplay/text/bleu_distances.hpp>

#include <catch2/catch_test_macros.hpp>

#include "support/hostile_text.hpp"
#include "support/question_batch.hpp"

#include <cstring>

using namespace visplay;

namespace {

/// Pairs whose distance is not bit for bit 1 - BLEU of the pair.
std::size_t different_pairs(const std::vector<std::string>& texts,
                            bleu_smoothing::Method1 smoothing = {}) {
  const BleuTexts counted(testing::views(texts));
  const BleuDistances distances(counted, smoothing);
  auto rows = distances.rows();
  std::vector<double> out(texts.size());
  std::size_t different = 0;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const std::span<double> row = std::span(out).first(texts.size() - i - 1);
    rows(i, row);
    for (std::size_t k = 0; k < row.size(); ++k) {
      const double expected = 1 - counted.bleu(i, i + 1 + k, smoothing);
      different += std::memcmp(&row[k], &expected, sizeof expected) != 0;
    }
  }
  return different;
}

std::string words(testing::SplitMix& draw, std::size_t count, std::uint64_t vocabulary) {
  std::string text;
  for (std::size_t w = 0; w < count; ++w) text += draw.word(vocabulary) + " ";
  return text;
}

}  // namespace

TEST_CASE("a row of distances holds the doubles of the pairs") {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    INFO("seed " << seed);
    CHECK(different_pairs(testing::question_batch(seed)) == 0);
    CHECK(different_pairs(testing::question_batch(seed), {.epsilon = 0.5}) == 0);
  }
}

TEST_CASE("texts of more words than a byte counts have exact distances too") {
  testing::SplitMix draw{7};
  std::vector<std::string> texts;
  for (const std::size_t count : {255u, 256u, 254u, 0u, 3u, 700u, 300u, 10u, 255u})
    for (const std::uint64_t vocabulary : {1u, 4u}) texts.push_back(words(draw, count, vocabulary));
  CHECK(different_pairs(texts) == 0);
  for (std::size_t t = 0; t < 64; ++t) texts.push_back(words(draw, 200 + t, 2));  // common n-grams
  CHECK(different_pairs(texts) == 0);
}

TEST_CASE("more different counts than are remembered have exact distances too") {
  testing::SplitMix draw{8};
  std::vector<std::string> texts;
  for (std::size_t t = 0; t < 200; ++t) texts.push_back(words(draw, 100 + draw.below(100), 6));
  CHECK(different_pairs(texts) == 0);
}

TEST_CASE("distances of any text lie between zero and one, and nothing throws") {
  std::vector<std::string> texts;
  for (int seed = 0; seed < 300; ++seed)
    texts.push_back(testing::random_markup(Rng(seed).fork("a")));
  CHECK(different_pairs(texts) == 0);
  const std::vector<std::string> hostile = testing::hostile_megabytes();
  CHECK(testing::seconds([&] {
          CHECK(different_pairs({hostile[0], hostile[9], hostile[9]}) == 0);
        }) < 10);
}

TEST_CASE("a row of the wrong length is refused") {
  const std::vector<std::string_view> texts{"a", "b", "c"};
  const BleuTexts counted(texts);
  const BleuDistances distances(counted);
  auto rows = distances.rows();
  std::vector<double> out(2);
  rows(0, out);
  CHECK_THROWS_AS(rows(1, out), Error);
  CHECK_THROWS_AS(rows(3, std::span<double>{}), Error);
}
