// matrix_product for the processor that the including unit is compiled for.
//
// Up to 1,024 rows of the left operand are packed. A task takes a chunk of the right operand's rows and
// goes over k by stretches: it packs the chunk's stretch, which then stays in its second-level cache
// while the left operand's panels stream past. Sums of a stretch are kept in float32 for the next one;
// the last adds the bias and rounds. Where stretches end depends on K alone: that is what makes results
// equal to the bit for any number of threads.
#pragma once

#include <visplay/kernels/matrix_product.hpp>
#include <visplay/kernels/matrix_product_rows.hpp>
#include <visplay/kernels/product_parts.hpp>
#include <visplay/kernels/tile_work.hpp>

#include <algorithm>

namespace visplay {
inline namespace VISPLAY_ISA {
namespace matrix {

/// Adds a tile to the sums of earlier stretches of k, and either keeps the result or stores it with the
/// bias.
template <class Tiles, class T>
class StretchTile : public TileWork<StretchTile<Tiles, T>> {
 public:
  struct Place {
    float* sums = nullptr;  ///< [rows, columns] of the tile
    bool first = true;      ///< of the stretches: `sums` holds nothing yet
    T* to = nullptr;        ///< null: more stretches follow
    std::ptrdiff_t stride = 0;
    int rows = 0, columns = 0;    ///< of the tile that are inside the result
    const float* bias = nullptr;  ///< of the tile's first column
  };

  StretchTile() = default;
  StretchTile(const float* tile, const Place& place)
      : TileWork<StretchTile>(place.rows), tile_(tile), place_(place) {}
  void row(int row) {
    const float* from = tile_ + row * Tiles::columns;
    float* sums = place_.sums + row * Tiles::columns;
    Pack sum[2] = {load(from), load(from + Pack::lanes)};
    if (!place_.first)
      for (int j = 0; j < 2; ++j) sum[j] = sum[j] + load(sums + j * Pack::lanes);
    if (!place_.to) return store_two(sums, sum[0], sum[1]);
    for (int j = 0; j < 2; ++j) sum[j] = sum[j] + load(place_.bias + j * Pack::lanes);
    T* to = place_.to + row * place_.stride;
    if (place_.columns == Tiles::columns)
      store_two(to, sum[0], sum[1]);
    else
      store_first_of_two(to, sum[0], sum[1], place_.columns);
  }

 private:
  const float* tile_ = nullptr;
  Place place_;
};

template <class Tiles, class T>
class Product {
  using Plan = matrix_product_detail::Plan;
  using Unit = typename Tiles::Unit;
  using Left = typename Tiles::Left;
  using Right = typename Tiles::Right;
  using Work = StretchTile<Tiles, T>;

 public:
  Product(const Plan& plan, std::byte* memory)
      : plan(plan), threads(plan.pool->threads()), depth(plan.left.depth()) {
    const std::int64_t most_depth = 1024 * elements_of<Unit>;
    stretches = std::max<std::int64_t>(1, ceil_div(depth, most_depth));
    stretch = round_up(ceil_div(depth, stretches), 32);
    units = units_of<Left, Unit>(stretch);
    const std::int64_t blocks = ceil_div(plan.out.rows, 1024);
    block = round_up(ceil_div(plan.out.rows, blocks), work_rows);
    chunk = round_up(std::clamp<std::int64_t>(ceil_div(plan.out.columns, 2 * threads), 1, 256),
                     std::max(Tiles::columns, 16));
    Parts parts(memory);
    left = parts.take<Unit>(stretches * block * units);
    right = parts.take<Unit>(threads * chunk * units);
    sums = parts.take<float>(stretches > 1 ? threads * chunk * block : 0);
    tiles = parts.take<float>(threads * tile_floats());
    bytes = parts.used();
  }

  void run() {
    Areas areas(threads);
    for (first = 0; first < plan.out.rows; first += block) {
      count = std::min(block, plan.out.rows - first);
      const std::int64_t groups = ceil_div(count, group);
      plan.pool->run(std::size_t(groups * stretches), [&](std::size_t i) {
        pack_left(std::int64_t(i) / groups, std::int64_t(i) % groups);
      });
      plan.pool->run(std::size_t(ceil_div(plan.out.columns, chunk)), [&](std::size_t i) {
        const Areas::Hold area(areas);
        multiply_chunk(std::int64_t(i) * chunk, area.index());
      });
    }
  }

  std::size_t bytes = 0;

 private:
  static constexpr std::int64_t group = 32;  // rows of the left operand that are packed at a time

  [[nodiscard]] std::ptrdiff_t tile_floats() const { return Strips<Tiles, Work>::floats(block); }
  static std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

  /// Calls body with the operand's numbers of stretch s as a source of panels.
  template <class Body>
  void with_stretch(const ProductOperand& operand, std::int64_t s, const Body& body) const {
    const FloatMatrix& m = operand.matrix;
    const auto* data = static_cast<const T*>(m.data);
    const std::int64_t k = s * stretch, wide = std::clamp<std::int64_t>(depth - k, 0, stretch);
    if (operand.turned)
      body(ByDepth<T>{data + k * m.stride, m.stride, m.columns, wide});
    else
      body(ByRow<T>{data + k, m.stride, m.rows, wide});
  }

  void pack_left(std::int64_t s, std::int64_t index) const {
    with_stretch(plan.left, s, [&](auto source) {
      pack_stretch<Left>(source, first + index * group, std::min(group, count - index * group),
                         left + (s * block + index * group) * units);
    });
  }

  /// As pack_panels, padded with zeros up to the stretch.
  template <class Layout, class Source>
  void pack_stretch(Source source, std::ptrdiff_t row, std::ptrdiff_t rows, Unit* to) const {
    const std::ptrdiff_t real = units_of<Layout, Unit>(source.depth);
    if (real == units) return pack_panels<Layout>(source, row, rows, to);
    for (std::ptrdiff_t r = 0; r < rows; r += Layout::width, to += Layout::width * units) {
      pack_panels<Layout>(source, row + r, Layout::width, to);
      std::fill(to + Layout::width * real, to + Layout::width * units, Unit{});
    }
  }

  void multiply_chunk(std::int64_t column, int area) const {
    [[maybe_unused]] const typename Tiles::Session session;
    const std::int64_t columns = std::min(chunk, plan.out.columns - column);
    Unit* panels = right + area * chunk * units;
    float* memory = tiles + area * tile_floats();
    const std::int64_t rights = ceil_div(columns, Tiles::columns),
                       lefts = ceil_div(count, Tiles::rows);
    for (std::int64_t s = 0; s < stretches; ++s) {
      with_stretch(plan.right, s,
                   [&](auto source) { pack_stretch<Right>(source, column, columns, panels); });
      const Unit* stretch_of_left = left + s * block * units;
      const auto make = [&](const float* tile, std::int64_t row, std::int64_t of_chunk) {
        return Work(tile, place_of(s, row, of_chunk, column, area));
      };
      if constexpr (Tiles::overlaps)
        stream_left(stretch_of_left, lefts, panels, rights, memory, make);
      else
        multiply_panels<Tiles, Work>(stretch_of_left, int(lefts), panels, int(rights), units,
                                     memory, make);
    }
  }

  /// All products: the right operand's panels stay in the second-level cache, the left one's stream past.
  template <class Make>
  void stream_left(const Unit* lefts_at, std::int64_t lefts, const Unit* panels,
                   std::int64_t rights, float* memory, const Make& make) const {
    const std::int64_t panel_units = Tiles::rows * units;
    Overlapped<Tiles, Work> products(memory);
    for (std::int64_t l = 0; l < lefts; ++l) {
      Prefetch next(lefts_at + (l + 1) % lefts * panel_units,
                    panel_units * std::int64_t(sizeof(Unit)),
                    rights * std::max<std::int64_t>(units / 16, 1));
      for (std::int64_t r = 0; r < rights; ++r)
        products.multiply(
            lefts_at + l * panel_units, panels + r * Tiles::columns * units, units,
            [&](const float* tile) { return make(tile, l * Tiles::rows, r * Tiles::columns); },
            [&] { next.advance(); });
    }
  }

  /// Of the tile at row `of_block` of the block and column `of_chunk` of the chunk that begins at `column`.
  typename Work::Place place_of(std::int64_t s, std::int64_t of_block, std::int64_t of_chunk,
                                std::int64_t column, int area) const {
    typename Work::Place place;
    const std::int64_t row = first + of_block, c = column + of_chunk;
    if (stretches > 1)
      place.sums = sums + area * chunk * block + of_block * chunk + of_chunk * work_rows;
    place.first = s == 0;
    place.rows = int(std::min<std::int64_t>(work_rows, plan.out.rows - row));
    if (s + 1 < stretches) return place;
    place.to = static_cast<T*>(plan.out.data) + row * plan.out.stride + c;
    place.stride = plan.out.stride;
    place.columns = int(std::min<std::int64_t>(Tiles::columns, plan.out.columns - c));
    place.bias = plan.bias + c;
    return place;
  }

  const Plan& plan;
  int threads;
  std::int64_t depth, stretches, stretch, units, block, chunk;
  Unit *left, *right;
  float *sums, *tiles;
  std::int64_t first = 0, count = 0;  // the block in work
};

template <class Tiles, class T>
matrix_product_detail::Pass product_of() {
  using matrix_product_detail::Plan;
  return {[](const Plan& plan) {
            return FewRows<T>::takes(plan) ? FewRows<T>(plan, nullptr).bytes
                                           : Product<Tiles, T>(plan, nullptr).bytes;
          },
          [](const Plan& plan, std::byte* memory) {
            FewRows<T>::takes(plan) ? FewRows<T>(plan, memory).run()
                                    : Product<Tiles, T>(plan, memory).run();
          }};
}

inline matrix_product_detail::Pass product_here(FloatType type, SimdLevel level) {
  return with_best_tiles(type, level,
                         []<class Tiles, class T>() { return product_of<Tiles, T>(); });
}

}  // namespace matrix
}  // namespace VISPLAY_ISA
}  // namespace visplay
