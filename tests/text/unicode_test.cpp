#include <visplay/core/rng.hpp>
#include <visplay/text/unicode.hpp>

#include <catch2/catch_test_macros.hpp>

#include <tests/support/golden.hpp>

#include <cstdint>
#include <string>
#include <vector>

using namespace visplay;

namespace {

std::uint64_t mixed(std::uint64_t hash, char32_t point) {
  return (hash ^ point) * 0x100000001B3ull;  // FNV-1a, as tests/golden/make/tokenizer.py
}
constexpr std::uint64_t empty_hash = 0xCBF29CE484222325ull;

std::u32string points_of(std::string_view text) {
  std::u32string points;
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint c = decode_utf8(text, at);
    points += c.value;
    at += c.size;
  }
  return points;
}

std::string utf8_of(std::u32string_view points) {
  std::string text;
  for (const char32_t point : points) append_utf8(text, point);
  return text;
}

template <class Visit>
void for_each_point(const Visit& visit) {
  for (char32_t point = 0; point < 0x110000; ++point)
    if (point < 0xD800 || point > 0xDFFF) visit(point);
}

}  // namespace

TEST_CASE("every code point survives UTF-8") {
  std::size_t wrong = 0;
  for_each_point([&](char32_t point) {
    const std::string bytes = utf8_of({&point, 1});
    const CodePoint c = decode_utf8(bytes, 0);
    wrong += c.value != point || c.size != bytes.size() || !c.valid;
  });
  CHECK(wrong == 0);
}

TEST_CASE("invalid UTF-8 becomes one U+FFFD for each maximal part") {
  // Tables 3-8 to 3-11 of the Unicode Standard, chapter 3.9.
  const std::string r = "\uFFFD";
  CHECK(valid_utf8("\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41") == r + r + r + r + r + r + r + r + "A");
  CHECK(valid_utf8("\xED\xA0\x80\xED\xBF\xBF\xED\xAF\x41") == r + r + r + r + r + r + r + r + "A");
  CHECK(valid_utf8("\xF4\x91\x92\x93\xFF\x41\x80\xBF\x42") ==
        r + r + r + r + r + "A" + r + r + "B");
  CHECK(valid_utf8("\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41") == r + r + r + r + "A");
  CHECK(valid_utf8("plain \u4E00") == "plain \u4E00");
}

TEST_CASE("an incomplete character at the end is held back, an invalid one is not") {
  CHECK(incomplete_utf8_tail("a") == 0);
  CHECK(incomplete_utf8_tail("") == 0);
  CHECK(incomplete_utf8_tail("\u4E00") == 0);
  CHECK(incomplete_utf8_tail("a\xE4") == 1);
  CHECK(incomplete_utf8_tail("a\xE4\xB8") == 2);
  CHECK(incomplete_utf8_tail("a\xF0\x9F\x98") == 3);
  CHECK(incomplete_utf8_tail("a\xF0\x9F") == 2);
  CHECK(incomplete_utf8_tail("a\xC1") == 0);
  CHECK(incomplete_utf8_tail("a\xF5") == 0);
  CHECK(incomplete_utf8_tail("a\xE0\x80") == 0);
  CHECK(incomplete_utf8_tail("a\x80\x80") == 0);
}

TEST_CASE("letters, numbers and spaces are those of tokenizers' regex engine") {
  const auto classes = testing::golden("tokenizer/unicode.json").at("classes");
  const auto same = [&](const char* name, bool (*in_class)(char32_t)) {
    std::uint64_t hash = empty_hash;
    int count = 0;
    for_each_point([&](char32_t point) {
      if (!in_class(point)) return;
      hash = mixed(hash, point);
      ++count;
    });
    CHECK(count == classes.at(name).at("count").get<int>());
    CHECK(std::to_string(hash) == classes.at(name).at("fnv").get<std::string>());
  };
  same("letter", is_letter);
  same("number", is_number);
  same("space", is_space);
  same("word", is_word);
}

TEST_CASE("NFC is that of tokenizers for every code point, alone and between marks") {
  const auto golden = testing::golden("tokenizer/unicode.json");
  std::uint64_t single = empty_hash, between = empty_hash;
  for_each_point([&](char32_t point) {
    for (const char32_t p : points_of(nfc(utf8_of({&point, 1})))) single = mixed(single, p);
    const std::u32string marked{U'a', 0x301, point, 0x323};
    for (const char32_t p : points_of(nfc(utf8_of(marked)))) between = mixed(between, p);
  });
  CHECK(std::to_string(single) == golden.at("nfc_single").get<std::string>());
  CHECK(std::to_string(between) == golden.at("nfc_between_marks").get<std::string>());
  for (const auto& sample : golden.at("nfc"))
    CHECK(nfc(sample[0].get<std::string>()) == sample[1].get<std::string>());
}

TEST_CASE("NFC of NFC changes nothing, whatever the bytes") {
  Rng rng(1);
  for (int i = 0; i < 300; ++i) {
    std::string text;
    for (std::uint64_t n = rng.below(30); n > 0; --n)
      if (rng.chance(0.3))
        text += char(rng.below(256));
      else
        append_utf8(text, char32_t(rng.chance(0.5) ? 0x300 + rng.below(0x70) : rng.below(0x3200)));
    const std::string once = nfc(text);
    CHECK(nfc(once) == once);
    CHECK(valid_utf8(once) == once);
  }
}
