#include <visplay/text/bleu.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

#include "support/golden.hpp"
#include "support/hostile_text.hpp"

using namespace visplay;
using Catch::Matchers::WithinAbs;

TEST_CASE("BLEU of every pair is nltk's") {
  const auto golden = testing::golden("bleu.json");
  const auto texts = golden["texts"].get<std::vector<std::string>>();
  REQUIRE(golden["bleu"].size() == texts.size() * texts.size());
  const std::vector<std::string_view> views(texts.begin(), texts.end());
  const BleuTexts counted(views);
  std::size_t at = 0;
  for (std::size_t a = 0; a < texts.size(); ++a)
    for (std::size_t b = 0; b < texts.size(); ++b, ++at) {
      const double expected = golden["bleu"][at];
      INFO(texts[a] << " | " << texts[b]);
      CHECK_THAT(counted.bleu(a, b), WithinAbs(expected, 1e-15));
      CHECK(sentence_bleu(texts[a], texts[b]) == counted.bleu(a, b));
    }
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
