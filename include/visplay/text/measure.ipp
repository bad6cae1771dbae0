// The list of units, and a reader of unit phrases that is tried on the end of the text.
#pragma once

#include <visplay/text/cursor.hpp>
#include <visplay/text/measure.hpp>
#include <visplay/text/whitespace.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <vector>

namespace visplay {
namespace detail {

/// One of `name` is numerator / denominator of base^power.
struct Unit {
  std::string_view name, base;
  std::int64_t numerator = 1, denominator = 1;
  int power = 1;
};

inline constexpr auto units = [] {
  std::array list{Unit{"mm", "m", 1, 1000},
                  Unit{"millimeter", "m", 1, 1000},
                  Unit{"millimetre", "m", 1, 1000},
                  Unit{"cm", "m", 1, 100},
                  Unit{"centimeter", "m", 1, 100},
                  Unit{"centimetre", "m", 1, 100},
                  Unit{"dm", "m", 1, 10},
                  Unit{"m", "m"},
                  Unit{"meter", "m"},
                  Unit{"metre", "m"},
                  Unit{"km", "m", 1000},
                  Unit{"kilometer", "m", 1000},
                  Unit{"kilometre", "m", 1000},
                  Unit{"in", "m", 254, 10000},
                  Unit{"inch", "m", 254, 10000},
                  Unit{"inche", "m", 254, 10000},
                  Unit{"ft", "m", 3048, 10000},
                  Unit{"foot", "m", 3048, 10000},
                  Unit{"feet", "m", 3048, 10000},
                  Unit{"yd", "m", 9144, 10000},
                  Unit{"yard", "m", 9144, 10000},
                  Unit{"mi", "m", 1609344, 1000},
                  Unit{"mile", "m", 1609344, 1000},
                  Unit{"mg", "g", 1, 1000},
                  Unit{"milligram", "g", 1, 1000},
                  Unit{"g", "g"},
                  Unit{"gram", "g"},
                  Unit{"kg", "g", 1000},
                  Unit{"kilogram", "g", 1000},
                  Unit{"t", "g", 1000000},
                  Unit{"tonne", "g", 1000000},
                  Unit{"ton", "ton"},
                  Unit{"lb", "g", 45359237, 100000},
                  Unit{"pound", "g", 45359237, 100000},
                  Unit{"oz", "g", 45359237, 1600000},
                  Unit{"ounce", "g", 45359237, 1600000},
                  Unit{"ms", "s", 1, 1000},
                  Unit{"millisecond", "s", 1, 1000},
                  Unit{"s", "s"},
                  Unit{"sec", "s"},
                  Unit{"second", "s"},
                  Unit{"min", "s", 60},
                  Unit{"minute", "s", 60},
                  Unit{"h", "s", 3600},
                  Unit{"hr", "s", 3600},
                  Unit{"hour", "s", 3600},
                  Unit{"day", "s", 86400},
                  Unit{"week", "s", 604800},
                  Unit{"month", "month"},
                  Unit{"year", "month", 12},
                  Unit{"yr", "month", 12},
                  Unit{"mL", "m", 1, 1000000, 3},
                  Unit{"ml", "m", 1, 1000000, 3},
                  Unit{"milliliter", "m", 1, 1000000, 3},
                  Unit{"millilitre", "m", 1, 1000000, 3},
                  Unit{"cL", "m", 1, 100000, 3},
                  Unit{"L", "m", 1, 1000, 3},
                  Unit{"l", "m", 1, 1000, 3},
                  Unit{"liter", "m", 1, 1000, 3},
                  Unit{"litre", "m", 1, 1000, 3},
                  Unit{"°", "deg"},
                  Unit{"deg", "deg"},
                  Unit{"degree", "deg"},
                  Unit{"rad", "rad"},
                  Unit{"radian", "rad"},
                  Unit{"°C", "°C"},
                  Unit{"°F", "°F"},
                  Unit{"celsius", "°C"},
                  Unit{"fahrenheit", "°F"},
                  Unit{"K", "K"},
                  Unit{"kelvin", "K"},
                  Unit{"A", "A"},
                  Unit{"mA", "A", 1, 1000},
                  Unit{"V", "V"},
                  Unit{"volt", "V"},
                  Unit{"W", "W"},
                  Unit{"watt", "W"},
                  Unit{"kW", "W", 1000},
                  Unit{"N", "N"},
                  Unit{"newton", "N"},
                  Unit{"J", "J"},
                  Unit{"joule", "J"},
                  Unit{"kJ", "J", 1000},
                  Unit{"Pa", "Pa"},
                  Unit{"kPa", "Pa", 1000},
                  Unit{"Hz", "Hz"},
                  Unit{"kHz", "Hz", 1000},
                  Unit{"MHz", "Hz", 1000000},
                  Unit{"GHz", "Hz", 1000000000},
                  Unit{"mol", "mol"},
                  Unit{"cal", "cal"},
                  Unit{"kcal", "cal", 1000},
                  Unit{"ohm", "ohm"},
                  Unit{"mph", "mph"},
                  Unit{"bit", "bit"},
                  Unit{"byte", "byte"},
                  Unit{"unit", "unit"},
                  Unit{"point", "point"},
                  Unit{"$", "$"},
                  Unit{"dollar", "$"},
                  Unit{"USD", "$"},
                  Unit{"cent", "$", 1, 100},
                  Unit{"€", "€"},
                  Unit{"euro", "€"},
                  Unit{"EUR", "€"},
                  Unit{"£", "£"},
                  Unit{"GBP", "£"},
                  Unit{"¥", "¥"},
                  Unit{"yen", "¥"},
                  Unit{"yuan", "yuan"},
                  Unit{"₹", "₹"},
                  Unit{"rupee", "₹"}};
  std::ranges::sort(list, {}, &Unit::name);
  return list;
}();

/// Plurals of words have their s taken off, and words their capital first letter.
VISPLAY_INLINE const Unit* find_unit(std::string_view name) {
  const auto exactly = [](std::string_view sought) -> const Unit* {
    const auto found = std::ranges::lower_bound(units, sought, {}, &Unit::name);
    return found != units.end() && found->name == sought ? &*found : nullptr;
  };
  if (name.empty() || name.size() > 12) return nullptr;
  if (const Unit* unit = exactly(name)) return unit;
  if (name.size() < 3) return nullptr;
  std::string lower(name);
  lower[0] = to_lower(lower[0]);
  if (const Unit* unit = exactly(lower)) return unit;
  const bool word = lower.size() > 3 || lower == "lbs" || lower == "hrs" || lower == "yrs";
  return word && lower.ends_with('s') ? exactly(std::string_view(lower).substr(0, lower.size() - 1))
                                      : nullptr;
}

struct BasePower {
  std::string_view base;
  int power;
};

/// Reads a whole phrase such as "\text{km} per hour" or "square cm".
class UnitPhrase {
 public:
  explicit UnitPhrase(std::string_view text) : rest_(text) {}

  /// False if the phrase is none.
  bool read() {
    int sign = 1;
    for (int count = 0; count < 4; ++count) {
      if (!read_one(sign)) return false;
      skip();
      if (rest_.empty()) return true;
      const bool quotient = take_piece(rest_, "/") || take_piece(rest_, "per ");
      sign = quotient ? -1 : sign;
      if (!quotient) take_piece(rest_, "*");
    }
    return false;
  }

  /// "m*s^-1": sorted, powers of one base added up.
  std::string name() const {
    std::string text;
    for (const BasePower& part : parts_) {
      if (part.power == 0) continue;
      if (!text.empty()) text += '*';
      text += part.base;
      if (part.power != 1) text.append("^").append(std::to_string(part.power));
    }
    return text;
  }
  const Rational& factor() const { return factor_; }
  bool percent() const { return percent_; }

 private:
  void skip() {
    while (take_piece(rest_, " ") || take_piece(rest_, "\\text{") || take_piece(rest_, "}")) {
    }
  }

  int take_square_or_cubic() {
    for (const std::string_view word : {"square ", "sq ", "sq. "})
      if (take_piece(rest_, word)) return 2;
    for (const std::string_view word : {"cubic ", "cu ", "cu. "})
      if (take_piece(rest_, word)) return 3;
    return 1;
  }

  std::string_view take_name() {
    std::size_t bytes = count_letters(rest_);
    for (const std::string_view sign : {"°C", "°F", "°", "$", "€", "£", "¥", "₹", "%"})
      if (bytes == 0 && rest_.starts_with(sign)) bytes = sign.size();
    const std::string_view name = rest_.substr(0, bytes);
    rest_.remove_prefix(bytes);
    return name;
  }

  int take_power() {
    std::string_view rest = rest_;
    while (take_piece(rest, "}") || take_piece(rest, " ")) {
    }
    if (take_piece(rest, "squared") || take_piece(rest, "^2") || take_piece(rest, "^{2}")) {
      rest_ = rest;
      return 2;
    }
    if (take_piece(rest, "cubed") || take_piece(rest, "^3") || take_piece(rest, "^{3}")) {
      rest_ = rest;
      return 3;
    }
    return 1;
  }

  bool read_one(int sign) {
    skip();
    const int prefix = take_square_or_cubic();
    const std::string_view name = take_name();
    if (name == "%" || name == "percent" || name == "pct" || name == "percentage") {
      percent_ = true;
      take_piece(rest_, " points");
      return parts_.empty() && rest_.find_first_not_of("} ") == std::string_view::npos;
    }
    const Unit* unit = find_unit(name);
    if (!unit) return false;
    add(*unit, sign * (prefix > 1 ? prefix : take_power()));
    return true;
  }

  void add(const Unit& unit, int times) {
    const BoundedInteger above =
        power(BoundedInteger(unit.numerator), std::uint32_t(std::abs(times)));
    const BoundedInteger below =
        power(BoundedInteger(unit.denominator), std::uint32_t(std::abs(times)));
    factor_ = factor_ * (times > 0 ? fraction(above, below) : fraction(below, above));
    const auto at = std::ranges::lower_bound(parts_, unit.base, {}, &BasePower::base);
    if (at != parts_.end() && at->base == unit.base)
      at->power += times * unit.power;
    else
      parts_.insert(at, {unit.base, times * unit.power});
  }

  std::string_view rest_;
  std::vector<BasePower> parts_;
  Rational factor_{1, 1};
  bool percent_ = false;
};

/// Whether a degree sign behind value belongs to its last factor: \sin 30° is a number without unit.
constexpr bool has_sine(std::string_view value) {
  for (const std::string_view name : {"sin", "cos", "tan", "cot", "sec", "csc"})
    if (value.find(name) != std::string_view::npos) return true;
  return false;
}

/// Whether a value can end where the unit begins. Words before a unit are no value.
constexpr bool may_split(std::string_view value, std::string_view unit) {
  const bool set_in_text = unit.starts_with("\\text{");
  if (!set_in_text && count_letters(unit) > 0) {
    const char before = value.back();
    if (is_letter(before) || before == '\\' || before == '^' || before == '_' || before == '{')
      return false;
    const std::string_view core = trim(value);
    const bool single = count_letters(unit) == 1;
    if (single && (before != ' ' || core.empty() || !(is_digit(core.back()) || core.back() == '}')))
      return false;
  }
  return unit != "°" || !has_sine(value);
}

/// Whether a unit may be the end of the text: most answers are told to have none by their last byte.
constexpr bool may_end_in_unit(std::string_view text) {
  const char last = text.back();
  if (!is_digit(last)) return last != ')' && last != ']' && last != '|';
  return text.size() > 2 && text[text.size() - 2] == '^';
}

/// Takes the longest unit phrase off the end of value.
VISPLAY_INLINE std::optional<UnitPhrase> take_unit(std::string_view& value) {
  constexpr std::size_t longest = 48;  // bytes of a phrase: bounds the search
  if (value.size() < 2 || !may_end_in_unit(value)) return std::nullopt;
  const std::size_t number = value.find_first_of("0123456789\\");
  if (number == std::string_view::npos) return std::nullopt;
  const std::size_t first = std::max(number + 1, value.size() - std::min(longest, value.size()));
  for (std::size_t at = first; at < value.size(); ++at) {
    const std::string_view unit = value.substr(at);
    const char start = unit[0];
    const bool begins = start == '\\' || start == '%' || start == '$' || (start & '\x80') ||
                        (is_letter(start) && !is_letter(value[at - 1]));
    if (!begins || !may_split(value.substr(0, at), unit)) continue;
    if (start == '\\' && !unit.starts_with("\\text{")) continue;
    UnitPhrase phrase(unit);
    if (!phrase.read()) continue;
    value = trim(value.substr(0, at));
    return phrase;
  }
  return std::nullopt;
}

/// Takes "$" or "-$" off the front. A minus before the sign goes into the factor.
VISPLAY_INLINE bool take_currency_sign(Measure& measure) {
  std::string_view rest = measure.value;
  const bool negative = take_piece(rest, "-");
  if (rest.empty() || !(rest[0] == '$' || rest[0] == 'U' || (rest[0] & '\x80'))) return false;
  for (const std::string_view sign : {"$", "€", "£", "¥", "₹", "US$"}) {
    if (!take_piece(rest, sign)) continue;
    measure.value = trim(rest);
    measure.unit = sign == "US$" ? "$" : sign;
    if (negative) measure.factor.numerator = -1;
    return true;
  }
  return false;
}

VISPLAY_INLINE void take_magnitude_word(Measure& measure) {
  struct Word {
    std::string_view name;
    std::int64_t factor;
  };
  if (!measure.value.ends_with('d') && !measure.value.ends_with('n')) return;
  for (const auto& [name, factor] :
       {Word{"thousand", 1000}, Word{"million", 1000000}, Word{"billion", 1000000000},
        Word{"trillion", 1000000000000}}) {
    if (!measure.value.ends_with(name) || measure.value.size() == name.size()) continue;
    measure.value = trim(measure.value.substr(0, measure.value.size() - name.size()));
    measure.factor = measure.factor * Rational{factor, 1};
    return;
  }
}

}  // namespace detail

VISPLAY_INLINE Measure take_measure(std::string_view plain, const MeasurePolicy& policy) {
  Measure measure;
  measure.value = trim(plain);
  const bool kept = policy.units == MeasurePolicy::Units::kept;
  const bool currency = detail::take_currency_sign(measure);
  bool percent = false;
  if (const auto phrase = detail::take_unit(measure.value)) {
    percent = phrase->percent();
    if (percent && policy.percent == MeasurePolicy::Percent::hundredth)
      measure.factor = measure.factor * Rational{1, 100};
    if (kept && !percent && !currency) {
      measure.factor = measure.factor * phrase->factor();
      measure.unit = phrase->name();
    }
  } else if (kept && !currency && !policy.implied_unit.empty()) {
    detail::UnitPhrase implied(policy.implied_unit);
    if (implied.read()) {
      measure.factor = measure.factor * implied.factor();
      measure.unit = implied.name();
    }
  }
  detail::take_magnitude_word(measure);
  if (!kept) measure.unit.clear();
  return measure;
}

}  // namespace visplay
