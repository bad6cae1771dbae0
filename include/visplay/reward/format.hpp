// QuestionFormat: 1 if the completion held a well-formed question, else 0. The paper's gate
// (2511.15661, eq. 7): which tags are demanded is the parser's business.
#pragma once

#include <visplay/core/error.hpp>
#include <visplay/data/sample.hpp>
#include <visplay/reward/reward.hpp>

#include <algorithm>
#include <concepts>
#include <optional>
#include <span>
#include <string_view>

namespace visplay {

template <class S>
concept HasQuestion = requires(const S& sample) {
  { sample.question } -> std::convertible_to<const std::optional<Question>&>;
};

struct QuestionFormat {
  static constexpr std::string_view name = "format";

  /// @throws Error if batch and out differ in length
  template <HasQuestion Sample>
  void operator()(std::span<const Sample> batch, std::span<float> out) const {
    check(out.size() == batch.size(), "format: expected {} scores, got room for {}", batch.size(),
          out.size());
    std::ranges::transform(batch, out.begin(),
                           [](const Sample& s) { return s.question.has_value() ? 1.f : 0.f; });
  }
};
static_assert(RewardFor<QuestionFormat, QuestionSample>);

}  // namespace visplay
