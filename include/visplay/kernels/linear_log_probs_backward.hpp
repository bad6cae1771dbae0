// The backward pass of linear_log_probs for the processor that the including unit is compiled for, by
// batches of the head's rows. First the gradient of their logits for all tokens, then the head's gradient
// for these rows (complete: the sum over tokens is inside one product) and what they add to the hidden
// states' gradient (in float32, batch after batch in order).
#pragma once

#include <visplay/kernels/linear_log_probs_common.hpp>

#include <type_traits>

namespace visplay {
inline namespace VISPLAY_ISA {
namespace matrix {

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
    head_group = rows_per_task(batch, threads);
    hidden_group = rows_per_task(plan.tokens(), threads);
    left_units = std::max({chunk * units, head_group * token_units, hidden_group * batch_units});
    left = parts.take<Unit>(threads * left_units);
    tiles = parts.take<float>(threads * tile_floats());
    bytes = parts.used();
  }

  void run(const BackwardInput& input) {
    const bool by_hidden = input.hidden.data != nullptr, by_head = input.head.data != nullptr;
    if (Kept<T, Tiles::columns, const std::byte>(input.kept, plan).rows() < plan.vocabulary)
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
          by_head ? ceil_div(std::min(batch, plan.head.rows - first), head_group) : 0;
      const std::int64_t hidden_tasks =
          by_hidden && count ? ceil_div(plan.tokens(), hidden_group) : 0;
      plan.pool->run(std::size_t(head_tasks + hidden_tasks), [&](std::size_t index) {
        const auto task = std::int64_t(index);
        const Areas::Hold area(areas);
        if (task < head_tasks)
          with_type(input.head,
                    [&](auto* to) { write_head(input, task * head_group, to, area.index()); });
        else
          add_hidden((task - head_tasks) * hidden_group, area.index());
      });
    }
    if (by_hidden) with_type(input.hidden, [&](auto* to) { write_hidden(input.hidden, to); });
  }

  std::size_t bytes = 0;

 private:
  /// Of a left operand that a task packs for itself: two tasks a thread, neither tiny nor so large that
  /// its panels leave the second-level cache. Results do not depend on it.
  static std::int64_t rows_per_task(std::int64_t rows, int threads) {
    return std::clamp<std::int64_t>(ceil_div(ceil_div(rows, 2 * threads), 32) * 32, 32, 256);
  }

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
  [[nodiscard]] std::ptrdiff_t tile_floats() const {
    return Strips<Tiles, GradientTile<Tiles, G>>::floats(
        std::max({chunk, head_group, hidden_group}));
  }
  [[nodiscard]] float* tiles_of(int area) const { return tiles + area * tile_floats(); }

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
    const Kept<T, Tiles::columns, const std::byte> kept(input.kept, plan);
    const std::int64_t known = std::clamp<std::int64_t>(kept.rows(), first + begin, end);
    const TokenGradients of_tokens{input.a, input.b, input.reference, input.by_log_prob,
                                   plan.targets};
    const auto work = [&](const float* tile, std::int64_t row, int panel, float factor) {
      const int rows = int(std::min<std::int64_t>(work_rows, end - row));
      G* to = logit_gradients + (row - first) * padded_tokens + panel * Base::columns;
      return Work(tile, rows, row, of_tokens, panel * Base::columns, factor, to, padded_tokens);
    };
    const int panels = this->panels_of(plan.tokens());
    alignas(64) float room[work_rows * Tiles::columns];
    for (std::int64_t row = first + begin; row < known; row += work_rows)
      for (int panel = 0; panel < panels; ++panel) {
        const auto tile = kept.tile(row, panel);
        work(tile.read(room), row, panel, tile.factor(plan.factor)).finish();
      }
    multiply_head<Tiles, Work>(head, known, end, chunk, tokens, panels, left + area * left_units,
                               tiles_of(area), [&](const float* tile, std::int64_t row, int panel) {
                                 return work(tile, row, panel, plan.factor);
                               });
  }

  /// The head's gradient, rows [begin, begin + head_group) of the batch: gradients of logits x hidden.
  template <class Out>
  void write_head(const BackwardInput& input, std::int64_t begin, Out* out, int area) const {
    using Work = StoreTile<Tiles, Out>;
    const std::int64_t rows = std::min({head_group, batch - begin, plan.head.rows - first - begin});
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
        panels, int(ceil_div(real, Tiles::rows)), tokens_by_depth, depth_panels, token_units,
        tiles_of(area), [&](const float* tile, std::int64_t row, std::int64_t column) {
          return Work(tile, int(std::min<std::int64_t>(work_rows, real - row)),
                      plan.depth() - column, to + row * input.head.stride + column,
                      input.head.stride);
        });
  }

  /// Adds to the hidden states' gradient of tokens [begin, begin + hidden_group) what the batch brings:
  /// gradients of logits, turned over, x head.
  void add_hidden(std::int64_t begin, int area) const {
    using Work = AddTile<Tiles>;
    [[maybe_unused]] const typename Tiles::Session session;
    const std::int64_t rows = std::min(hidden_group, plan.tokens() - begin);
    const ByDepth<G> gradients{logit_gradients + begin, padded_tokens, plan.tokens() - begin,
                               count};
    Unit* panels = left + area * left_units;
    pack_panels<Left>(gradients, 0, rows, panels);
    multiply_panels<Tiles, Work>(panels, int(ceil_div(rows, Tiles::rows)), head_by_depth,
                                 depth_panels, units_of<Right, Unit>(count), tiles_of(area),
                                 [&](const float* tile, std::int64_t row, std::int64_t column) {
                                   return Work(tile,
                                               int(std::min<std::int64_t>(work_rows, rows - row)),
                                               hidden_tile(begin + row, column));
                                 });
  }

  /// The hidden states' gradient is kept tile by tile. Its tile at a row and column.
  [[nodiscard]] float* hidden_tile(std::int64_t row, std::int64_t column) const {
    return hidden_gradients + column * padded_tokens + row * Base::columns;
  }

  template <class Out>
  void write_hidden(const MutableFloatMatrix& m, Out* out) const {
    plan.pool->run(std::size_t(ceil_div(plan.tokens(), work_rows)), [&](std::size_t index) {
      const std::int64_t row = std::int64_t(index) * work_rows;
      const int rows = int(std::min<std::int64_t>(work_rows, plan.tokens() - row));
      for (std::int64_t column = 0; column < plan.depth(); column += Base::columns)
        StoreTile<Tiles, Out>(hidden_tile(row, column), rows, plan.depth() - column,
                              out + row * m.stride + column, m.stride)
            .finish();
    });
  }

  std::int64_t padded_tokens, batch, head_group, hidden_group;
  int depth_panels;
  std::ptrdiff_t token_units, batch_units, left_units;
  Unit *tokens, *tokens_by_depth, *head_by_depth, *left;
  G* logit_gradients;
  float *hidden_gradients, *tiles;
  std::int64_t first = 0, count = 0;  // the batch in work; count: of it inside the vocabulary
};

}  // namespace matrix
}  // namespace VISPLAY_ISA
}  // namespace visplay
