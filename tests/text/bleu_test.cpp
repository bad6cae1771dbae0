#include <visplay/text/bleu.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

#include "support/golden.hpp"
#include "support/hostile_text.hpp"
#include "support/question_batch.hpp"

#include <algorithm>
#include <cmath>

using namespace visplay;
using Catch::Matchers::WithinAbs;

namespace {

/// Largest difference to nltk over all pairs, relative; what nltk refuses is next to nothing here.
template <class Smoothing>
double largest_difference(const nlohmann::json& golden, const Smoothing& smoothing, int method) {
  const auto texts = golden["texts"].get<std::vector<std::string>>();
  const BleuTexts counted(testing::views(texts), 5);
  const auto& expected = golden["bleu"][std::size_t(method)];
  REQUIRE(expected.size() == texts.size() * texts.size());
  double largest = 0;
  for (std::size_t at = 0; at < expected.size(); ++at) {
    const double found = counted.bleu(at / texts.size(), at % texts.size(), smoothing);
    INFO(smoothing.name << ": " << texts[at / texts.size()] << " | " << texts[at % texts.size()]);
    if (expected[at].is_null()) {
      CHECK(found < 1e-70);
    } else if (const double value = expected[at]; value == 0) {
      CHECK(found == 0);
    } else {
      largest = std::max(largest, std::abs(found / value - 1));
    }
  }
  return largest;
}

}  // namespace

TEST_CASE("BLEU of every pair is nltk's with each of its smoothings") {
  using namespace bleu_smoothing;
  const auto golden = testing::golden("bleu.json");
  // 1e-15: a few units in the last place, for other versions of exp and log. Methods 5 to 7 sum
  // fractions, which nltk does exactly.
  CHECK(largest_difference(golden, Method0{}, 0) <= 1e-15);
  CHECK(largest_difference(golden, Method1{}, 1) <= 1e-15);
  CHECK(largest_difference(golden, Method2{}, 2) <= 1e-15);
  CHECK(largest_difference(golden, Method3{}, 3) <= 1e-15);
  CHECK(largest_difference(golden, Method4{}, 4) <= 1e-15);
  CHECK(largest_difference(golden, Method5{}, 5) <= 2e-15);
  CHECK(largest_difference(golden, Method6{}, 6) <= 2e-15);
  CHECK(largest_difference(golden, Method7{}, 7) <= 2e-15);
}

TEST_CASE("one pair and many give the same BLEU") {
  const auto texts = testing::golden("bleu.json")["texts"].get<std::vector<std::string>>();
  const BleuTexts counted(testing::views(texts));
  for (std::size_t a = 0; a < texts.size(); ++a)
    for (std::size_t b = 0; b < texts.size(); ++b)
      CHECK(sentence_bleu(texts[a], texts[b]) == counted.bleu(a, b));
}

TEST_CASE("a smoothing that needs longer n-grams than were counted is refused") {
  const BleuTexts counted(std::vector<std::string_view>{"a b", "a c"});
  CHECK_THROWS_AS(counted.bleu(0, 1, bleu_smoothing::Method5{}), Error);
  CHECK_THROWS_AS(BleuTexts({}, 3), Error);
  CHECK(sentence_bleu("a b", "a c", bleu_smoothing::Method5{}) > 0);
}

TEST_CASE("BLEU of equal sentences is one from four words on, and depends on the direction") {
  CHECK(sentence_bleu("is there a cross", "is there a cross") == 1.);
  // Three words: no 4-gram, which counts as 0.1 of one. 0.1^(1/4) = 0.562.
  CHECK_THAT(sentence_bleu("there a cross", "there a cross"),
             WithinAbs(std::pow(0.1, 0.25), 1e-15));
  CHECK(sentence_bleu("a b c d", "a b c d e f") != sentence_bleu("a b c d e f", "a b c d"));
  CHECK(sentence_bleu("", "") == 0.);
}

TEST_CASE("BLEU lies between zero and one for any text, in time that grows with its length") {
  for (int seed = 0; seed < 1000; ++seed) {
    const double bleu = sentence_bleu(testing::random_markup(Rng(seed).fork("a")),
                                      testing::random_markup(Rng(seed).fork("b")));
    CHECK(bleu >= 0);
    CHECK(bleu <= 1);
  }
  const std::string words(1 << 20, 'a');
  std::string many;
  for (int i = 0; i < 200'000; ++i) many += std::to_string(i % 1000) + " ";
  CHECK(testing::seconds([&] { (void)sentence_bleu(words, many); }) < 5);
  CHECK(testing::seconds([&] { (void)sentence_bleu(many, many); }) < 5);
}
