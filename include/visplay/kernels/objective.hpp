// evaluate: an Objective over packed completions. Value, its gradient with respect to each token's
// log-prob, and the metrics of a GRPO step, in one pass over the tokens.
//
//   ThreadPool pool(4);
//   const ObjectiveReport report =
//       evaluate(Objective{}, batch, totals_of(batch), {.log_probs = gradient}, pool);
//
// Shapes: N tokens in B completions laid end to end, B + 1 offsets. Reads 8 to 36 bytes and writes
// 4 to 8 a token. Token losses go by blocks of 2,048 tokens, sequence and group losses by as many
// whole completions or groups, whose tokens they visit twice while they are in cache. Sums of blocks
// (in double) are merged in order: the result is the same to the bit for any number of threads, at
// one level of instruction set. What is computed is what loss/evaluate_plain.hpp says.
#pragma once

#include <visplay/core/error.hpp>
#include <visplay/core/parallel.hpp>
#include <visplay/kernels/objective_pass.hpp>
#include <visplay/kernels/objective_report.hpp>
#include <visplay/kernels/objective_stock.hpp>
#include <visplay/loss/objective.hpp>
#include <visplay/loss/ratio_bounds.hpp>
#include <visplay/loss/token_batch.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <vector>

namespace visplay {

using ObjectiveBatch = TokenBatch;

/// Where the gradient goes; all is overwritten. An empty span: not wanted.
struct ObjectiveGradient {
  std::span<float> log_probs{};  ///< [N]
  std::span<float> entropy{};    ///< [N]
};

namespace objective_detail {

constexpr std::size_t objective_block = 2048;  // tokens; part of what fixes the rounding
/// Tokens below which a second thread is not worth its wake-up: about ten microseconds of work.
constexpr std::size_t worth_threads = 12288;

struct CompletionTokens {
  std::size_t begin = 0, end = 0;  ///< tokens
  std::int64_t length = 0;         ///< of them kept
  float weight = 0;                ///< of each by the aggregation, 0 if none is kept
};

/// @throws Error if the views do not fit each other or the totals cannot hold them
[[nodiscard]] std::vector<CompletionTokens> completions_of(const Aggregation& aggregation,
                                                           const TokenBatch& batch,
                                                           const BatchTotals& totals);

/// Borders of blocks of about objective_block tokens: completions, or groups of them.
[[nodiscard]] std::vector<std::size_t> block_borders(const TokenBatch& batch, bool whole_groups);

/// The columns of a batch; the gradient goes `nowhere` (a pack) if it is not wanted.
[[nodiscard]] TokenColumns columns_of(const TokenBatch& batch, std::span<float> gradient,
                                      float* nowhere);

void fill_entropy_gradient(const TokenBatch& batch, const Stretch& stretch, float coefficient,
                           std::span<float> gradient);

/// @throws Error as evaluate says
void check_objective_batch(const TokenBatch& batch, const ObjectiveGradient& gradient, bool has_kl,
                           bool has_entropy);

}  // namespace objective_detail

inline namespace VISPLAY_ISA {
namespace objective_pass {

/// One call of evaluate.
template <class Objective>
class Evaluation {
 public:
  Evaluation(const Objective& objective, const TokenBatch& batch, const BatchTotals& totals,
             const ObjectiveGradient& gradient, const Passes<Objective>& passes)
      : objective_(objective),
        batch_(batch),
        gradient_(gradient),
        passes_(passes),
        completions_(completions_of(objective.aggregation, batch, totals)) {}

  [[nodiscard]] ObjectiveReport run(ThreadPool& pool) const {
    const auto add = [](ObjectiveReport sum, const ObjectiveReport& part) { return sum += part; };
    const std::size_t tokens = batch_.tokens();
    if constexpr (TokenLoss<Loss>) {
      const auto block = [this](std::size_t begin, std::size_t end) {
        Block block(*this);
        block.add_tokens(begin, end);
        return block.report();
      };
      return parallel_reduce<ObjectiveReport>(pool, tokens, objective_block, block, add,
                                              worth_threads);
    } else {
      constexpr bool whole_groups = !SequenceLoss<Loss>;
      const auto borders = block_borders(batch_, whole_groups);
      const auto block = [&](std::size_t b, std::size_t) {
        Block block(*this);
        for (std::size_t unit = borders[b]; unit < borders[b + 1]; ++unit) {
          if constexpr (whole_groups)
            block.add_group(unit);
          else
            block.add_sequence(unit);
        }
        return block.report();
      };
      return parallel_reduce<ObjectiveReport>(pool, borders.size() - 1, 1, block, add,
                                              tokens < worth_threads ? borders.size() : 0);
    }
  }

 private:
  using Loss = std::remove_cvref_t<decltype(Objective::loss)>;
  using Number = Dual<double>;
  using Terms = SequenceTerms<Number>;

  /// Gathers stretches and runs the gradient pass over many at a time.
  class Block {
   public:
    explicit Block(const Evaluation& all)
        : all_(all), columns_(columns_of(all.batch_, all.gradient_.log_probs, nowhere_)) {}

    void add_tokens(std::size_t begin, std::size_t end) {
      const auto after = std::ranges::upper_bound(all_.batch_.offsets, std::int64_t(begin));
      auto i = std::size_t(after - all_.batch_.offsets.begin()) - 1;
      for (std::size_t at = begin; at < end; at = all_.completions_[i++].end)
        push({.begin = at, .end = std::min(end, all_.completions_[i].end)}, i);
    }
    void add_sequence(std::size_t i) {
      const CompletionTokens& completion = all_.completions_[i];
      float slope = 0;
      if (completion.length > 0) {
        const SequenceSums sums = sums_of(i);
        Terms terms = terms_of(i, sums);
        count_clipped(terms, completion);
        terms.mean = variable(terms.mean.value);
        const Number loss = all_.objective_.loss(terms);
        const double total = double(completion.weight) * sums.policy_weight;
        report_.value += total * loss.value;
        slope = slope_of(loss.derivative, total, completion);
      }
      push({.begin = completion.begin, .end = completion.end, .slope = slope}, i);
    }
    void add_group(std::size_t g) {
      const auto& groups = all_.batch_.groups;
      const auto first = groups.empty() ? 0 : std::size_t(groups[g]);
      const auto last = groups.empty() ? all_.completions_.size() : std::size_t(groups[g + 1]);
      std::vector<Terms> terms;
      double total = 0;
      for (std::size_t i = first; i < last; ++i)
        if (all_.completions_[i].length > 0) {
          const SequenceSums sums = sums_of(i);
          total += double(all_.completions_[i].weight) * sums.policy_weight;
          terms.push_back(terms_of(i, sums));
        }
      const std::span<const Terms> group(terms);
      if (!group.empty()) report_.value += total * all_.objective_.loss(group).value;
      for (std::size_t i = first, k = 0; i < last; ++i) {
        const CompletionTokens& completion = all_.completions_[i];
        float slope = 0;
        if (completion.length > 0) {
          terms[k].mean = variable(terms[k].mean.value);
          slope = slope_of(all_.objective_.loss(group).derivative, total, completion);
          terms[k].mean = detach(terms[k].mean);
          ++k;
        }
        push({.begin = completion.begin, .end = completion.end, .slope = slope}, i);
      }
    }
    [[nodiscard]] ObjectiveReport report() {
      flush();
      return report_;
    }

   private:
    [[nodiscard]] SequenceSums sums_of(std::size_t i) const {
      const CompletionTokens& completion = all_.completions_[i];
      return all_.passes_.sums(all_.objective_, columns_,
                               {.begin = completion.begin,
                                .end = completion.end,
                                .advantage = all_.batch_.advantages[i]});
    }
    [[nodiscard]] Terms terms_of(std::size_t i, const SequenceSums& sums) const {
      const auto length = double(all_.completions_[i].length);
      return {.mean = sums.summand / length,
              .constant_mean = sums.constant_summand / length,
              .advantage = double(all_.batch_.advantages[i]),
              .length = length};
    }
    /// What a token's summand moves the objective by, less the aggregation's weight.
    [[nodiscard]] static float slope_of(double derivative, double total,
                                        const CompletionTokens& of) {
      if constexpr (token_form<Loss>) return float(derivative);
      return float(total * derivative / (double(of.length) * double(of.weight)));
    }
    /// All tokens of a completion whose ratio is clipped: as verl counts them.
    void count_clipped(const Terms& terms, const CompletionTokens& completion) {
      if constexpr (BoundsRatio<Loss>) {
        const double ratio = std::exp(terms.mean.value), advantage = terms.advantage.value;
        const RatioBounds bounds = ratio_bounds(all_.objective_.loss);
        const auto tokens = double(completion.length);
        if (ratio < double(bounds.low) && advantage < 0) report_.clipped_low += tokens;
        if (ratio > double(bounds.high) && advantage > 0) report_.clipped_high += tokens;
      }
    }

    void push(Stretch stretch, std::size_t i) {
      if (stretch.begin == stretch.end) return;
      if (!columns_.has_advantages) stretch.advantage = all_.batch_.advantages[i];
      stretch.weight = all_.completions_[i].weight;
      if (!all_.gradient_.entropy.empty())
        fill_entropy_gradient(all_.batch_, stretch, all_.objective_.entropy_coefficient,
                              all_.gradient_.entropy);
      stretches_[count_++] = stretch;
      if (count_ == stretches_.size()) flush();
    }
    void flush() {
      if (count_ > 0)
        report_ += all_.passes_.gradient(all_.objective_, columns_, stretches_.data(), count_);
      count_ = 0;
    }

    const Evaluation& all_;
    alignas(64) float nowhere_[16] = {};
    TokenColumns columns_;
    std::array<Stretch, 64> stretches_;
    std::size_t count_ = 0;
    ObjectiveReport report_;
  };

  const Objective& objective_;
  const TokenBatch& batch_;
  const ObjectiveGradient& gradient_;
  const Passes<Objective> passes_;
  const std::vector<CompletionTokens> completions_;
};

}  // namespace objective_pass

/// @param totals  of the whole optimiser batch, of which `batch` may be a part (whole groups of it,
///                for group losses)
/// @throws Error if the views do not fit each other or the totals cannot hold them; an objective with a KL
///         needs ref_log_probs, one with an entropy bonus entropy; token advantages need a token loss
template <PolicyLoss Loss, TokenLoss Kl, TokenCorrection Correction>
[[nodiscard]] ObjectiveReport evaluate(const Objective<Loss, Kl, Correction>& objective,
                                       const TokenBatch& batch, const BatchTotals& totals,
                                       const ObjectiveGradient& gradient, ThreadPool& pool) {
  objective_detail::check_objective_batch(batch, gradient, objective.kl_coefficient != 0,
                                          objective.entropy_coefficient != 0);
  if constexpr (!TokenLoss<Loss>) check_completion_advantages(batch, "objective");
  const auto passes = objective_pass::best_passes<Objective<Loss, Kl, Correction>>();
  return objective_pass::Evaluation(objective, batch, totals, gradient, passes).run(pool);
}

}  // namespace VISPLAY_ISA
}  // namespace visplay

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/kernels/objective.ipp>
#endif
