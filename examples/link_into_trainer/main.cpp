// A trainer with a policy, a reward and an optimizer of its own takes from visplay what GRPO needs:
// the reward table, group advantages, and the objective with its gradient. No libtorch, no model.
//
// The policy writes words of eight letters, each place with a distribution of its own. It is paid
// for letters that stand in alphabetical order.
#include <visplay/advantage/group_relative.hpp>
#include <visplay/core/rng.hpp>
#include <visplay/kernels/objective.hpp>
#include <visplay/reward/reward.hpp>

#include <cmath>
#include <cstdio>
#include <numeric>
#include <string>
#include <vector>

namespace {

constexpr std::size_t places = 8, letters = 12;

// What the trainer had before visplay: a policy that samples, scores and learns.
class Policy {
 public:
  std::string sample(visplay::Rng rng) const {
    std::string word;
    for (std::size_t place = 0; place < places; ++place) {
      double left = rng.uniform();
      std::size_t letter = 0;
      while (letter + 1 < letters && (left -= std::exp(log_prob(place, letter))) > 0) ++letter;
      word += char('a' + letter);
    }
    return word;
  }

  float log_prob(std::size_t place, std::size_t letter) const {
    double sum = 0;
    for (std::size_t l = 0; l < letters; ++l) sum += std::exp(logits_[place][l]);
    return float(logits_[place][letter] - std::log(sum));
  }

  /// logits -= rate * d loss / d logits, given d loss / d log_prob of each letter written.
  void learn(std::span<const std::string> words, std::span<const float> gradient, double rate) {
    auto step = std::vector(places, std::vector<double>(letters));
    for (std::size_t token = 0; token < gradient.size(); ++token) {
      const std::size_t place = token % places;
      const auto written = std::size_t(words[token / places][place] - 'a');
      for (std::size_t l = 0; l < letters; ++l)
        step[place][l] += gradient[token] * ((l == written) - std::exp(log_prob(place, l)));
    }
    for (std::size_t place = 0; place < places; ++place)
      for (std::size_t l = 0; l < letters; ++l) logits_[place][l] -= rate * step[place][l];
  }

 private:
  std::vector<std::vector<double>> logits_ = std::vector(places, std::vector<double>(letters));
};

/// Share of neighbours in alphabetical order. Any type with a name and this call is a reward.
struct InOrder {
  static constexpr std::string_view name = "in_order";
  void operator()(std::span<const std::string> words, std::span<float> out) const {
    for (std::size_t i = 0; i < words.size(); ++i) {
      float ordered = 0;
      for (std::size_t p = 1; p < places; ++p) ordered += words[i][p - 1] < words[i][p];
      out[i] = ordered / float(places - 1);
    }
  }
};

std::vector<float> log_probs(const Policy& policy, std::span<const std::string> words) {
  std::vector<float> result;
  for (const std::string& word : words)
    for (std::size_t place = 0; place < places; ++place)
      result.push_back(policy.log_prob(place, std::size_t(word[place] - 'a')));
  return result;
}

std::vector<std::int64_t> every(std::size_t length, std::size_t count) {
  std::vector<std::int64_t> offsets(count + 1);
  for (std::size_t i = 0; i <= count; ++i) offsets[i] = std::int64_t(i * length);
  return offsets;
}

}  // namespace

int main() {
  constexpr std::size_t groups = 8, group_size = 16, completions = groups * group_size;
  const visplay::RewardSum reward{visplay::Term{1.f, InOrder{}}};
  const visplay::Objective objective{
      .loss = visplay::ClippedSurrogate{.clip_low = 0.2f, .clip_high = 0.28f},
      .kl_coefficient = 0,
      .aggregation = {.kind = visplay::Aggregation::Kind::token_mean}};
  const auto word_offsets = every(places, completions), group_offsets = every(group_size, groups);
  visplay::ThreadPool pool(1);
  Policy policy;
  double first = 0, last = 0;
  for (std::uint64_t step = 0; step < 60; ++step) {
    const visplay::Rng rng = visplay::Rng(1).fork("step", step);
    std::vector<std::string> words;
    for (std::size_t i = 0; i < completions; ++i)
      words.push_back(policy.sample(rng.fork("word", i)));

    const auto table = reward(std::span<const std::string>(words));
    std::vector<float> advantages(completions), gradient(completions * places);
    visplay::GroupRelative{}({table.total, group_offsets}, advantages);
    const auto old = log_probs(policy, words);
    for (int update = 0; update < 2; ++update) {
      const auto current = log_probs(policy, words);
      const visplay::ObjectiveBatch batch{.offsets = word_offsets,
                                          .advantages = advantages,
                                          .log_probs = current,
                                          .old_log_probs = old};
      const auto report = evaluate(objective, batch, visplay::totals_of(word_offsets),
                                   {.log_probs = gradient}, pool);
      policy.learn(words, gradient, 20);
      if (step % 10 == 0 && update == 1)
        std::printf("step %2d  reward %.3f  ratio %.3f  clipped %.1f%%\n", int(step),
                    std::reduce(table.total.begin(), table.total.end()) / completions,
                    report.mean_ratio(), 100 * report.clip_fraction());
    }
    last = std::reduce(table.total.begin(), table.total.end()) / completions;
    if (step == 0) first = last;
  }
  std::printf("reward %.3f -> %.3f, a word: %s\n", first, last,
              policy.sample(visplay::Rng(2)).c_str());
  return last > first + 0.3 ? 0 : 1;
}
