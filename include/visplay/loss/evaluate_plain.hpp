// evaluate_plain: an Objective over packed completions in double precision, one token after the other.
// The definition of what an objective means, for reading, for tests and for small batches; training
// uses kernels/objective.hpp, which is proven against it.
//
//   const PlainEvaluation result = evaluate_plain(Objective{.loss = Gspo{}}, batch, totals_of(batch));
//
// With w_i the aggregation weight of completion i and u_t what the policy loss of token t counts
// (TokenBatch::weights times the correction):
//
//   value = sum_t w_i u_t loss_t + sum_t w_i (kl_coefficient kl_t - entropy_coefficient entropy_t)
//
// where sequence and group losses give all their tokens the same loss. Tokens that the mask takes out
// count nowhere, a completion without a kept token neither.
#pragma once

#include <visplay/loss/objective.hpp>
#include <visplay/loss/token_batch.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace visplay {

struct PlainEvaluation {
  double value = 0;
  std::vector<double> log_prob_gradient{};  ///< [N]
  std::vector<double> entropy_gradient{};   ///< [N]
};

namespace evaluate_plain_detail {

/// One completion that has kept tokens.
struct Part {
  std::size_t completion = 0;
  double length = 0;  ///< kept tokens
  double weight = 0;  ///< of each, by the aggregation
};

/// Parts of each group, in order.
inline std::vector<std::vector<Part>> parts_of(const Aggregation& aggregation,
                                               const TokenBatch& batch, const BatchTotals& totals) {
  const std::int64_t all[] = {0, std::int64_t(batch.completions())};
  const auto groups = batch.groups.empty() ? std::span<const std::int64_t>(all) : batch.groups;
  std::vector<std::vector<Part>> parts(groups.size() - 1);
  for (std::size_t g = 0; g < parts.size(); ++g) {
    std::int64_t group_tokens = 0;
    for (auto i = groups[g]; i < groups[g + 1]; ++i) group_tokens += batch.length(std::size_t(i));
    for (auto i = std::size_t(groups[g]); i < std::size_t(groups[g + 1]); ++i)
      if (const std::int64_t length = batch.length(i); length > 0)
        parts[g].push_back({i, double(length), aggregation.weight(length, totals, group_tokens)});
  }
  return parts;
}

template <class Objective>
class Plain {
 public:
  Plain(const Objective& objective, const TokenBatch& batch)
      : objective_(objective), batch_(batch) {
    result_.log_prob_gradient.resize(batch.tokens());
    result_.entropy_gradient.resize(batch.tokens());
  }

  void add(std::span<const Part> group) {
    for (const Part& part : group) regularize(part);
    if constexpr (TokenLoss<decltype(objective_.loss)>)
      for (const Part& part : group) add_tokens(part);
    else if constexpr (SequenceLoss<decltype(objective_.loss)>)
      for (const Part& part : group) {
        const auto means = means_of(part);
        SequenceTerms<Number> terms = means;
        terms.mean = variable(means.mean.value);
        carry({&part, 1}, objective_.loss(terms).value,
              [&](std::size_t) { return objective_.loss(terms).derivative; });
      }
    else if (!group.empty())
      add_group(group);
  }
  [[nodiscard]] const PlainEvaluation& result() const { return result_; }

 private:
  using Number = Dual<double>;

  template <class Use>
  void for_each_token(const Part& part, const Use& use) const {
    const auto begin = std::size_t(batch_.offsets[part.completion]);
    const auto end = std::size_t(batch_.offsets[part.completion + 1]);
    for (std::size_t t = begin; t < end; ++t)
      if (batch_.kept(t)) use(t, terms_of<double>(batch_, part.completion, t));
  }

  void regularize(const Part& part) {
    for_each_token(part, [&](std::size_t t, const TokenTerms<Number>& terms) {
      const Number added = objective_.regularizer(terms);
      result_.value += part.weight * added.value;
      result_.log_prob_gradient[t] += part.weight * added.derivative;
      result_.entropy_gradient[t] -= part.weight * double(objective_.entropy_coefficient);
    });
  }

  void add_tokens(const Part& part) {
    for_each_token(part, [&](std::size_t t, const TokenTerms<Number>& terms) {
      const Number loss = objective_.policy_weight(terms) * objective_.loss(terms);
      result_.value += part.weight * loss.value;
      result_.log_prob_gradient[t] += part.weight * loss.derivative;
    });
  }

  SequenceTerms<Number> means_of(const Part& part) const {
    SequenceTerms<Number> means{.advantage = double(batch_.advantages[part.completion]),
                                .length = part.length};
    for_each_token(part, [&](std::size_t, const TokenTerms<Number>& terms) {
      means.mean.value += objective_.loss.summand(terms).value / part.length;
      means.constant_mean.value += constant_summand_of(objective_.loss, terms).value / part.length;
    });
    return means;
  }

  /// Every token carries the loss; derivative(k) is that by the mean of part k.
  template <class Derivative>
  void carry(std::span<const Part> parts, double loss, const Derivative& derivative) {
    double total = 0;
    for (const Part& part : parts)
      for_each_token(part, [&](std::size_t, const TokenTerms<Number>& terms) {
        total += part.weight * objective_.policy_weight(terms).value;
      });
    result_.value += total * loss;
    for (std::size_t k = 0; k < parts.size(); ++k) {
      const Part& part = parts[k];
      const double slope = derivative(k) / part.length;
      for_each_token(part, [&](std::size_t t, const TokenTerms<Number>& terms) {
        const double own = part.length * part.weight * objective_.policy_weight(terms).value;
        const double counts = token_form<decltype(objective_.loss)> ? own : total;
        result_.log_prob_gradient[t] += counts * slope * objective_.loss.summand(terms).derivative;
      });
    }
  }

  void add_group(std::span<const Part> group) {
    std::vector<SequenceTerms<Number>> terms;
    for (const Part& part : group) terms.push_back(means_of(part));
    const std::span<const SequenceTerms<Number>> view(terms);
    carry(group, objective_.loss(view).value, [&](std::size_t k) {
      terms[k].mean = variable(terms[k].mean.value);
      const double slope = objective_.loss(view).derivative;
      terms[k].mean = detach(terms[k].mean);
      return slope;
    });
  }

  const Objective& objective_;
  const TokenBatch& batch_;
  PlainEvaluation result_{};
};

}  // namespace evaluate_plain_detail

/// @param totals  of the whole optimiser batch, of which `batch` may be a part (whole groups of it, for
///                group losses)
/// @throws Error if the views do not fit each other; an objective with a KL needs ref_log_probs, one
///         with an entropy bonus entropy
template <PolicyLoss Loss, TokenLoss Kl, TokenCorrection Correction>
[[nodiscard]] PlainEvaluation evaluate_plain(const Objective<Loss, Kl, Correction>& objective,
                                             const TokenBatch& batch, const BatchTotals& totals) {
  check_batch(batch, "objective");
  if constexpr (!TokenLoss<Loss>) check_completion_advantages(batch, "objective");
  check(objective.kl_coefficient == 0 || batch.ref_log_probs.size() == batch.tokens(),
        "objective: a KL needs {} reference log-probs, got {}", batch.tokens(),
        batch.ref_log_probs.size());
  check(objective.entropy_coefficient == 0 || batch.entropy.size() == batch.tokens(),
        "objective: an entropy bonus needs {} entropies, got {}", batch.tokens(),
        batch.entropy.size());
  evaluate_plain_detail::Plain plain(objective, batch);
  for (const auto& group : evaluate_plain_detail::parts_of(objective.aggregation, batch, totals))
    plain.add(group);
  return plain.result();
}

}  // namespace visplay
