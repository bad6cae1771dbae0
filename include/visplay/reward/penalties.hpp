// Penalties that a sample brings along; give them negative weights.
//
//   ArchiveShare{}   how much of the archive asks the same already     (curriculum/archive.hpp)
//   BlindShare{}     c of the votes that were cast without the image: what can be answered blind does
//                    not need the image, however much the votes disagree
#pragma once

#include <visplay/data/sample.hpp>
#include <visplay/reward/each.hpp>
#include <visplay/reward/reward.hpp>

#include <concepts>
#include <span>
#include <string_view>

namespace visplay {

template <class S>
concept HasArchiveShare = requires(const S& sample) {
  { sample.archive_share } -> std::convertible_to<float>;
};
template <class S>
concept HasBlindShare = requires(const S& sample) {
  { sample.blind_share } -> std::convertible_to<float>;
};

struct ArchiveShare {
  static constexpr std::string_view name = "archive";

  /// Scores in [0, 1]. @throws Error if batch and out differ in length
  template <HasArchiveShare Sample>
  void operator()(std::span<const Sample> batch, std::span<float> out) const {
    detail::score_each(name, batch, out, [](const Sample& s) { return float(s.archive_share); });
  }
};
static_assert(RewardFor<ArchiveShare, QuestionSample>);

struct BlindShare {
  static constexpr std::string_view name = "blind";

  /// Scores in [0, 1]. @throws Error if batch and out differ in length
  template <HasBlindShare Sample>
  void operator()(std::span<const Sample> batch, std::span<float> out) const {
    detail::score_each(name, batch, out, [](const Sample& s) { return float(s.blind_share); });
  }
};
static_assert(RewardFor<BlindShare, QuestionSample>);

}  // namespace visplay
