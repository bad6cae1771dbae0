// The two products of attention's forward pass in bfloat16 by AMX. Weights of a softmax are rounded to
// bfloat16 before they meet the values; their sum is taken before, in float32.
#pragma once

#include <visplay/kernels/attention_blocks.hpp>
#include <visplay/kernels/power_of_two.hpp>
#include <visplay/kernels/tile_work.hpp>

#include <cstring>
#include <vector>

#if defined(__AMX_BF16__)

namespace visplay {
inline namespace VISPLAY_ISA {
namespace attention_detail {

// Operands of tiles, on cache lines of their own.
class TileMemory {
 public:
  // Room for so many pairs; what is new is zero.
  matrix::Pair* resize(std::ptrdiff_t pairs) {
    lines_.resize(std::size_t(pairs + 15) / 16);
    return data();
  }
  matrix::Pair* data() { return lines_.data()->pairs; }

 private:
  struct alignas(64) Line {
    matrix::Pair pairs[16];
  };
  std::vector<Line> lines_;
};

// As FloatProducts, of one task.
class TileProducts {
  using Tiles = matrix::AmxTiles;
  using Pair = matrix::Pair;

 public:
  static constexpr int queries = Tiles::rows, key_step = 32;
  explicit TileProducts(int dim)
      : dim_(dim),
        dim_units_(matrix::units_of<Tiles::Left, Pair>(dim)),
        dim_panels_((dim + Tiles::columns - 1) / Tiles::columns) {
    queries_.resize(queries * dim_units_);
    weights_.resize(queries * key_block / 2);
    tile_.resize(queries * Tiles::columns);
  }

  void load_keys(const Task& task, const BFloat16* k, const BFloat16* v) {
    key_units_ = matrix::units_of<Tiles::Right, Pair>(task.rows);
    const matrix::ByRow<BFloat16> keys{k + task.first_kv(), task.kv_step(), task.rows, dim_};
    const matrix::ByDepth<BFloat16> values{v + task.first_kv(), task.kv_step(), dim_, task.rows};
    matrix::pack_panels<Tiles::Right>(keys, 0, task.rows,
                                      keys_.resize(2 * key_units_ * dim_units_));
    matrix::pack_panels<Tiles::Right>(values, 0, dim_,
                                      values_.resize(dim_panels_ * Tiles::columns * key_units_));
  }
  void load_queries(const Task& task, const QueryBlock& block, const BFloat16* q) {
    for (int r = 0; r < block.count; ++r) {
      const BFloat16* from = q + task.place(block.begin + r) * dim_;
      for (int d = 0; d < dim_; d += 32)
        std::memcpy(line_of(queries_, r, d), from + d, std::size_t(std::min(32, dim_ - d)) * 2);
    }
    count_ = block.count;
  }
  void multiply_keys(int first, int count, PairBlock& scores) {
    for (int key = 0; key < count; key += 32)
      Tiles::multiply(
          queries_.data(), keys_.data() + std::ptrdiff_t(first + key) * dim_units_, dim_units_,
          scores.row(0) + key, [](int, int) {}, PairBlock::step);
  }
  // Weights are summed before they are rounded. A hidden score's power is zero.
  float weigh(int r, int count, float scale, float shift, PairBlock& scores) {
    constexpr float log2_e = 1.44269504f;
    float* row = scores.row(r);
    std::fill(row + count, row + wide(count), hidden_score);
    const Pack::Lanes factor = Pack(scale * log2_e).v, reference = Pack(-shift * log2_e).v;
    const auto weight = [&](const Pack& score) {
      const Pack::Lanes y = multiply_add(score.v, factor, reference);
      if constexpr (scales_powers) return Pack(power_of_two(y));
      return select(score.v == hidden_score, Pack(0.f), Pack(power_of_two(bounded_below(y))));
    };
    Pack total[2];
    for (int key = 0; key < count; key += 32) {
      const Pack a = weight(load(row + key)), b = weight(load(row + key + 16));
      total[0] = total[0] + a, total[1] = total[1] + b;
      matrix::store_two(reinterpret_cast<BFloat16*>(line_of(weights_, r, key)), a, b);
    }
    return sum(total[0] + total[1]);
  }
  void add_values(int first, int count, const PairBlock&, QueryRows& sums) {
    auto* tile = reinterpret_cast<float*>(tile_.data());
    for (int panel = 0; panel < dim_panels_; ++panel) {
      Tiles::multiply(weights_.data(),
                      values_.data() + Tiles::columns * (panel * key_units_ + first / 2),
                      wide(count) / 2, tile, [](int, int) {});
      for (int r = 0; r < count_; ++r)
        for (int j = 0; j < Tiles::columns; j += Pack::lanes) {
          float* to = sums.row(r) + panel * Tiles::columns + j;
          store(to, load(to) + load(tile + r * Tiles::columns + j));
        }
    }
  }

 private:
  static int wide(int count) { return (count + 31) / 32 * 32; }
  // Numbers [column, column + 32) of row r in a left operand of 32 rows.
  static Pair* line_of(TileMemory& left, int r, int column) {
    return left.data() + column / 32 * 512 + r * 16;
  }

  const Tiles::Session session_;
  int dim_, count_ = 0;
  std::ptrdiff_t dim_units_, dim_panels_, key_units_ = 0;
  TileMemory queries_, keys_, values_, weights_, tile_;
};

}  // namespace attention_detail
}  // namespace VISPLAY_ISA
}  // namespace visplay

#endif
