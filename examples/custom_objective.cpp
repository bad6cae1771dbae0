// An objective of one's own: a struct with a name and a call operator over TokenTerms<T>. Written
// once, generic in T, it becomes the fused pass over a batch (value, gradient, metrics) and the
// double-precision reference, and takes part in everything that the library's own losses do.
#include <visplay/kernels/objective.hpp>
#include <visplay/loss/evaluate_plain.hpp>

#include <cmath>
#include <cstdio>
#include <vector>

/// A clip without corners: the ratio saturates at 1 +- width. No `if` on numbers: T is a register of
/// tokens at times.
struct SoftClip {
  static constexpr std::string_view name = "soft_clip";
  float width = 0.2f;  ///< > 0

  template <class T>
  VISPLAY_HD T operator()(const visplay::TokenTerms<T>& t) const {
    const T excess = (ratio_of(t) - T(1.f)) * T(1 / width);
    const T saturated = T(2.f) * sigmoid(T(2.f) * excess) - T(1.f);  // tanh
    return -(T(1.f) + T(width) * saturated) * t.advantage;
  }
};
static_assert(visplay::TokenLoss<SoftClip>);

int main() {
  const visplay::Objective objective{
      .loss = SoftClip{.width = 0.1f}, .kl = visplay::K3{}, .kl_coefficient = 0.02f};
  // Two completions of three and two tokens.
  const std::vector<std::int64_t> offsets{0, 3, 5};
  const std::vector<float> advantages{1.f, -1.f};
  const std::vector<float> old_log_probs{-0.5f, -1.f, -2.f, -0.3f, -0.7f};
  const std::vector<float> log_probs{-0.4f, -1.f, -2.3f, -0.35f, -0.5f};
  const visplay::ObjectiveBatch batch{.offsets = offsets,
                                      .advantages = advantages,
                                      .log_probs = log_probs,
                                      .old_log_probs = old_log_probs,
                                      .ref_log_probs = old_log_probs};
  std::vector<float> gradient(log_probs.size());
  visplay::ThreadPool pool(1);
  const auto totals = visplay::totals_of(offsets);
  const auto report = evaluate(objective, batch, totals, {.log_probs = gradient}, pool);
  const auto reference = visplay::evaluate_plain(objective, batch, totals);
  std::printf("value %.6f (in double %.6f), mean ratio %.4f, mean KL %.4f\n", report.value,
              reference.value, report.mean_ratio(), report.mean_kl());
  double worst = 0;
  for (std::size_t i = 0; i < gradient.size(); ++i) {
    std::printf("d value / d log_prob[%zu] = %+.6f\n", i, gradient[i]);
    worst = std::max(worst, std::abs(gradient[i] - reference.log_prob_gradient[i]));
  }
  return worst < 1e-6 ? 0 : 1;
}
