// What stands around a number: units, percent signs, currencies and words like "million".
//
//   take_measure("50 cm", {})                         // value "50", nothing else: units are dropped
//   take_measure("50 cm", {.units = Units::kept})     // value "50", factor 1/100, unit "m"
//
// An equivalence relation cannot have "5 cm" = "5" and "5" = "5 m" without "5 cm" = "5 m". So either
// every unit is dropped, as mathruler does, or a number without one has the unit that the policy
// implies (none, unless it names one). Conversions are exact ones only: in to cm, but not cal to J.
#pragma once

#include <visplay/core/macros.hpp>
#include <visplay/text/number.hpp>

#include <string>
#include <string_view>

namespace visplay {

struct MeasurePolicy {
  enum class Percent {
    number,    ///< 50% is 50, as in mathruler
    hundredth  ///< 50% is 1/2
  };
  enum class Units {
    dropped,  ///< 5 cm is 5
    kept      ///< 5 cm is 1/20 m, and 5 is `implied_unit` (one of the list below)
  };
  Percent percent = Percent::number;
  Units units = Units::dropped;
  std::string_view implied_unit = "";
};

struct Measure {
  std::string_view value;  ///< a view into the text, without blanks at its ends
  Rational factor{1, 1};   ///< of the value, in `unit`
  std::string unit;        ///< base units, sorted: "m", "m*s^-1"; empty if dropped or none
};

/// Takes the measure off a plain_answer. Only what stands behind a value with a digit or a command
/// in it is a unit; one of a single letter needs a blank or \text before it ("5m" is 5 times m).
///   length  mm cm dm m km in ft yd mi         mass  mg g kg t lb oz (of 0.45359237 kg)
///   time    ms s min h day week; month, year  volume  mL cL L; angle  ° (degree), rad
///   units of their own  A V W N J Pa Hz mol K °C °F cal bit byte, mph, unit, point, and k, M of some
///   money   $ € £ ¥ ₹, dollar, cent, euro, yuan, yen, rupee, USD, EUR, GBP
/// with squares and cubes (cm^2, square cm, sq cm), quotients (m/s, km per hour) and products.
[[nodiscard]] Measure take_measure(std::string_view plain, const MeasurePolicy& policy);

}  // namespace visplay

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/text/measure.ipp>
#endif
