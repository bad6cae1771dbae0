// Two passes: wrappers off the ends, then one copy in which each command or sign becomes its one
// spelling.
#pragma once

#include <visplay/text/cursor.hpp>
#include <visplay/text/plain_answer.hpp>
#include <visplay/text/whitespace.hpp>

#include <algorithm>
#include <optional>

namespace visplay {
namespace detail {

struct Respelling {
  std::string_view from, to;
};

// Commands without their backslash. An empty one vanishes; one that is not here stays as it is.
inline constexpr Respelling respelled_commands[] = {
    {"Big", ""},         {"Bigl", ""},         {"Bigr", ""},       {"approx", ""},
    {"ast", "*"},        {"big", ""},          {"bigl", ""},       {"bigr", ""},
    {"cdot", "*"},       {"cfrac", "\\frac"},  {"circ", "°"},      {"degree", "°"},
    {"dfrac", "\\frac"}, {"displaystyle", ""}, {"div", "/"},       {"ge", ">="},
    {"geq", ">="},       {"geqslant", ">="},   {"gt", ">"},        {"langle", "("},
    {"lbrace", "\\{"},   {"lbrack", "["},      {"ldotp", "."},     {"le", "<="},
    {"left", ""},        {"leq", "<="},        {"leqslant", "<="}, {"limits", ""},
    {"lparen", "("},     {"lt", "<"},          {"lvert", "|"},     {"mid", "|"},
    {"ne", "!="},        {"neq", "!="},        {"nolimits", ""},   {"qquad", " "},
    {"quad", " "},       {"rangle", ")"},      {"rbrace", "\\}"},  {"rbrack", "]"},
    {"right", ""},       {"rparen", ")"},      {"rvert", "|"},     {"textstyle", ""},
    {"tfrac", "\\frac"}, {"times", "*"},       {"vert", "|"},
};
static_assert(std::ranges::is_sorted(respelled_commands, {}, &Respelling::from));

// Commands that set their argument in some type: as a name or unit, and as mathematics.
inline constexpr std::string_view text_commands[] = {"mathrm", "mathsf", "mbox",   "operatorname",
                                                     "text",   "textbf", "textit", "textrm"};
inline constexpr std::string_view math_commands[] = {"boldsymbol", "boxed", "mathbf", "mathit"};

inline constexpr Respelling respelled_signs[] = {
    {"±", "\\pm "},       {"·", "*"},        {"º", "°"},
    {"¼", "\\frac14"},    {"½", "\\frac12"}, {"¾", "\\frac34"},
    {"×", "*"},           {"÷", "/"},        {"α", "\\alpha "},
    {"β", "\\beta "},     {"θ", "\\theta "}, {"λ", "\\lambda "},
    {"π", "\\pi "},       {"‐", "-"},        {"–", "-"},
    {"‘", "'"},           {"’", "'"},        {"“", "\""},
    {"”", "\""},          {"⅓", "\\frac13"}, {"⅔", "\\frac23"},
    {"∅", "\\emptyset "}, {"∈", "\\in "},    {"−", "-"},
    {"∗", "*"},           {"∙", "*"},        {"√", "\\sqrt "},
    {"∞", "\\infty "},    {"∪", "\\cup "},   {"≈", ""},
    {"≠", "!="},          {"≤", "<="},       {"≥", ">="},
    {"⋅", "*"},           {"％", "%"}};
static_assert(std::ranges::is_sorted(respelled_signs, {}, &Respelling::from));
inline constexpr std::string_view superscripts[] = {"⁰", "¹", "²", "³", "⁴",
                                                    "⁵", "⁶", "⁷", "⁸", "⁹"};

constexpr bool take_ends(std::string_view& text, std::string_view opening,
                         std::string_view closing) {
  if (text.size() < opening.size() + closing.size() || !text.starts_with(opening) ||
      !text.ends_with(closing))
    return false;
  text.remove_prefix(opening.size());
  text.remove_suffix(closing.size());
  return true;
}

/// Takes \command{...} off text if that is all of it.
constexpr bool take_command_around(std::string_view& text) {
  if (!text.starts_with('\\') || !text.ends_with('}')) return false;
  const std::size_t letters = count_letters(text.substr(1));
  const std::string_view name = text.substr(1, letters);
  if (!std::ranges::binary_search(text_commands, name) &&
      !std::ranges::binary_search(math_commands, name))
    return false;
  const std::string_view rest = text.substr(1 + letters);
  if (!rest.starts_with('{') || closing_brace(rest) != rest.size() - 1) return false;
  text = rest.substr(1, rest.size() - 2);
  return true;
}

/// Without the wrappers around all of it. One layer may hide another, so a few rounds.
constexpr std::string_view unwrap(std::string_view text) {
  for (int round = 0; round < 8; ++round) {
    text = trim(text);
    const std::size_t before = text.size();
    while (text.size() > 1 && text.ends_with('.')) text = trim(text.substr(0, text.size() - 1));
    take_ends(text, "**", "**") || take_ends(text, "$$", "$$") || take_ends(text, "\\(", "\\)") ||
        take_ends(text, "\\[", "\\]") || take_command_around(text);
    if (text.find('$') == 0 && text.find('$', 1) == text.size() - 1) take_ends(text, "$", "$");
    if (text.size() == before) break;
  }
  return text;
}

/// Copies an answer piece by piece.
class PlainWriter {
 public:
  explicit PlainWriter(std::string_view answer) : rest_(answer) {
    int dollars = 0;
    for (std::size_t at = 0; at < answer.size(); ++at)
      dollars += answer[at] == '$' && (at == 0 || answer[at - 1] != '\\');
    drop_dollars_ = dollars > 0 && dollars % 2 == 0;
    single_backslash_ = answer.find("\\begin") == std::string_view::npos;
    plain_.reserve(answer.size() + 8);
  }

  std::string operator()() && {
    while (!rest_.empty()) step();
    if (plain_.ends_with(' ')) plain_.pop_back();
    return std::move(plain_);
  }

 private:
  void step() {
    const auto first = static_cast<unsigned char>(rest_[0]);
    if (const std::size_t bytes = leading_space(rest_)) {
      blank();
      rest_.remove_prefix(bytes);
    } else if (first == '\\') {
      backslash();
    } else if (first >= 0x80) {
      sign();
    } else if (first == '$' && drop_dollars_) {
      rest_.remove_prefix(1);
    } else if (first == '~') {
      blank();
      rest_.remove_prefix(1);
    } else if (rest_.starts_with("{,}")) {
      plain_ += ',';
      rest_.remove_prefix(3);
    } else if (first == '^' && degree()) {
      plain_ += "°";
    } else {
      copy(1);
    }
  }

  void copy(std::size_t bytes) {
    plain_ += rest_.substr(0, bytes);
    rest_.remove_prefix(bytes);
  }
  void blank() {
    if (!plain_.empty() && !plain_.ends_with(' ')) plain_ += ' ';
  }
  void put(std::string_view piece) {
    if (piece == " ")
      blank();
    else
      plain_ += piece;
  }

  /// Takes ^\circ, ^{\circ} and ^°.
  bool degree() {
    for (const std::string_view form :
         {"^{\\circ}", "^\\circ", "^{\\degree}", "^\\degree", "^{°}", "^°", "^{ \\circ }"}) {
      if (!rest_.starts_with(form)) continue;
      if (form.ends_with('c') && count_letters(rest_.substr(2)) > 4) continue;
      rest_.remove_prefix(form.size());
      return true;
    }
    return false;
  }

  void sign() {
    if (rest_.size() < 2 || (rest_[0] & '\x40') == 0) return copy(1);  // inside a character
    const std::size_t bytes = (rest_[0] & '\x20') == 0 ? 2 : 3;        // none of the signs has four
    const auto found =
        std::ranges::lower_bound(respelled_signs, rest_.substr(0, bytes), {}, &Respelling::from);
    if (found != std::end(respelled_signs) && rest_.starts_with(found->from)) {
      put(found->to);
      rest_.remove_prefix(found->from.size());
      return;
    }
    std::string power;
    while (const auto digit = superscript()) power += *digit;
    if (!power.empty())
      plain_ += "^{" + power + "}";
    else
      copy(2);
  }

  std::optional<char> superscript() {
    for (int digit = 0; digit < 10; ++digit) {
      if (rest_.size() < 2 || superscripts[digit][1] != rest_[1]) continue;
      if (!rest_.starts_with(superscripts[digit])) continue;
      rest_.remove_prefix(superscripts[digit].size());
      return char('0' + digit);
    }
    return std::nullopt;
  }

  void backslash() {
    const std::size_t letters = count_letters(rest_.substr(1));
    if (letters > 0) return command(rest_.substr(1, letters));
    const char second = rest_.size() > 1 ? rest_[1] : ' ';
    if (second == '\\' && single_backslash_ && count_letters(rest_.substr(2)) > 0) {
      rest_.remove_prefix(1);  // "\\frac" as models write it inside JSON
    } else if (std::string_view("{}\\").find(second) != std::string_view::npos) {
      copy(2);
    } else if (std::string_view("(![])").find(second) != std::string_view::npos) {
      rest_.remove_prefix(2);
    } else if (std::string_view(",;: ").find(second) != std::string_view::npos) {
      rest_.remove_prefix(std::min<std::size_t>(2, rest_.size()));
      if (!between_digits()) blank();
    } else {
      rest_.remove_prefix(1);  // \% \$ \# \& \_ stand for the sign itself, \| for a bar
      if (!rest_.empty()) copy(1);
    }
  }

  bool between_digits() const {  // 10\,000
    const auto digit = [](char c) { return '0' <= c && c <= '9'; };
    return !plain_.empty() && digit(plain_.back()) && rest_.size() >= 3 && digit(rest_[0]) &&
           digit(rest_[1]) && digit(rest_[2]);
  }

  void command(std::string_view name) {
    const std::string_view after = rest_.substr(1 + name.size());
    if (std::ranges::binary_search(math_commands, name)) {  // \mathbf{x} is {x}
      rest_ = after;
      return;
    }
    if (searches_ > 0 && after.starts_with('{') &&
        std::ranges::binary_search(text_commands, name)) {
      const std::size_t end = closing_brace(after);
      if (end != std::string_view::npos) return type_set(name, after.substr(1, end - 1));
      --searches_;  // one that is not closed is sought to the end of the text: not again and again
    }
    const auto found = std::ranges::lower_bound(respelled_commands, name, {}, &Respelling::from);
    if (found != std::end(respelled_commands) && found->from == name) {
      rest_ = after;
      put(found->to);
      if ((name == "left" || name == "right") && rest_.starts_with('.')) rest_.remove_prefix(1);
    } else {
      copy(1 + name.size());
    }
  }

  void type_set(std::string_view name, std::string_view content) {
    rest_.remove_prefix(1 + name.size() + 1 + content.size() + 1);
    content = trim(content);
    while (content.starts_with('~')) content = trim(content.substr(1));
    if (content == "and" || content == "or" || content == ",") {
      blank();
      plain_.append(content).append(" ");
    } else if (name == "operatorname") {
      plain_.append("\\").append(content);
    } else {
      plain_.append("\\text{").append(content).append("}");
    }
  }

  std::string_view rest_;
  std::string plain_;
  int searches_ = 4;
  bool drop_dollars_;
  bool single_backslash_;
};

}  // namespace detail

VISPLAY_INLINE std::string plain_answer(std::string_view answer) {
  const std::string_view core = detail::unwrap(answer);
  const bool marked = std::ranges::any_of(core, [](char c) {
    return c == '\\' || c == '$' || c == '{' || c == '^' || c == '~' || c < ' ' || c > '~';
  });
  if (!marked && core.find("  ") == std::string_view::npos) return std::string(core);
  return detail::PlainWriter(core)();
}

}  // namespace visplay
