// A reward of one's own beside the library's: a struct with a name that scores a batch. No base
// class, no registration; a template if any sample will do that has the fields it reads.
#include <visplay/advantage/group_relative.hpp>
#include <visplay/reward/reward.hpp>

#include <cstdio>
#include <string>
#include <vector>

/// What this trainer calls a sample; the library asks for no type of its own.
struct Answer {
  std::string text;
  bool right;
};

struct Correct {
  static constexpr std::string_view name = "correct";
  void operator()(std::span<const Answer> batch, std::span<float> out) const {
    for (std::size_t i = 0; i < batch.size(); ++i) out[i] = batch[i].right ? 1.f : 0.f;
  }
};

/// 0 up to `free` bytes, then falling to -1 at `limit`.
struct Brevity {
  static constexpr std::string_view name = "brevity";
  std::size_t free = 20, limit = 60;  ///< bytes, free < limit

  template <class Sample>
  void operator()(std::span<const Sample> batch, std::span<float> out) const {
    for (std::size_t i = 0; i < batch.size(); ++i) {
      const std::size_t length = std::min(batch[i].text.size(), limit);
      out[i] = length <= free ? 0.f : -float(length - free) / float(limit - free);
    }
  }
};
static_assert(visplay::RewardFor<Brevity, Answer>);

int main() {
  const visplay::RewardSum reward{visplay::Term{1.f, Correct{}}, visplay::Term{0.5f, Brevity{}}};
  const std::vector<Answer> batch{{"red", true},
                                  {"It is, if I am not mistaken, the color red", true},
                                  {"blue", false},
                                  {"green", false}};
  const auto table = reward(std::span<const Answer>(batch));
  const std::vector<std::int64_t> one_group{0, 4};
  std::vector<float> advantages(batch.size());
  visplay::GroupRelative{}({table.total, one_group}, advantages);
  for (std::size_t i = 0; i < batch.size(); ++i)
    std::printf("correct %.0f  brevity %+.2f  reward %+.3f  advantage %+.3f  %s\n",
                table.terms[0].scores[i], table.terms[1].scores[i], table.total[i], advantages[i],
                batch[i].text.c_str());
  return table.total[0] > table.total[1] && advantages[0] > advantages[1] ? 0 : 1;
}
