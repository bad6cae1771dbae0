// Numeric: two answers are the same if they are the same number, exactly.
//
//   Numeric{}("1,500 m", "1.5e3")                                      // Verdict::same
//   Numeric{{.units = MeasurePolicy::Units::kept}}("50 cm", "0.5 m")   // same
//   Numeric{}("0.333", "1/3")                                          // different: nothing is rounded
//
// Reads what text/number.hpp and text/measure.hpp read: integers, decimals, thousands separators,
// fractions, mixed numbers, exponents, percentages, units, currencies. No opinion on anything else.
#pragma once

#include <visplay/grade/plain_reader.hpp>
#include <visplay/text/measure.hpp>
#include <visplay/text/number.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace visplay {

struct Numeric {
  static constexpr std::string_view name = "numeric";

  MeasurePolicy measures{};  ///< what percent signs and units count for

  /// The key of a plain_answer; nothing if it is no number.
  [[nodiscard]] std::optional<std::string> read(std::string_view plain) const {
    const Measure measure = take_measure(plain, measures);
    const std::optional<Rational> number = parse_number(measure.value);
    if (!number) return std::nullopt;
    const bool scaled = measure.factor != Rational{1, 1};
    const Rational value = scaled ? *number * measure.factor : *number;
    if (!value.valid()) return std::nullopt;
    std::string key(1, char(KeyKind::value));
    append_to(key, value);
    if (!measure.unit.empty()) key.append("@").append(measure.unit);
    return key;
  }

  [[nodiscard]] std::string canonical(std::string_view answer) const {
    return canonical_of(*this, answer);
  }
  [[nodiscard]] Verdict operator()(std::string_view answer, std::string_view reference) const {
    return verdict_by_keys(*this, answer, reference);
  }
};
static_assert(CanonicalGrader<Numeric> && PlainReader<Numeric>);

}  // namespace visplay
