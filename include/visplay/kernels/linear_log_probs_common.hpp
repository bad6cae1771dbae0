// What the forward and the backward pass of linear_log_probs share.
#pragma once

#include <visplay/kernels/linear_log_probs_kept.hpp>
#include <visplay/kernels/linear_log_probs_plan.hpp>
#include <visplay/kernels/linear_log_probs_tiles.hpp>
#include <visplay/kernels/product_parts.hpp>

#include <algorithm>
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
/// work on a tile of work_rows rows (the last has fewer) from `row` on.
/// @param chunk   rows whose panels are in `left` while all tokens stream past
/// @param memory  of Strips, for a chunk
template <class Tiles, class Work, class T, class Make>
void multiply_head(const ByRow<T>& head, std::ptrdiff_t begin, std::ptrdiff_t end,
                   std::ptrdiff_t chunk, const typename Tiles::Unit* tokens, int panels,
                   typename Tiles::Unit* left, float* memory, const Make& make) {
  using Unit = typename Tiles::Unit;
  const std::ptrdiff_t units = units_of<typename Tiles::Left, Unit>(head.depth);
  const std::ptrdiff_t panel_units = Tiles::columns * units;
  Strips<Tiles, Work> strips(memory);
  for (; begin < end; begin += chunk) {
    const int row_panels = int(ceil_div(std::min(chunk, end - begin), Tiles::rows));
    for (int r = 0; r < row_panels; ++r)
      pack_rows<Tiles>(head, begin + r * Tiles::rows, left + r * Tiles::rows * units);
    for (int panel = 0; panel < panels; ++panel) {
      const Unit* right = tokens + panel * panel_units;
      Prefetch next(tokens + (panel + 1) % panels * panel_units,
                    panel_units * std::ptrdiff_t(sizeof(Unit)), row_panels * (units / 16));
      strips.multiply(
          left, row_panels, right, units,
          [&](const float* tile, int row) { return make(tile, begin + row, panel); },
          [&] { next.advance(); });
    }
  }
}

/// What both passes share: operands of type T, multiplied by Tiles.
template <class Tiles, class T>
struct Common {
  using Unit = typename Tiles::Unit;
  static constexpr int columns = Tiles::columns;

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

}  // namespace matrix
}  // namespace VISPLAY_ISA
}  // namespace visplay
