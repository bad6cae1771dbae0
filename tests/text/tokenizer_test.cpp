#include <visplay/core/error.hpp>
#include <visplay/core/rng.hpp>
#include <visplay/io/tokenizer_json.hpp>
#include <visplay/text/bpe_trainer.hpp>
#include <visplay/text/pre_tokenize.hpp>
#include <visplay/text/tokenizer.hpp>
#include <visplay/text/unicode.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <tests/support/golden.hpp>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "text/mixed_text.hpp"

using namespace visplay;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;
using Ids = std::vector<std::int64_t>;

namespace {

const Tokenizer& small() {
  static const Tokenizer tokenizer(
      read_tokenizer_json(testing::golden_path("tokenizer/tokenizer.json")));
  return tokenizer;
}

/// FNV-1a, as tests/golden/make/mixed_text.py.
std::string hash_of(const Ids& ids) {
  std::uint64_t hash = 0xCBF29CE484222325;
  for (const std::int64_t id : ids) hash = (hash ^ std::uint64_t(id)) * 0x100000001B3;
  return std::to_string(hash);
}

/// Blocks of mixed text against the hashes of their ids, and what they decode to.
void check_mixed_text(const Tokenizer& tokenizer, const char* vocabulary) {
  const auto golden = testing::golden("tokenizer/mixed.json");
  REQUIRE(golden.at("blocks").size() == 40);
  for (const auto& block : golden.at("blocks")) {
    const std::string text = test::mixed_text(block.at("seed"), golden.at("size"));
    CAPTURE(vocabulary, block.at("seed").get<int>());
    REQUIRE(text.size() == block.at("bytes").get<std::size_t>());
    const Ids ids = tokenizer.encode(text);
    CHECK(ids.size() == block.at(vocabulary).at("ids").get<std::size_t>());
    CHECK(hash_of(ids) == block.at(vocabulary).at("fnv").get<std::string>());
    CHECK(tokenizer.decode(ids) == nfc(text));
  }
}

/// The 256 bytes and nothing else.
Vocabulary bytes_only() { return train_bpe({}, {.size = 256}); }

std::int32_t id_of(const Vocabulary& vocabulary, std::string_view text) {
  return std::int32_t(std::ranges::find(vocabulary.tokens, text) - vocabulary.tokens.begin());
}

}  // namespace

TEST_CASE("ids equal those of tokenizers, with and without added tokens") {
  const auto golden = testing::golden("tokenizer/cases.json");
  REQUIRE(golden.at("encode").size() > 200);
  for (const auto& one : golden.at("encode")) {
    const std::string text = one.at("text");
    CAPTURE(text);
    CHECK(small().encode(text) == one.at("ids").get<Ids>());
    CHECK(small().encode_plain(text) == one.at("plain").get<Ids>());
  }
}

TEST_CASE("decoding equals that of tokenizers, broken characters included") {
  const auto golden = testing::golden("tokenizer/cases.json");
  for (const auto& one : golden.at("decode")) {
    const Ids ids = one.at("ids");
    CHECK(small().decode(ids) == one.at("text").get<std::string>());
    CHECK(small().decode(ids, true) == one.at("without_special").get<std::string>());
  }
}

TEST_CASE("mixed text of 34 alphabets gives the ids of tokenizers and comes back") {
  check_mixed_text(small(), "small");
}

TEST_CASE("mixed text with the real Qwen vocabulary gives the ids of tokenizers and comes back") {
  const auto file = testing::shared_path("data/qwen-tokenizer/tokenizer.json");
  if (!std::filesystem::exists(file)) SKIP("needs ../shared/data/qwen-tokenizer/tokenizer.json");
  check_mixed_text(Tokenizer(read_tokenizer_json(file)), "qwen");
}

TEST_CASE("trap 33: numbers are cut into single digits, merges or not") {
  Vocabulary vocabulary = bytes_only();
  vocabulary.tokens.push_back("12");
  vocabulary.merges = {{id_of(vocabulary, "1"), id_of(vocabulary, "2"), 256}};
  const Tokenizer tokenizer(vocabulary);
  CHECK(tokenizer.encode("12") == Ids{id_of(vocabulary, "1"), id_of(vocabulary, "2")});
}

TEST_CASE("trap 33: added tokens are cut out before NFC") {
  // U+212B becomes U+00C5 by NFC: a token of that text is found only in the text as it stands, one
  // with `normalized` only afterwards.
  for (const bool normalized : {false, true}) {
    Vocabulary vocabulary = bytes_only();
    vocabulary.added = {{.id = 256, .text = "\u212B", .normalized = normalized}};
    const Tokenizer tokenizer(vocabulary);
    CHECK(tokenizer.encode("\u212B") == Ids{256});
    CHECK((tokenizer.encode("\u00C5") == Ids{256}) == normalized);
    CHECK((tokenizer.encode("A\u030A") == Ids{256}) == normalized);
  }
}

TEST_CASE("trap 33: classes are those of Unicode 16, NFC is that of an older one") {
  // U+1C89 and U+A7CB became letters in Unicode 16: with other letters they are one piece.
  CHECK(pre_tokenize("a\u1C89\uA7CBa").size() == 1);
  // U+105D2 U+0307 composes to U+105C9 in Unicode 16 and not in the tables of tokenizers 0.23.
  CHECK(nfc("\U000105D2\u0307") == "\U000105D2\u0307");
}

TEST_CASE("trap 33: bytes that are not UTF-8 are read as U+FFFD, one for each maximal part") {
  const std::string r = "\uFFFD";
  CHECK(small().encode("a\xFF z") == small().encode("a" + r + " z"));
  CHECK(small().encode("\xE4\xB8") == small().encode(r));
  CHECK(small().encode("\xE4\xB8<|im_end|>") == small().encode(r + "<|im_end|>"));
  CHECK(small().encode_plain("\xC0\xAF") == small().encode_plain(r + r));
}

TEST_CASE("added tokens take white space along, or only stand alone, as their flags say") {
  Vocabulary vocabulary = bytes_only();
  const auto with = [&](AddedToken token) {
    token.id = 256, token.text = "<x>";
    vocabulary.added = {token};
    return Tokenizer(vocabulary);
  };
  // How many of the added token, how many in all.
  const auto counts = [](const Tokenizer& tokenizer, const char* text) {
    const Ids ids = tokenizer.encode(text);
    return Ids{std::ranges::count(ids, 256), std::ssize(ids)};
  };
  CHECK(counts(with({.lstrip = true}), "a \u3000\n<x> b") == Ids{1, 4});
  CHECK(counts(with({.rstrip = true}), "a <x>\t \u00A0b") == Ids{1, 4});
  CHECK(counts(with({.single_word = true}), "a<x> <x>.<x>") == Ids{2, 8});
  CHECK(counts(with({.single_word = true}), "<x>\u0301") == Ids{0, 5});
}

TEST_CASE("a piece that is a token is not taken as one if the merges give other tokens") {
  Vocabulary vocabulary = bytes_only();
  const auto id = [&](std::string_view text) { return id_of(vocabulary, text); };
  vocabulary.tokens.insert(vocabulary.tokens.end(), {"bc", "ab", "abc"});
  vocabulary.merges = {{id("b"), id("c"), 256}, {id("a"), id("b"), 257}, {257, id("c"), 258}};
  CHECK(Tokenizer(vocabulary).encode("abc") == Ids{id("a"), 256});
  vocabulary.ignore_merges = true;
  CHECK(Tokenizer(vocabulary).encode("abc") == Ids{258});
}

TEST_CASE("without a normalizer the text stays as it is") {
  Vocabulary vocabulary = small().vocabulary();
  vocabulary.nfc = false;
  const Tokenizer tokenizer(vocabulary);
  CHECK(tokenizer.decode(tokenizer.encode("e\u0301 \u212B")) == "e\u0301 \u212B");
  CHECK(small().decode(small().encode("e\u0301 \u212B")) == "\u00E9 \u00C5");
}

TEST_CASE("any bytes come back as their NFC") {
  Rng rng(3);
  for (int i = 0; i < 300; ++i) {
    std::string text;
    for (std::uint64_t n = rng.below(40); n > 0; --n)
      text += char(rng.chance(0.5) ? 32 + rng.below(95) : rng.below(256));
    CHECK(small().decode(small().encode_plain(text)) == nfc(text));
  }
}

TEST_CASE("plain text never yields an added token") {
  for (const AddedToken& token : small().vocabulary().added) {
    const Ids plain = small().encode_plain("x " + token.text + "y");
    CHECK(std::ranges::find(plain, token.id) == plain.end());
    const Ids marked = small().encode("x " + token.text + "y");
    CHECK(std::ranges::count(marked, token.id) == 1);
  }
}

TEST_CASE("of added tokens at one place the longest is taken") {
  Vocabulary vocabulary = bytes_only();
  const std::vector<std::string_view> texts{"<a>", "<a><b>", "<b>"};
  add_tokens(vocabulary, texts, false);
  const Tokenizer tokenizer(vocabulary);
  CHECK(tokenizer.encode("<a><b><a><a>") == Ids{257, 256, 256});
  CHECK(tokenizer.size() == 259);
}

TEST_CASE("merges go by rank, the leftmost of equals first") {
  Vocabulary vocabulary = bytes_only();
  const auto id = [&](std::string_view text) { return id_of(vocabulary, text); };
  vocabulary.tokens.insert(vocabulary.tokens.end(), {"bc", "ab", "aa"});
  vocabulary.merges = {{id("b"), id("c"), 256}, {id("a"), id("b"), 257}, {id("a"), id("a"), 258}};
  const Tokenizer tokenizer(vocabulary);
  CHECK(tokenizer.encode("abc") == Ids{id("a"), 256});
  CHECK(tokenizer.encode("aaa") == Ids{258, id("a")});
  CHECK(tokenizer.encode("aaab") == Ids{258, 257});
}

TEST_CASE("a long piece without blanks is encoded in n log n") {
  const std::string text(200000, 'e');
  CHECK(small().decode(small().encode(text)) == text);
}

TEST_CASE("ids without a token decode to nothing and are not special") {
  CHECK(small().decode(Ids{-1, small().size(), 1 << 30}).empty());
  CHECK_FALSE(small().is_special(-1));
  CHECK_FALSE(small().is_special(small().size()));
}

TEST_CASE("a token is found by its text, a missing one is named") {
  CHECK(small().bytes_of(small().id_of("<|image_pad|>")) == "<|image_pad|>");
  CHECK(small().is_special(small().id_of("<|im_end|>")));
  CHECK_FALSE(small().is_special(small().id_of("<tool_call>")));
  CHECK_FALSE(small().find("<think>").has_value());
  CHECK_THROWS_MATCHES(small().id_of("<think>"), Error,
                       MessageMatches(ContainsSubstring("\"<think>\"")));
}

TEST_CASE("streamed text equals decoded text and never splits a character") {
  const std::string text = "naïve 日本語 😀 <|im_end|> ok";
  const Ids ids = small().encode(text);
  StreamingDecoder stream(small(), false);
  std::string streamed;
  for (const std::int64_t id : ids) {
    const std::string part = stream.push(id);
    CHECK(part.find("\uFFFD") == std::string::npos);
    streamed += part;
  }
  CHECK(stream.finish().empty());
  CHECK(streamed == text);
}

TEST_CASE("a stream cut inside a character ends in U+FFFD, invalid bytes are not held back") {
  Rng rng(4);
  for (int i = 0; i < 200; ++i) {
    Ids ids;
    for (std::uint64_t n = rng.below(20); n > 0; --n)
      ids.push_back(std::int64_t(rng.below(std::uint64_t(small().size()))));
    for (const bool skip : {false, true}) {
      StreamingDecoder stream(small(), skip);
      std::string streamed;
      for (const std::int64_t id : ids) streamed += stream.push(id);
      CHECK(streamed + stream.finish() == small().decode(ids, skip));
    }
  }
}

TEST_CASE("a vocabulary that cannot work is refused in one sentence") {
  const auto refused = [](const Vocabulary& vocabulary, const char* why) {
    CHECK_THROWS_MATCHES(Tokenizer(vocabulary), Error, MessageMatches(ContainsSubstring(why)));
  };
  Vocabulary v = bytes_only();
  v.tokens.pop_back();
  refused(v, "a token for each byte");
  v = bytes_only();
  v.tokens.push_back("a");
  refused(v, "unique tokens");
  v = bytes_only();
  v.tokens.push_back("ab");
  v.merges.push_back({0, 1, 256});
  refused(v, "merge 0");
  v.merges = {{0, 1, 9999}};
  refused(v, "merge 0");
  v = bytes_only();
  v.added.push_back({1ll << 40, "<x>", true});
  refused(v, "<x>");
  v.added = {{0, "<x>", true}};
  refused(v, "collides");
  v = bytes_only();
  v.tokens.push_back(v.tokens[0] + v.tokens[1]);
  v.merges.push_back({0, 1, 256});
  v.added.push_back({256, v.tokens[256], true});
  refused(v, "makes the special token");
}

TEST_CASE("Qwen's control tokens have its order") {
  Vocabulary vocabulary = bytes_only();
  vocabulary.tokens.resize(151643);  // holes, as if the real vocabulary were here
  add_qwen_tokens(vocabulary);
  const Tokenizer tokenizer(vocabulary);
  CHECK(tokenizer.id_of("<|endoftext|>") == 151643);
  CHECK(tokenizer.id_of("<|im_end|>") == 151645);
  CHECK(tokenizer.id_of("<|image_pad|>") == 151655);
  CHECK(tokenizer.id_of("<|file_sep|>") == 151664);
  CHECK(tokenizer.is_special(151656));
  CHECK_FALSE(tokenizer.is_special(151657));
  CHECK(tokenizer.size() == 151665);
}
