// The forward pass of linear_log_probs for the processor that the including unit is compiled for: chunks
// of the head stay packed in a thread's second-level cache while the panels of all tokens of a block
// stream past. Per slice of the head and token five sums, merged in slice order.
#pragma once

#include <visplay/kernels/linear_log_probs_common.hpp>
#include <visplay/kernels/log_probs_formula.hpp>

#include <cmath>

namespace visplay {
inline namespace VISPLAY_ISA {
namespace matrix {

template <class Tiles, class T>
class Forward : Common<Tiles, T> {
  using Base = Common<Tiles, T>;
  using Base::plan, Base::head, Base::units, Base::token_block, Base::chunk, Base::threads;
  using typename Base::Unit;

 public:
  Forward(const Plan& plan, std::byte* memory)
      : Base(plan),
        slice(linear_log_probs_detail::rows_per_slice(plan.vocabulary)),
        slices(ceil_div(plan.vocabulary, slice)) {
    Parts parts(memory);
    tokens = parts.take<Unit>(token_block * units);
    left = parts.take<Unit>(threads * chunk * units);
    tiles = parts.take<float>(threads * tile_floats());
    sums = parts.take<float>(slices * TokenSums::arrays * token_block);
    const std::int64_t lists = plan.top_k > 0 ? threads * token_block : 0;
    const auto k = std::int64_t(plan.top_k);
    tops = {plan.top_k, parts.take<float>(lists * k), parts.take<float>(lists),
            parts.take<std::int32_t>(lists * k), parts.take<std::int32_t>(lists)};
    bytes = parts.used();
  }

  void run(const ForwardResult& result) {
    const KeptLogits kept(result.kept, plan);
    Areas areas(threads);
    for (std::int64_t first = 0; first < plan.tokens(); first += token_block) {
      const std::int64_t count = std::min(token_block, plan.tokens() - first);
      this->pack_tokens(first, count, tokens);
      if (tops.k > 0) tops.reset(threads * token_block);
      plan.pool->run(std::size_t(slices), [&](std::size_t s) {
        const Areas::Hold area(areas);
        add_slice(std::int64_t(s), first, count, kept, area.index());
      });
      parallel_for(*plan.pool, std::size_t(count), 32, [&](std::size_t begin, std::size_t end) {
        for (auto t = std::int64_t(begin); t < std::int64_t(end); ++t) merge(first, t, result);
      });
    }
  }

  std::size_t bytes = 0;

 private:
  using Work = SoftmaxTile<Tiles, T>;
  using KeptLogits = Kept<T, Tiles::columns, std::byte>;
  using RowSums = log_probs_detail::RowSums;
  static constexpr double ln2 = log_probs_detail::ln2;

  [[nodiscard]] std::ptrdiff_t tile_floats() const { return Strips<Tiles, Work>::floats(chunk); }

  [[nodiscard]] TokenSums sums_of(std::int64_t s) const {
    return {sums + s * TokenSums::arrays * token_block, token_block};
  }

  void add_slice(std::int64_t s, std::int64_t first, std::int64_t count, const KeptLogits& kept,
                 int area) const {
    [[maybe_unused]] const typename Tiles::Session session;
    const TokenSums of_slice = sums_of(s);
    const TopLogits top = tops.k > 0 ? tops.from(area * token_block) : TopLogits{};
    of_slice.reset(token_block);
    const std::int64_t end = std::min(plan.vocabulary, (s + 1) * slice);
    multiply_head<Tiles, Work>(
        head, s * slice, end, chunk, tokens, this->panels_of(count), left + area * chunk * units,
        tiles + area * tile_floats(), [&](const float* tile, std::ptrdiff_t row, int panel) {
          const int rows = int(std::min<std::ptrdiff_t>(work_rows, end - row));
          return Work(tile, rows, row, of_slice, plan.targets + first, panel * Base::columns,
                      plan.factor, top,
                      row < kept.rows() ? kept.tile(row, first / Base::columns + panel)
                                        : typename KeptLogits::Tile{});
        });
  }

  /// Of token `first + t`: the slices' sums, in order, in double.
  void merge(std::int64_t first, std::int64_t t, const ForwardResult& result) const {
    const std::int64_t token = first + t;
    if (plan.targets[token] < 0) {
      result.log_probs[token] = result.entropy[token] = result.sum_squares[token] = 0;
      result.log_sum_exp[token] = 0;
      std::fill_n(result.top_log_probs + token * std::ptrdiff_t(tops.k), tops.k, 0.f);
      std::fill_n(result.top_ids + token * std::ptrdiff_t(tops.k), tops.k, -1);
      return;
    }
    Reference<float> largest{TokenSums::none};
    float target = TokenSums::none;
    for (std::int64_t s = 0; s < slices; ++s) {
      largest.value = std::max(largest.value, sums_of(s).reference[t]);
      target = std::max(target, sums_of(s).target[t]);
    }
    RowSums all;
    all.offset = largest.offset(plan.factor);
    for (std::int64_t s = 0; s < slices; ++s) {
      const TokenSums of_slice = sums_of(s);
      const double offset = Reference<float>{of_slice.reference[t]}.offset(plan.factor);
      RowSums part{offset, double(of_slice.sum[t]), double(of_slice.weighted[t]),
                   double(of_slice.squares[t])};
      part.refer_to(all.offset);
      all.add(part.sum, part.weighted, part.squares);
    }
    // The target's logit once more in double; where the token has most of the probability its error
    // is in the sum too and cancels.
    const double factor = double(plan.factor), logit = target_logit(token);
    const double error = factor * (logit - double(target));
    const double its_share = std::exp2(factor * double(target) - all.offset) / all.sum;
    const double log2_sum = all.offset + std::log2(all.sum) + error * its_share;
    result.log_probs[token] = float(ln2 * (factor * logit - log2_sum));
    result.entropy[token] = float(all.entropy());
    result.sum_squares[token] = float(all.sum_of_squares());
    result.log_sum_exp[token] = float(ln2 * log2_sum);
    merge_tops(token, t, float(logit), log2_sum, result);
  }

  /// What the threads have met, as log-probs; the target's logit is `chosen`.
  void merge_tops(std::int64_t token, std::int64_t t, float chosen, double log2_sum,
                  const ForwardResult& result) const {
    const auto k = std::ptrdiff_t(tops.k);
    Largest all{result.top_log_probs + token * k, result.top_ids + token * k, tops.k};
    for (int area = 0; area < threads && k > 0; ++area) {
      const Largest of_thread = tops.of(area * token_block + t);
      for (std::size_t i = 0; i < of_thread.count; ++i) {
        const std::int32_t id = of_thread.ids[i];
        all.put(id == plan.targets[token] ? chosen : of_thread.values[i], id);
      }
    }
    for (std::size_t i = 0; i < all.count; ++i)
      all.values[i] = float(ln2 * (double(plan.factor) * double(all.values[i]) - log2_sum));
  }

  [[nodiscard]] double target_logit(std::int64_t token) const {
    constexpr std::int64_t lanes = 8;  // sums that do not wait for each other
    const ByRow<T> hidden = rows_of<T>(plan.hidden);
    const T *x = hidden.data + token * hidden.stride,
            *w = head.data + plan.targets[token] * head.stride;
    double sums_of_lanes[lanes] = {}, sum = 0;
    std::int64_t h = 0;
    for (; h + lanes <= plan.depth(); h += lanes)
      for (std::int64_t i = 0; i < lanes; ++i)
        sums_of_lanes[i] += double(x[h + i]) * double(w[h + i]);
    for (; h < plan.depth(); ++h) sum += double(x[h]) * double(w[h]);
    for (const double lane : sums_of_lanes) sum += lane;
    return sum;
  }

  std::int64_t slice, slices;
  Unit *tokens, *left;
  float *tiles, *sums;
  TopLogits tops;  // of each area, one after the other
};

}  // namespace matrix
}  // namespace VISPLAY_ISA
}  // namespace visplay
