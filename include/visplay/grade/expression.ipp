// The structure around expressions: lists, sets, intervals, matrices, relations.
#pragma once

#include <visplay/grade/expression.hpp>
#include <visplay/grade/expression_parser.hpp>
#include <visplay/text/cursor.hpp>
#include <visplay/text/whitespace.hpp>

#include <algorithm>
#include <array>
#include <ranges>
#include <utility>
#include <vector>

namespace visplay {
namespace detail {

/// A piece of text between two separators, and the separator behind it.
struct SplitPart {
  std::string_view text, separator;
};

/// Splits text where no bracket is open. Separators start with one of the bytes `starts`;
/// `separator_at(text, at)` says how many bytes of text from `at` on separate, if any.
template <class SeparatorAt>
std::vector<SplitPart> split_outside_brackets(std::string_view text, std::string_view starts,
                                              const SeparatorAt& separator_at) {
  std::vector<SplitPart> pieces;
  if (text.find_first_of(starts) == std::string_view::npos) return {{trim(text), {}}};
  int depth = 0;
  std::size_t begin = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (depth == 0 && starts.find(c) != std::string_view::npos) {
      if (const std::size_t bytes = separator_at(text, at)) {
        pieces.push_back({trim(text.substr(begin, at - begin)), text.substr(at, bytes)});
        at += bytes - 1;
        begin = at + 1;
        continue;
      }
    }
    if (c == '(' || c == '[' || c == '{') ++depth;
    if (c == ')' || c == ']' || c == '}') depth = std::max(0, depth - 1);
  }
  pieces.push_back({trim(text.substr(begin)), {}});
  return pieces;
}

inline constexpr std::string_view list_starts = ",; ";

/// Commas (not those between thousands), semicolons, "and", "or".
struct ListSeparator {
  bool thousands;  // whether 1,234 may be a number

  std::size_t operator()(std::string_view text, std::size_t at) const {
    if (text[at] == ';') return 1;
    if (text[at] == ',') return thousands && between_thousands(text, at) ? 0 : 1;
    if (text[at] != ' ') return 0;
    if (text.size() - at < 4 || (text[at + 1] != 'a' && text[at + 1] != 'o')) return 0;
    for (const std::string_view word : {" and ", " or "})
      if (text.substr(at).starts_with(word)) return word.size();
    return 0;
  }

  static bool between_thousands(std::string_view text, std::size_t at) {
    std::size_t before = 0;
    while (before < at && before < 4 && is_digit(text[at - before - 1])) ++before;
    return 0 < before && before < 4 && count_digits(text.substr(at + 1, 4)) == 3;
  }
};

constexpr std::array<std::string_view, 6> relation_signs = {"<=", ">=", "!=", "=", "<", ">"};

constexpr std::size_t relation_at(std::string_view text, std::size_t at) {
  for (const std::string_view sign : relation_signs)
    if (text.substr(at).starts_with(sign)) return sign.size();
  return 0;
}

constexpr std::size_t union_at(std::string_view text, std::size_t at) {
  if (text[at] == '\\')
    return text.substr(at).starts_with("\\cup") && count_letters(text.substr(at + 1)) == 3 ? 4 : 0;
  return text[at] == ' ' && text.substr(at).starts_with(" U ") ? 3 : 0;
}

/// Where the bracket that text starts with is closed, of whatever kind the brackets are.
constexpr std::size_t closing_bracket(std::string_view text) {
  int depth = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '(' || text[at] == '[' || text[at] == '{') ++depth;
    if ((text[at] == ')' || text[at] == ']' || text[at] == '}') && --depth == 0) return at;
  }
  return std::string_view::npos;
}

/// Whether a text can be the left side of "x = 5" that is left out: a letter, a name, f(x).
constexpr bool names_something(std::string_view text) {
  if (text.starts_with("\\text{")) return closing_brace(text.substr(5)) == text.size() - 6;
  const std::size_t letters = count_letters(text.substr(text.starts_with('\\') ? 1 : 0));
  if (letters == 0 || letters > 16) return false;
  std::string_view rest = text.substr(letters + (text.starts_with('\\') ? 1 : 0));
  if (rest.starts_with('_')) {
    const bool braced = rest.substr(1).starts_with('{');
    const std::size_t end = braced ? rest.find('}') : 1;
    if (end == std::string_view::npos || end >= rest.size()) return false;
    rest.remove_prefix(end + 1);
  }
  const bool of_one = rest.size() == 3 && rest[0] == '(' && is_letter(rest[1]) && rest[2] == ')';
  return rest.empty() || of_one;
}

/// Whether a variable of one letter is in a text, outside commands and \text: "x = -x - 4" is an
/// equation and gives no value.
constexpr bool mentions(std::string_view text, std::string_view name) {
  if (name.size() != 1) return false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '\\') {
      const std::size_t letters = count_letters(text.substr(at + 1));
      const bool set = text.substr(at).starts_with("\\text{");
      const std::size_t end = set ? closing_brace(text.substr(at + 5)) : 0;
      at += letters + (end == std::string_view::npos ? 0 : end);
    } else if (text[at] == name[0]) {
      return true;
    }
  }
  return false;
}

/// Reads one answer into its key.
class AnswerReader {
 public:
  explicit AnswerReader(const MeasurePolicy& measures) : measures_(measures) {}

  std::optional<std::string> operator()(std::string_view plain) {
    const std::string body = list(plain, true);
    if (work_.failed) return std::nullopt;
    return std::string(1, char(symbolic_ ? KeyKind::symbolic : KeyKind::value)) + body;
  }

 private:
  struct Element {
    std::string key;
    std::string_view assigned_to;  // x of "x = 5"
  };
  using Elements = std::vector<Element>;
  static constexpr int max_depth = 8;
  static constexpr std::size_t max_elements = 64;

  /// A set if there are several, else the element itself.
  std::string list(std::string_view text, bool thousands) {
    Elements elements = read_elements(text, thousands);
    std::string_view name;
    bool several_names = false;
    for (const Element& element : elements) {
      several_names |= !name.empty() && !element.assigned_to.empty() && element.assigned_to != name;
      if (!element.assigned_to.empty()) name = element.assigned_to;
    }
    std::vector<std::string> keys;
    for (Element& element : elements) {
      if (several_names) element.key.insert(0, std::string(element.assigned_to) + ":=");
      keys.push_back(std::move(element.key));
    }
    return set_of(std::move(keys));
  }

  static std::string set_of(std::vector<std::string> keys) {
    std::ranges::sort(keys);
    const auto repeated = std::ranges::unique(keys);
    keys.erase(repeated.begin(), repeated.end());
    return keys.size() == 1 ? keys[0] : join(keys, '{', '}');
  }

  static std::string join(const std::vector<std::string>& keys, char opening, char closing) {
    std::string text(1, opening);
    for (const std::string& key : keys) text.append(text.size() > 1 ? "," : "").append(key);
    return text += closing;
  }

  Elements read_elements(std::string_view text, bool thousands) {
    Elements elements;
    const auto pieces = split_outside_brackets(text, list_starts, ListSeparator{thousands});
    if (pieces.size() > max_elements) work_.fail();
    for (std::string_view piece : std::views::transform(pieces, &SplitPart::text)) {
      if (work_.failed) break;
      for (const std::string_view word : {"and ", "or "})  // "1, 2, and 3"
        if (pieces.size() > 1 && piece.starts_with(word)) piece.remove_prefix(word.size());
      element(trim(piece), elements);
    }
    return elements;
  }

  void element(std::string_view text, Elements& elements) {
    if (++depth_ > max_depth || text.empty()) return work_.fail();
    if (!structured(text, elements)) related(text, elements);
    --depth_;
  }

  void push(Elements& elements, std::string key) { elements.push_back({std::move(key), {}}); }

  /// Sets, brackets, unions, matrices; false if text is none of them.
  bool structured(std::string_view text, Elements& elements) {
    if (text == "\\emptyset" || text == "\\varnothing" || text == "\\{\\}" || text == "{}")
      return push(elements, "{}"), true;
    if (text.starts_with("\\begin{")) return push(elements, matrix(text)), true;
    if (text.starts_with("\\{") && text.ends_with("\\}") &&
        closing_bracket(text.substr(1)) == text.size() - 2)
      return push(elements, list(text.substr(2, text.size() - 4), false)), true;
    const auto parts = split_outside_brackets(text, "\\ ", union_at);
    if (parts.size() > 1) return push(elements, unite(parts)), true;
    if (std::string_view("([{").find(text[0]) == std::string_view::npos ||
        closing_bracket(text) != text.size() - 1)
      return false;
    const std::string_view inside = trim(text.substr(1, text.size() - 2));
    const char closing = text.back();
    if (split_outside_brackets(inside, list_starts, ListSeparator{false}).size() == 1) {
      if (inside.empty() || (text[0] == '{') != (closing == '}')) return work_.fail(), true;
      return false;  // brackets around one expression: the parser's
    }
    if (text[0] == '{' && closing == '}') return push(elements, list(inside, false)), true;
    if (text[0] == '{' || closing == '}') return work_.fail(), true;
    push(elements, join(keys_of(inside), text[0], closing));
    return true;
  }

  std::vector<std::string> keys_of(std::string_view text) {
    std::vector<std::string> keys;
    for (Element& element : read_elements(text, false)) keys.push_back(std::move(element.key));
    return keys;
  }

  std::string unite(const std::vector<SplitPart>& parts) {
    Elements elements;
    for (const SplitPart& part : parts)
      if (!work_.failed) element(part.text, elements);
    std::vector<std::string> keys;
    for (Element& e : elements) keys.push_back(std::move(e.key));
    std::ranges::sort(keys);
    return "U" + join(keys, '{', '}');
  }

  std::string matrix(std::string_view text) {
    const std::size_t name_end = text.find('}');
    const std::string_view name = text.substr(7, name_end == text.npos ? 0 : name_end - 7);
    const std::string ending = "\\end{" + std::string(name) + "}";
    if ((name != "pmatrix" && name != "bmatrix" && name != "matrix") || !text.ends_with(ending))
      return work_.fail(), "";
    text = text.substr(name_end + 1, text.size() - ending.size() - name_end - 1);
    std::string key = "M";
    const auto row_at = [](std::string_view t, std::size_t at) -> std::size_t {
      return t.substr(at).starts_with("\\\\") ? 2 : 0;
    };
    const auto cell_at = [](std::string_view t, std::size_t at) -> std::size_t {
      return t[at] == '&' ? 1 : 0;
    };
    for (const SplitPart& row : split_outside_brackets(text, "\\", row_at)) {
      Elements cells;
      if (row.text.empty() && row.separator.empty()) continue;  // a break behind the last row
      for (const SplitPart& cell : split_outside_brackets(row.text, "&", cell_at))
        if (!work_.failed) element(cell.text, cells);
      std::vector<std::string> keys;
      for (Element& cell : cells) keys.push_back(std::move(cell.key));
      key += join(keys, '[', ']');
    }
    return key;
  }

  /// An equation, an inequality, "x \in E", or a value.
  void related(std::string_view text, Elements& elements) {
    const auto in = text.find("\\in");
    if (in != text.npos && count_letters(text.substr(in + 1)) == 2 &&
        names_something(trim(text.substr(0, in))))
      return element(trim(text.substr(in + 3)), elements);
    const auto sides = split_outside_brackets(text, "<>=!", relation_at);
    if (sides.size() == 1) return values(text, elements);
    const bool equations =
        std::ranges::all_of(sides.begin(), sides.end() - 1,
                            [](const SplitPart& side) { return side.separator == "="; });
    if (sides.size() > 8) return work_.fail();
    const bool named = names_something(sides[0].text) &&
                       !mentions(take_measure(sides.back().text, measures_).value, sides[0].text);
    if (equations && (named || sides.size() > 2)) {
      const std::size_t first = elements.size();
      element(sides.back().text, elements);
      for (std::size_t i = first; i < elements.size(); ++i)
        if (named) elements[i].assigned_to = sides[0].text;
      return;
    }
    std::vector<std::string> keys;
    for (std::size_t i = 0; i + 1 < sides.size() && !work_.failed; ++i)
      keys.push_back(relation(sides[i].text, sides[i].separator, sides[i + 1].text));
    push(elements, set_of(std::move(keys)));
  }

  /// left - right (right - left for > and >=) up to a factor, behind the sign.
  std::string relation(std::string_view left, std::string_view sign, std::string_view right) {
    if (sign[0] == '>') std::swap(left, right);
    algebra::Algebra algebra(work_);
    algebra::ExpressionParser parse_left(left, algebra, work_);
    const algebra::Value a = parse_left();
    algebra::ExpressionParser parse_right(right, algebra, work_);
    const algebra::Value b = parse_right();
    if (work_.failed || parse_left.two_signs() || parse_right.two_signs()) return work_.fail(), "";
    const bool ordered = sign[0] == '<' || sign[0] == '>';
    std::string key = sign[0] == '!' ? "!=0:" : !ordered ? "=0:" : sign.size() > 1 ? "<=0:" : "<0:";
    key += algebra.text_up_to_factor(algebra.add(a, algebra.negative(b)), ordered);
    symbolic_ = symbolic_ || algebra.symbolic();
    return key;
  }

  /// One value, or the two of \pm.
  void values(std::string_view text, Elements& elements) {
    const Measure measure = take_measure(text, measures_);
    const std::string unit = measure.unit.empty() ? "" : "@" + measure.unit;
    if (const auto infinite = infinity(measure.value)) return push(elements, *infinite);
    if (const auto number = parse_number(measure.value)) {
      const Rational value = *number * measure.factor;
      std::string key;
      append_to(key, value);
      if (!value.valid()) work_.fail();
      return push(elements, key + unit);
    }
    for (const bool upper : {true, false}) {
      algebra::Algebra algebra(work_);
      algebra::ExpressionParser parse(measure.value, algebra, work_, upper);
      algebra::Value value = parse();
      if (work_.failed) return;
      value = algebra.multiply(value, algebra.number(measure.factor));
      push(elements, algebra.text(std::move(value)) + unit);
      symbolic_ = symbolic_ || algebra.symbolic();
      if (!parse.two_signs()) return;
    }
  }

  static std::optional<std::string> infinity(std::string_view text) {
    const bool minus = take_piece(text, "-");
    if (!minus) take_piece(text, "+");
    text = trim(text);
    if (text != "\\infty" && text != "infinity" && text != "inf" && text != "oo")
      return std::nullopt;
    return minus ? "-inf" : "inf";
  }

  const MeasurePolicy& measures_;
  algebra::Work work_;
  int depth_ = 0;
  bool symbolic_ = false;
};

/// Whether a text could be an expression at all: most words are told by their letters.
constexpr bool may_be_expression(std::string_view plain) {
  if (plain.empty()) return false;
  if (plain.find_first_of("0123456789\\+*/^=<>(){}[]|,") != std::string_view::npos) return true;
  return plain.size() <= 3 || plain == "infinity" || plain.find(' ') != std::string_view::npos ||
         plain[0] == '-';
}

}  // namespace detail

VISPLAY_INLINE std::optional<std::string> Expression::read(std::string_view plain) const {
  if (!detail::may_be_expression(plain)) return std::nullopt;
  return detail::AnswerReader(measures)(plain);
}

}  // namespace visplay
