// error: RewardSum: a reward is a struct with a static name and a call (std::span<const Sample>, std::span<float>) const
#include <visplay/reward/reward.hpp>

struct Sample {};
struct Reward {
  static constexpr std::string_view name = "reward";
#ifdef ACCEPT
  void operator()(std::span<const Sample>, std::span<float>) const {}
#else
  float operator()(const Sample&) const { return 1; }
#endif
};

auto scores(std::span<const Sample> batch) {
  return visplay::RewardSum{visplay::Term{1.f, Reward{}}}(batch);
}
