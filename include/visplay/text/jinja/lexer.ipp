// Bodies of lexer.hpp.
#pragma once

#include <visplay/core/error.hpp>
#include <visplay/text/cursor.hpp>
#include <visplay/text/jinja/lexer.hpp>
#include <visplay/text/unicode.hpp>
#include <visplay/text/whitespace.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

namespace visplay::jinja {
namespace detail {

/// With \n for every line end, and without the last one.
VISPLAY_INLINE std::string plain_lines(std::string_view source) {
  std::string out;
  out.reserve(source.size());
  for (std::size_t i = 0; i < source.size(); ++i) {
    if (source[i] != '\r')
      out += source[i];
    else if (i + 1 == source.size() || source[i + 1] != '\n')
      out += '\n';
  }
  if (out.ends_with('\n')) out.pop_back();
  return out;
}

constexpr bool starts_name(char c) { return visplay::detail::is_letter(c) || c == '_'; }
constexpr bool in_name(char c) { return starts_name(c) || visplay::detail::is_digit(c); }

class Lexer {
 public:
  Lexer(std::string_view source, std::string_view name)
      : source_(plain_lines(source)), name_(name), rest_(source_) {}

  std::vector<Token> run() {
    while (!rest_.empty()) read_outside();
    add(Token::Kind::end, "");
    return std::move(tokens_);
  }

 private:
  using Kind = Token::Kind;

  [[noreturn]] void fail(std::string_view what) const {
    throw Error(fmt::format("{}:{}: {}", name_, line_, what));
  }
  void expect(bool ok, std::string_view what) const {
    if (!ok) fail(what);
  }

  void add(Kind kind, std::string value) { tokens_.push_back({kind, std::move(value), line_}); }

  /// Takes bytes off the front and counts their lines.
  std::string_view take(std::size_t bytes) {
    const auto taken = rest_.substr(0, bytes);
    rest_.remove_prefix(bytes);
    line_ += int(std::ranges::count(taken, '\n'));
    return taken;
  }

  void take_space() {
    while (const std::size_t bytes = leading_space(rest_)) take(bytes);
  }

  /// Text up to the next tag, then the tag.
  void read_outside() {
    std::size_t at = rest_.find('{');
    while (at != rest_.npos &&
           !(at + 1 < rest_.size() && std::string_view("{%#").find(rest_[at + 1]) != rest_.npos))
      at = rest_.find('{', at + 1);
    const bool tag = at != rest_.npos;
    const char kind = tag ? rest_[at + 1] : '\0';
    const char sign = tag && at + 2 < rest_.size() ? rest_[at + 2] : '\0';
    add_data(tag ? at : rest_.size(), sign, tag && kind != '{');
    if (!tag) return;
    take(2);
    if (sign == '-' || sign == '+') take(1);
    if (kind == '#')
      skip_comment();
    else if (kind == '{')
      read_tag(Kind::print_begin, Kind::print_end, '}');
    else if (!read_raw())
      read_tag(Kind::block_begin, Kind::block_end, '%');
  }

  /// @param sign   the character behind the tag's opening
  /// @param block  blanks before it go if nothing else is on the line
  void add_data(std::size_t size, char sign, bool block) {
    std::string_view text = rest_.substr(0, size);
    if (sign == '-') {
      while (const std::size_t bytes = trailing_space(text)) text.remove_suffix(bytes);
    } else if (block && sign != '+') {
      std::string_view line = text;
      while (const std::size_t bytes = line.ends_with('\n') ? 0 : trailing_space(line))
        line.remove_suffix(bytes);
      if (line.empty() ? line_starting_ : line.ends_with('\n')) text = line;
    }
    if (!text.empty()) add(Kind::data, std::string(text));
    take(size);
  }

  /// Takes the end of a tag: its closing and the white space that goes with it.
  void close_tag(std::string_view closing, bool trims_line) {
    const bool strips = rest_.starts_with('-');
    if (strips || rest_.starts_with('+')) take(1);
    take(closing.size());
    const auto before = rest_.size();
    if (strips)
      take_space();
    else if (trims_line && rest_.starts_with('\n'))
      take(1);
    const auto taken = before - rest_.size();
    line_starting_ = taken && rest_.data()[-1] == '\n';
  }

  void skip_comment() {
    const std::size_t end = rest_.find("#}");
    expect(end != rest_.npos, "a comment is not closed with #}");
    const char last = end ? rest_[end - 1] : '\0';
    take(end - (last == '-' || last == '+'));
    close_tag("#}", last != '+');
  }

  /// `{% raw %} ... {% endraw %}`; false, and nothing taken, if the block is another.
  bool read_raw() {
    std::string_view ahead = rest_;
    if (!take_word(ahead, "raw")) return false;
    const bool strips = ahead.starts_with('-');
    if (!ahead.substr(strips).starts_with("%}")) return false;
    take(rest_.size() - ahead.size());
    close_tag("%}", false);
    const auto [begin, sign, end] = find_endraw();
    add_data(begin, sign, true);
    take(end - begin);
    close_tag("%}", !rest_.starts_with('+'));
    return true;
  }

  struct EndRaw {
    std::size_t begin;  // of the opening brace
    char sign;
    std::size_t end;  // of the word
  };
  EndRaw find_endraw() const {
    for (auto at = rest_.find("{%"); at != rest_.npos; at = rest_.find("{%", at + 1)) {
      std::string_view ahead = rest_.substr(at + 2);
      const char sign = ahead.empty() ? '\0' : ahead[0];
      if (sign == '-' || sign == '+') ahead.remove_prefix(1);
      if (!take_word(ahead, "endraw")) continue;
      const bool signed_end = ahead.starts_with('-') || ahead.starts_with('+');
      if (ahead.substr(signed_end).starts_with("%}"))
        return {at, sign, rest_.size() - ahead.size()};
    }
    fail("{% raw %} is not closed with {% endraw %}");
  }

  /// Takes white space, the word and white space off the front of ahead.
  static bool take_word(std::string_view& ahead, std::string_view word) {
    while (const std::size_t bytes = leading_space(ahead)) ahead.remove_prefix(bytes);
    if (!visplay::detail::take_piece(ahead, word)) return false;
    while (const std::size_t bytes = leading_space(ahead)) ahead.remove_prefix(bytes);
    return true;
  }

  /// Tokens up to the tag's closing brace.
  void read_tag(Kind begin, Kind end, char brace) {
    add(begin, "");
    const std::string closing{brace, '}'};
    std::string open;  // brackets to close, the innermost last
    while (true) {
      take_space();
      expect(!rest_.empty(), fmt::format("a tag is not closed with {}", closing));
      const bool sign = rest_[0] == '-' || (rest_[0] == '+' && brace == '%');
      if (open.empty() && rest_.substr(sign).starts_with(closing)) {
        add(end, "");
        close_tag(closing, brace == '%' && rest_[0] != '+');
        return;
      }
      read_token(open);
    }
  }

  void read_token(std::string& open) {
    const char c = rest_[0];
    if (visplay::detail::is_digit(c))
      read_number();
    else if (starts_name(c))
      add(Kind::name,
          std::string(take(std::size_t(std::ranges::find_if_not(rest_, in_name) - rest_.begin()))));
    else if (c == '\'' || c == '"')
      read_text();
    else
      read_symbol(open);
  }

  void read_number() {
    std::size_t size = visplay::detail::count_digits(rest_);
    bool real = false;
    const bool after_dot = tokens_.back().kind == Kind::symbol && tokens_.back().value == ".";
    if (!after_dot && rest_.substr(size).starts_with('.')) {
      const auto digits = visplay::detail::count_digits(rest_.substr(size + 1));
      if (digits) size += 1 + digits, real = true;
    }
    const char next = size < rest_.size() ? rest_[size] : '\0';
    expect(!in_name(next) && (real || size == 1 || rest_[0] != '0'),
           "expected a decimal number without leading zeros, exponent or separators");
    add(real ? Kind::real : Kind::integer, std::string(take(size)));
  }

  void read_symbol(std::string& open) {
    static constexpr std::array<std::string_view, 26> symbols{
        "**", "//", "==", "!=", "<=", ">=", "+", "-", "/", "*", "%", "~", "[",
        "]",  "(",  ")",  "{",  "}",  "<",  ">", "=", ".", ":", "|", ",", ";"};
    const auto* symbol =
        std::ranges::find_if(symbols, [&](auto s) { return rest_.starts_with(s); });
    expect(symbol != symbols.end(),
           fmt::format("unexpected '{}' in a tag", rest_.substr(0, decode_utf8(rest_, 0).size)));
    const auto bracket = std::string_view("([{").find(*symbol);
    if (bracket != std::string_view::npos) open += ")]}"[bracket];
    if (*symbol == ")" || *symbol == "]" || *symbol == "}") {
      expect(!open.empty() && open.back() == (*symbol)[0], fmt::format("unexpected '{}'", *symbol));
      open.pop_back();
    }
    take(symbol->size());
    add(Kind::symbol, std::string(*symbol));
  }

  void read_text() {
    const int line = line_;
    const char quote = take(1)[0];
    std::string text;
    while (!rest_.empty() && rest_[0] != quote) {
      if (rest_[0] == '\\')
        read_escape(text);
      else
        text += take(1);
    }
    expect(!rest_.empty(), "a text is not closed with its quote");
    take(1);
    tokens_.push_back({Kind::text, std::move(text), line});
  }

  /// Python's escapes but \N{name}; a backslash before any other letter stands for itself.
  void read_escape(std::string& text) {
    take(1);
    expect(!rest_.empty(), "a text is not closed with its quote");
    const char c = take(1)[0];
    static constexpr std::string_view letters = "abfnrtv\\'\"", meanings = "\a\b\f\n\r\t\v\\'\"";
    const auto known = letters.find(c);
    if (known != letters.npos)
      text += meanings[known];
    else if (c == 'x' || c == 'u' || c == 'U')
      append_utf8(text, read_hexadecimal(c == 'x' ? 2 : c == 'u' ? 4 : 8));
    else if ('0' <= c && c <= '7')
      append_octal(text, c);
    else if (c != '\n') {
      expect(c != 'N' && static_cast<unsigned char>(c) < 0x80,
             "expected an escape by letter or number in a text, got another");
      text += {'\\', c};
    }
  }

  void append_octal(std::string& text, char first) {
    char32_t value = char32_t(first - '0');
    for (int i = 0; i < 2 && !rest_.empty() && '0' <= rest_[0] && rest_[0] <= '7'; ++i)
      value = value * 8 + char32_t(take(1)[0] - '0');
    append_utf8(text, value);
  }

  char32_t read_hexadecimal(std::size_t count) {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const char c = rest_.empty() ? '\0' : to_lower(rest_[0]);
      const bool letter = 'a' <= c && c <= 'f';
      expect(letter || visplay::detail::is_digit(c),
             fmt::format("expected {} hexadecimal digits after a backslash", count));
      value = value * 16 + std::uint32_t(letter ? c - 'a' + 10 : c - '0');
      take(1);
    }
    expect(value < 0x110000 && (value < 0xD800 || value > 0xDFFF),
           "expected a Unicode code point after a backslash");
    return value;
  }

  std::string source_;
  std::string_view name_, rest_;
  std::vector<Token> tokens_;
  int line_ = 1;
  bool line_starting_ = true;  // nothing but a line end before what comes
};

}  // namespace detail

VISPLAY_INLINE std::vector<Token> tokenize(std::string_view source, std::string_view name) {
  return detail::Lexer(source, name).run();
}

}  // namespace visplay::jinja
