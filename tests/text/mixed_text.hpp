// Blocks of text in many scripts by a rule, bytes that are not UTF-8 among them. The same rule as
// rule_block of tests/golden/make/mixed_text.py, so that ids of `tokenizers` can be stored as hashes.
#pragma once

#include <visplay/text/unicode.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace visplay::test {

/// splitmix64.
class Draw {
 public:
  explicit Draw(std::uint64_t seed) : state_(seed) {}
  std::uint64_t below(std::uint64_t n) {
    std::uint64_t z = state_ += 0x9E3779B97F4A7C15;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
    z = (z ^ z >> 27) * 0x94D049BB133111EB;
    return (z ^ z >> 31) % n;
  }

 private:
  std::uint64_t state_;
};

/// At least `size` bytes.
inline std::string mixed_text(std::uint64_t seed, std::size_t size) {
  static constexpr char32_t alphabets[][2] = {
      {0x41, 0x5A},     {0x61, 0x7A},       {0xC0, 0x24F},      {0x370, 0x3FF},    {0x400, 0x45F},
      {0x531, 0x556},   {0x5D0, 0x5EA},     {0x620, 0x64A},     {0x904, 0x94D},    {0x985, 0x9CD},
      {0xA05, 0xA4D},   {0xA85, 0xACD},     {0xB85, 0xBCD},     {0xC05, 0xC4D},    {0xD05, 0xD4D},
      {0xE01, 0xE4E},   {0xE81, 0xECD},     {0xF40, 0xF84},     {0x1000, 0x1039},  {0x10D0, 0x10F0},
      {0x1100, 0x11FF}, {0x1200, 0x135F},   {0x1780, 0x17D3},   {0x1E00, 0x1FFF},  {0x2000, 0x206F},
      {0x2100, 0x218F}, {0x3041, 0x3096},   {0x30A1, 0x30FA},   {0x4E00, 0x9FFF},  {0xAC00, 0xD7A3},
      {0xFB00, 0xFB4F}, {0x1D400, 0x1D7FF}, {0x1F300, 0x1F6FF}, {0x20000, 0x2A6DF}};
  static constexpr std::string_view between[] = {
      " ",      "  ",     "\n",   "\r\n",     "\t",       " \n  ",      "'s ",         "'LL",
      "1",      "2026",   ".",    "\u3002",   " = ",      "();\n",      "\u200d",      "\ufe0f",
      "\u00a0", "\u3000", "\xff", "\xe4\xb8", "\xf0\x9f", "<|im_end|>", "<tool_call>", "<|"};
  Draw draw(seed);
  std::string text;
  while (text.size() < size) {
    const auto& [first, last] = alphabets[draw.below(std::size(alphabets))];
    for (std::uint64_t n = 1 + draw.below(10); n > 0; --n) {
      append_utf8(text, first + char32_t(draw.below(last - first + 1)));
      if (draw.below(8) == 0) append_utf8(text, 0x300 + char32_t(draw.below(0x70)));
    }
    text += between[draw.below(std::size(between))];
  }
  return text;
}

}  // namespace visplay::test
