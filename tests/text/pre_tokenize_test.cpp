#include <visplay/core/rng.hpp>
#include <visplay/text/pre_tokenize.hpp>
#include <visplay/text/unicode.hpp>

#include <catch2/catch_test_macros.hpp>

#include <tests/support/golden.hpp>

#include <string>
#include <vector>

using namespace visplay;

TEST_CASE("pieces are those of tokenizers with Qwen's pattern") {
  const auto golden = testing::golden("tokenizer/cases.json");
  for (const auto& one : golden.at("encode")) {
    const std::string text = nfc(one.at("text").get<std::string>());
    CAPTURE(text);
    std::vector<std::string> pieces;
    for (const auto piece : pre_tokenize(text)) pieces.emplace_back(piece);
    CHECK(pieces == one.at("pieces").get<std::vector<std::string>>());
  }
}

TEST_CASE("a run of blanks leaves its last one to the word that follows") {
  using Pieces = std::vector<std::string_view>;
  CHECK(pre_tokenize("a   b") == Pieces{"a", "  ", " b"});
  CHECK(pre_tokenize("a   ") == Pieces{"a", "   "});
  CHECK(pre_tokenize("a  \n  b") == Pieces{"a", "  \n", " ", " b"});
  CHECK(pre_tokenize("we'LL 42") == Pieces{"we", "'LL", " ", "4", "2"});
}

TEST_CASE("pieces cover any text exactly") {
  Rng rng(2);
  for (int i = 0; i < 300; ++i) {
    std::string bytes;
    for (std::uint64_t n = rng.below(60); n > 0; --n) bytes += char(rng.below(256));
    const std::string text = valid_utf8(bytes);
    std::string joined;
    for (const auto piece : pre_tokenize(text)) {
      CHECK_FALSE(piece.empty());
      joined += piece;
    }
    CHECK(joined == text);
  }
}
