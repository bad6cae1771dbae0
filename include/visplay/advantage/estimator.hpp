// AdvantageEstimator: how much better a completion was than the others of its group. out[i] belongs
// to rewards.values[i]. A user's own needs no base class:
//
//   struct AboveHalf {
//     static constexpr std::string_view name = "above_half";
//     void operator()(GroupedSpan rewards, std::span<float> out) const { ... }
//   };
//
// An estimator that reads more than rewards takes it between the two, and With binds it:
//
//   With{LengthWeighted{}, lengths}(rewards, out);
//
// tests/conformance/advantage_estimator.hpp checks what every estimator promises.
#pragma once

#include <visplay/core/grouped_span.hpp>

#include <concepts>
#include <span>
#include <string_view>
#include <tuple>
#include <utility>

namespace visplay {

template <class A>
concept AdvantageEstimator = requires(const A& advantage, GroupedSpan rewards,
                                      std::span<float> out) {
  { A::name } -> std::convertible_to<std::string_view>;
  { advantage(rewards, out) } -> std::same_as<void>;
};

/// True; a type that is no estimator is refused with a sentence. For templates that take one.
template <class A>
consteval bool checked_estimator() {
  static_assert(AdvantageEstimator<A>,
                "an advantage estimator is a struct with a static name and a call "
                "(GroupedSpan rewards, std::span<float> out) const");
  return true;
}

/// What the completion of a group of one gets. There is nothing to compare it with.
enum class Lone {
  zero,  ///< no gradient (TRL)
  raw,   ///< its reward, as if the mean were 0 and the standard deviation 1 (verl)
};

/// An estimator with its further inputs, in the order in which it takes them. Inputs are kept by
/// value; give spans to keep only views.
template <class A, class... Inputs>
struct With {
  static constexpr std::string_view name = A::name;
  A advantage{};
  std::tuple<Inputs...> inputs{};

  explicit With(A estimator, Inputs... further)
      : advantage(std::move(estimator)), inputs(std::move(further)...) {}

  void operator()(GroupedSpan rewards, std::span<float> out) const {
    std::apply([&](const auto&... input) { advantage(rewards, input..., out); }, inputs);
  }
};

}  // namespace visplay
