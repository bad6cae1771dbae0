#include <visplay/core/error.hpp>
#include <visplay/core/rng.hpp>
#include <visplay/io/tokenizer_json.hpp>
#include <visplay/text/bpe_trainer.hpp>
#include <visplay/text/tokenizer.hpp>
#include <visplay/text/unicode.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <tests/support/golden.hpp>

#include <algorithm>
#include <string>
#include <vector>

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

/// The 256 bytes and nothing else.
Vocabulary bytes_only() { return train_bpe({}, {.size = 256}); }

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
  const auto id = [&](std::string_view text) {
    return std::int32_t(std::ranges::find(vocabulary.tokens, text) - vocabulary.tokens.begin());
  };
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
