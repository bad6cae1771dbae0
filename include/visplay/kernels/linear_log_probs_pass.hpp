// The two passes of linear_log_probs for the processor that the including unit is compiled for.
//
// Both go over the head by chunks that stay packed in a thread's second-level cache while the panels of
// all tokens of a block stream past. Forward: per slice of the head and token five sums, merged in slice
// order.
// Backward: batches of the head's rows. First the gradient of their logits for all tokens, then the
// head's gradient for these rows (complete: the sum over tokens is inside one product) and what they
// add to the hidden states' gradient (in float32, batch after batch in order).
#pragma once

#include <visplay/kernels/linear_log_probs_plan.hpp>
#include <visplay/kernels/linear_log_probs_tiles.hpp>
#include <visplay/kernels/product_parts.hpp>

#include <cmath>
#include <type_traits>
#include <utility>

namespace visplay {
inline namespace VISPLAY_ISA {
namespace matrix {

using linear_log_probs_detail::BackwardInput;
using linear_log_probs_detail::ceil_div;
using linear_log_probs_detail::ForwardResult;
using linear_log_probs_detail::Passes;
using linear_log_probs_detail::Plan;

/// Multiplies rows [begin, end) of the head with panels of tokens. `make(tile, row, panel)` gives the
/// work on a tile, which is done while the next one is multiplied.
/// @param chunk  rows whose panels are in `left` while all tokens stream past
/// @param tiles  two tiles
template <class Tiles, class Work, class T, class Make>
void multiply_head(const ByRow<T>& head, std::ptrdiff_t begin, std::ptrdiff_t end,
                   std::ptrdiff_t chunk, const typename Tiles::Unit* tokens, int panels,
                   typename Tiles::Unit* left, float* tiles, const Make& make) {
  using Unit = typename Tiles::Unit;
  const std::ptrdiff_t units = units_of<typename Tiles::Left, Unit>(head.depth);
  const std::ptrdiff_t panel_units = Tiles::columns * units;
  float *tile = tiles, *other = tiles + Tiles::rows * Tiles::columns;
  Work work;
  for (; begin < end; begin += chunk) {
    const int row_panels = int(ceil_div(std::min(chunk, end - begin), Tiles::rows));
    for (int r = 0; r < row_panels; ++r)
      pack_rows<Tiles>(head, begin + r * Tiles::rows, left + r * Tiles::rows * units);
    for (int panel = 0; panel < panels; ++panel) {
      const Unit* right = tokens + panel * panel_units;
      Prefetch next(tokens + (panel + 1) % panels * panel_units,
                    panel_units * std::ptrdiff_t(sizeof(Unit)), row_panels * (units / 16));
      for (int r = 0; r < row_panels; ++r) {
        Tiles::multiply(left + r * Tiles::rows * units, right, units, tile,
                        [&](int step, int steps) {
                          work.advance(step, steps);
                          next.advance();
                        });
        work.finish();
        work = make(tile, begin + r * Tiles::rows, panel);
        std::swap(tile, other);
      }
    }
  }
  work.finish();
}

/// What both passes share: operands of type T, multiplied by Tiles.
template <class Tiles, class T>
struct Common {
  using Unit = typename Tiles::Unit;
  static constexpr int rows = Tiles::rows, columns = Tiles::columns;

  explicit Common(const Plan& plan)
      : plan(plan),
        head(rows_of<T>(plan.head)),
        units(units_of<typename Tiles::Left, Unit>(plan.depth())),
        token_block(linear_log_probs_detail::tokens_per_block(plan.tokens(), plan.depth(),
                                                              4 / elements_of<Unit>)),
        chunk(linear_log_probs_detail::rows_per_chunk(plan.depth(), 4 / elements_of<Unit>)),
        threads(plan.pool->threads()) {
    head.rows = plan.vocabulary;
  }

  [[nodiscard]] int panels_of(std::int64_t tokens) const { return int(ceil_div(tokens, columns)); }
  /// Packs tokens [first, first + count) as right operands of the logits.
  void pack_tokens(std::int64_t first, std::int64_t count, Unit* to) const {
    const ByRow<T> hidden = rows_of<T>(plan.hidden);
    plan.pool->run(std::size_t(panels_of(count)), [&](std::size_t panel) {
      pack_panels<typename Tiles::Right>(hidden, first + std::int64_t(panel) * columns, columns,
                                         to + std::int64_t(panel) * columns * units);
    });
  }

  const Plan& plan;
  ByRow<T> head;
  std::ptrdiff_t units;
  std::int64_t token_block, chunk;
  int threads;
};

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
    tiles = parts.take<float>(threads * 2 * Base::rows * Base::columns);
    sums = parts.take<float>(slices * TokenSums::arrays * token_block);
    bytes = parts.used();
  }

  void run(const ForwardResult& result) {
    Areas areas(threads);
    for (std::int64_t first = 0; first < plan.tokens(); first += token_block) {
      const std::int64_t count = std::min(token_block, plan.tokens() - first);
      this->pack_tokens(first, count, tokens);
      plan.pool->run(std::size_t(slices), [&](std::size_t s) {
        const Areas::Hold area(areas);
        add_slice(std::int64_t(s), first, count, area.index());
      });
      parallel_for(*plan.pool, std::size_t(count), 32, [&](std::size_t begin, std::size_t end) {
        for (auto t = std::int64_t(begin); t < std::int64_t(end); ++t) merge(first, t, result);
      });
    }
  }

  std::size_t bytes = 0;

 private:
  using Work = SoftmaxTile<Tiles>;

  [[nodiscard]] TokenSums sums_of(std::int64_t s) const {
    return {sums + s * TokenSums::arrays * token_block, token_block};
  }

  void add_slice(std::int64_t s, std::int64_t first, std::int64_t count, int area) const {
    [[maybe_unused]] const typename Tiles::Session session;
    const TokenSums of_slice = sums_of(s);
    of_slice.reset(token_block);
    const std::int64_t end = std::min(plan.vocabulary, (s + 1) * slice);
    multiply_head<Tiles, Work>(
        head, s * slice, end, chunk, tokens, this->panels_of(count), left + area * chunk * units,
        tiles + area * 2 * Base::rows * Base::columns,
        [&](const float* tile, std::ptrdiff_t row, int panel) {
          const int rows = int(std::min<std::ptrdiff_t>(Base::rows, end - row));
          return Work(tile, rows, row, of_slice, plan.targets + first, panel * Base::columns,
                      plan.inverse_temperature);
        });
  }

  /// Of token `first + t`: the slices' sums, in order, in double.
  void merge(std::int64_t first, std::int64_t t, const ForwardResult& result) const {
    const std::int64_t token = first + t;
    if (plan.targets[token] < 0) {
      result.log_probs[token] = result.entropy[token] = result.sum_squares[token] = 0;
      result.log_sums[token] = 0;
      return;
    }
    float shift = TokenSums::none, target = TokenSums::none;
    for (std::int64_t s = 0; s < slices; ++s) {
      shift = std::max(shift, sums_of(s).shift[t]);
      target = std::max(target, sums_of(s).target[t]);
    }
    double sum = 0, weighted = 0, squares = 0;
    for (std::int64_t s = 0; s < slices; ++s) {
      const TokenSums part = sums_of(s);
      const double moved = double(part.shift[t]) - double(shift), factor = std::exp(moved);
      sum += factor * double(part.sum[t]);
      weighted += factor * (double(part.weighted[t]) + moved * double(part.sum[t]));
      squares += factor * factor * double(part.squares[t]);
    }
    // The target's logit once more in double; where the token has most of the probability its error
    // is in the sum too and cancels.
    const double chosen = target_logit(token), error = chosen - double(target);
    const double entropy_sum = std::log(sum);
    const double log_sum = entropy_sum + error * std::exp(double(target) - double(shift)) / sum;
    result.log_probs[token] = float(chosen - double(shift) - log_sum);
    result.entropy[token] = float(entropy_sum - weighted / sum);
    result.sum_squares[token] = float(squares / (sum * sum));
    result.log_sums[token] = float(double(shift) + log_sum);
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
    return sum * double(plan.inverse_temperature);
  }

  std::int64_t slice, slices;
  Unit *tokens, *left;
  float *tiles, *sums;
};

template <class Tiles, class T>
class Backward : Common<Tiles, T> {
  using Base = Common<Tiles, T>;
  using Base::plan, Base::head, Base::units, Base::token_block, Base::chunk, Base::threads;
  using typename Base::Unit;
  using Left = typename Tiles::Left;
  using Right = typename Tiles::Right;
  using G = std::conditional_t<std::is_same_v<Unit, Pair>, BFloat16, float>;  // of the logits

 public:
  Backward(const Plan& plan, std::byte* memory)
      : Base(plan),
        padded_tokens(ceil_div(plan.tokens(), 32) * 32),
        batch(std::clamp<std::int64_t>(
            (std::int64_t(1) << 20) / padded_tokens / 64 * 64, 256,
            std::min<std::int64_t>(2048, ceil_div(plan.vocabulary, 256) * 256))),
        depth_panels(int(ceil_div(plan.depth(), Base::columns))),
        token_units(units_of<Left, Unit>(plan.tokens())),
        batch_units(units_of<Left, Unit>(batch)) {
    Parts parts(memory);
    const std::ptrdiff_t wide = std::ptrdiff_t(depth_panels) * Base::columns;
    tokens = parts.take<Unit>(padded_tokens * units);
    tokens_by_depth = parts.take<Unit>(wide * token_units);
    head_by_depth = parts.take<Unit>(wide * batch_units);
    logit_gradients = parts.take<G>(batch * padded_tokens);
    hidden_gradients = parts.take<float>(padded_tokens * wide);
    left_units = std::max(chunk * units, group * std::max(token_units, batch_units));
    left = parts.take<Unit>(threads * left_units);
    tiles = parts.take<float>(threads * 2 * Base::rows * Base::columns);
    bytes = parts.used();
  }

  void run(const BackwardInput& input) {
    const bool by_hidden = input.hidden.data != nullptr, by_head = input.head.data != nullptr;
    this->pack_tokens(0, padded_tokens, tokens);
    const auto hidden = depth_of<T>(plan.hidden, 0, plan.tokens());
    plan.pool->run(std::size_t(depth_panels), [&](std::size_t panel) {
      const auto at = std::int64_t(panel) * Base::columns;
      pack_panels<Right>(hidden, at, Base::columns, tokens_by_depth + at * token_units);
      std::fill_n(hidden_gradients + at * padded_tokens, Base::columns * padded_tokens, 0.f);
    });
    Areas areas(threads);
    for (first = 0; first < plan.head.rows; first += batch) {
      count = std::clamp<std::int64_t>(plan.vocabulary - first, 0, batch);
      const std::int64_t part = ceil_div(ceil_div(count, threads), 32) * 32;
      const std::int64_t logit_tasks = count == 0 ? 0 : ceil_div(count, part);
      plan.pool->run(std::size_t(logit_tasks + (by_hidden && count ? depth_panels : 0)),
                     [&](std::size_t index) {
                       const auto task = std::int64_t(index);
                       if (task >= logit_tasks) return pack_head(task - logit_tasks);
                       const Areas::Hold area(areas);
                       differentiate_logits(input, task * part, part, area.index());
                     });
      const std::int64_t head_tasks =
          by_head ? ceil_div(std::min(batch, plan.head.rows - first), group) : 0;
      const std::int64_t hidden_tasks = by_hidden && count ? ceil_div(plan.tokens(), group) : 0;
      plan.pool->run(std::size_t(head_tasks + hidden_tasks), [&](std::size_t index) {
        const auto task = std::int64_t(index);
        const Areas::Hold area(areas);
        if (task < head_tasks)
          with_type(input.head,
                    [&](auto* to) { write_head(input, task * group, to, area.index()); });
        else
          add_hidden((task - head_tasks) * group, area.index());
      });
    }
    if (by_hidden) with_type(input.hidden, [&](auto* to) { write_hidden(input.hidden, to); });
  }

  std::size_t bytes = 0;

 private:
  static constexpr std::int64_t group = 256;  // rows of a left operand that a task packs for itself

  template <class Body>
  static void with_type(const MutableFloatMatrix& m, const Body& body) {
    switch (m.type) {
      case FloatType::float32:
        return body(static_cast<float*>(m.data));
      case FloatType::bfloat16:
        return body(static_cast<BFloat16*>(m.data));
      case FloatType::float16:
        return body(static_cast<Float16*>(m.data));
    }
  }
  [[nodiscard]] float* tiles_of(int area) const {
    return tiles + area * 2 * Base::rows * Base::columns;
  }

  void pack_head(std::int64_t panel) const {
    const std::int64_t at = panel * Base::columns;
    pack_panels<Right>(depth_of<T>(plan.head, first, count), at, Base::columns,
                       head_by_depth + at * units_of<Right, Unit>(count));
  }

  /// Of the batch's rows [begin, begin + part).
  void differentiate_logits(const BackwardInput& input, std::int64_t begin, std::int64_t part,
                            int area) const {
    using Work = GradientTile<Tiles, G>;
    [[maybe_unused]] const typename Tiles::Session session;
    const std::int64_t end = first + std::min(count, begin + part);
    const TokenGradients of_tokens{input.log_sums, input.entropy, input.by_log_prob,
                                   input.by_entropy, plan.targets};
    multiply_head<Tiles, Work>(
        head, first + begin, end, chunk, tokens, this->panels_of(plan.tokens()),
        left + area * left_units, tiles_of(area),
        [&](const float* tile, std::ptrdiff_t row, int panel) {
          const int rows = int(std::min<std::ptrdiff_t>(Base::rows, end - row));
          G* to = logit_gradients + (row - first) * padded_tokens + panel * Base::columns;
          return Work(tile, rows, row, of_tokens, panel * Base::columns, plan.inverse_temperature,
                      to, padded_tokens);
        });
  }

  /// The head's gradient, rows [begin, begin + group) of the batch: gradients of logits x hidden.
  template <class Out>
  void write_head(const BackwardInput& input, std::int64_t begin, Out* out, int area) const {
    using Work = StoreTile<Tiles, Out>;
    const std::int64_t rows = std::min({group, batch - begin, plan.head.rows - first - begin});
    const std::int64_t real = std::clamp<std::int64_t>(count - begin, 0, rows);
    Out* to = out + (first + begin) * input.head.stride;
    for (std::int64_t r = real; r < rows; ++r)
      std::fill_n(to + r * input.head.stride, plan.depth(), Out{});
    if (real == 0) return;
    [[maybe_unused]] const typename Tiles::Session session;
    const ByRow<G> gradients{logit_gradients + begin * padded_tokens, padded_tokens, real,
                             plan.tokens()};
    Unit* panels = left + area * left_units;
    pack_panels<Left>(gradients, 0, real, panels);
    multiply_panels<Tiles, Work>(
        panels, int(ceil_div(real, Base::rows)), tokens_by_depth, depth_panels, token_units,
        tiles_of(area), [&](const float* tile, int row, int column) {
          const std::int64_t r = std::int64_t(row) * Base::rows,
                             c = std::int64_t(column) * Base::columns;
          return Work(tile, int(std::min<std::int64_t>(Base::rows, real - r)), plan.depth() - c,
                      to + r * input.head.stride + c, input.head.stride);
        });
  }

  /// Adds to the hidden states' gradient of tokens [begin, begin + group) what the batch brings:
  /// gradients of logits, turned over, x head.
  void add_hidden(std::int64_t begin, int area) const {
    using Work = AddTile<Tiles>;
    [[maybe_unused]] const typename Tiles::Session session;
    const std::int64_t rows = std::min(group, plan.tokens() - begin);
    const ByDepth<G> gradients{logit_gradients + begin, padded_tokens, plan.tokens() - begin,
                               count};
    Unit* panels = left + area * left_units;
    pack_panels<Left>(gradients, 0, rows, panels);
    multiply_panels<Tiles, Work>(panels, int(ceil_div(rows, Base::rows)), head_by_depth,
                                 depth_panels, units_of<Right, Unit>(count), tiles_of(area),
                                 [&](const float* tile, int row, int column) {
                                   return Work(tile, hidden_tile(begin / Base::rows + row, column));
                                 });
  }

  /// The hidden states' gradient is kept tile by tile.
  [[nodiscard]] float* hidden_tile(std::int64_t row, std::int64_t column) const {
    return hidden_gradients +
           (column * (padded_tokens / Base::rows) + row) * Base::rows * Base::columns;
  }

  template <class Out>
  void write_hidden(const MutableFloatMatrix& m, Out* out) const {
    plan.pool->run(std::size_t(ceil_div(plan.tokens(), Base::rows)), [&](std::size_t index) {
      const std::int64_t row = std::int64_t(index) * Base::rows;
      const int rows = int(std::min<std::int64_t>(Base::rows, plan.tokens() - row));
      for (int column = 0; column < depth_panels; ++column) {
        const std::int64_t c = std::int64_t(column) * Base::columns;
        StoreTile<Tiles, Out>(hidden_tile(std::int64_t(index), column), rows, plan.depth() - c,
                              out + row * m.stride + c, m.stride)
            .finish();
      }
    });
  }

  std::int64_t padded_tokens, batch;
  int depth_panels;
  std::ptrdiff_t token_units, batch_units, left_units;
  Unit *tokens, *tokens_by_depth, *head_by_depth, *left;
  G* logit_gradients;
  float *hidden_gradients, *tiles;
  std::int64_t first = 0, count = 0;  // the batch in work; count: of it inside the vocabulary
};

template <class Tiles, class T>
Passes passes_of() {
  Passes passes;
  passes.forward_bytes = [](const Plan& plan) { return Forward<Tiles, T>(plan, nullptr).bytes; };
  passes.forward = [](const Plan& plan, const ForwardResult& result, std::byte* memory) {
    Forward<Tiles, T>(plan, memory).run(result);
  };
  passes.backward_bytes = [](const Plan& plan) { return Backward<Tiles, T>(plan, nullptr).bytes; };
  passes.backward = [](const Plan& plan, const BackwardInput& input, std::byte* memory) {
    Backward<Tiles, T>(plan, memory).run(input);
  };
  return passes;
}

/// The best that this unit is compiled for; AMX only at its level, since the tile registers are the
/// kernel's to grant (best_simd_level() has asked for them).
inline Passes passes_here(FloatType type, [[maybe_unused]] SimdLevel level) {
  if (type == FloatType::float32) return passes_of<FloatTiles, float>();
  if (type == FloatType::float16) return passes_of<FloatTiles, Float16>();
#if defined(__AMX_BF16__)
  if (level == SimdLevel::amx) return passes_of<AmxTiles, BFloat16>();
#endif
#if defined(__AVX512BF16__)
  return passes_of<PairTiles, BFloat16>();
#else
  return passes_of<FloatTiles, BFloat16>();
#endif
}

}  // namespace matrix
}  // namespace VISPLAY_ISA
}  // namespace visplay
