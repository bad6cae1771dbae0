// matrix_product for a few rows on the left, as in decoding: the right operand is read once, as it lies,
// nothing of it is packed. Each sum runs along the lanes, over k in order, in float32 at every level.
#pragma once

#include <visplay/kernels/matrix_product.hpp>
#include <visplay/kernels/product_parts.hpp>
#include <visplay/kernels/two_packs.hpp>

#include <algorithm>

namespace visplay {
inline namespace VISPLAY_ISA {
namespace matrix {

template <class T>
class FewRows {
  using Plan = matrix_product_detail::Plan;
  using Lanes = Pack::Lanes;
  static constexpr std::int64_t pair = 2 * Pack::lanes;
  static constexpr std::int64_t stretch = 32 * pair;  // numbers of k that one sum takes up

 public:
  /// Fewer than so many rows, and neither operand turned.
  static bool takes(const Plan& plan) {
    return plan.out.rows < 16 && !plan.left.turned && !plan.right.turned;
  }

  FewRows(const Plan& plan, std::byte* memory)
      : plan_(plan), depth_(plan.left.depth()), whole_(depth_ / pair * pair) {
    Parts parts(memory);
    wide_ = round_up(depth_, pair);
    left_ = parts.take<float>(plan.out.rows * wide_);
    bytes = parts.used();
  }

  void run() {
    const ByRow<T> left = rows_of<T>(plan_.left.matrix);
    for (std::int64_t row = 0; row < plan_.out.rows; ++row)
      for (std::int64_t k = 0; k < wide_; k += pair) {
        Lanes a, b;
        load_pair(left.data + row * left.stride, k, a, b);
        store(left_ + row * wide_ + k, Pack(a));
        store(left_ + row * wide_ + k + Pack::lanes, Pack(b));
      }
    const std::int64_t columns = plan_.out.columns;
    // Rows of the right operand in one task: some tasks a thread.
    const std::int64_t tasks = 8 * plan_.pool->threads();
    const std::int64_t group = std::clamp<std::int64_t>(round_up(columns / tasks, 4), 4, 64);
    plan_.pool->run(std::size_t((columns + group - 1) / group), [&](std::size_t i) {
      const std::int64_t begin = std::int64_t(i) * group, end = std::min(begin + group, columns);
      std::int64_t column = begin;
      for (; column + 4 <= end; column += 4) multiply<4>(column);
      for (; column < end; ++column) multiply<1>(column);
    });
  }

  std::size_t bytes = 0;

 private:
  /// Numbers [k, k + pair) of a row, zero beyond its end; in the order of load_two.
  void load_pair(const T* row, std::int64_t k, Lanes& a, Lanes& b) const {
    if (k < whole_) return load_two(row + k, a, b);
    T rest[pair] = {};
    for (std::int64_t i = 0; k + i < depth_; ++i) rest[i] = row[k + i];
    load_two(rest, a, b);
  }

  template <int columns>
  void multiply(std::int64_t column) const {
    std::int64_t row = 0;
    for (; row + 2 <= plan_.out.rows; row += 2) multiply<2, columns>(row, column);
    if (row < plan_.out.rows) multiply<1, columns>(row, column);
  }

  template <int rows, int columns>
  using Sums = Lanes[rows][columns];

  template <int rows, int columns>
  void multiply(std::int64_t row, std::int64_t column) const {
    const FloatMatrix& right = plan_.right.matrix;
    const T* from = static_cast<const T*>(right.data) + column * right.stride;
    const float* left = left_ + row * wide_;
    Sums<rows, columns> sums = {};
    for (std::int64_t k = 0; k < whole_; k += stretch)
      add_stretch(from, left, k, std::min(k + stretch, whole_), sums);
    if (whole_ < depth_) {
      const auto load_right = [&](const T* at, Lanes& a, Lanes& b) { load_pair(at, whole_, a, b); };
      add(from, left + whole_, load_right, sums);
    }
    for (int r = 0; r < rows; ++r)
      for (int c = 0; c < columns; ++c) {
        float sum = 0;
        for (int i = 0; i < Pack::lanes; ++i) sum += sums[r][c][i];
        static_cast<T*>(plan_.out.data)[(row + r) * plan_.out.stride + column + c] =
            T(sum + plan_.bias[column + c]);
      }
  }

  /// Numbers [k, end). A function of its own: there its sums are all that needs registers.
  template <int rows, int columns>
  [[gnu::noinline]] void add_stretch(const T* from, const float* left, std::int64_t k,
                                     std::int64_t end, Sums<rows, columns>& sums) const {
    const std::int64_t stride = plan_.right.matrix.stride;
    Sums<rows, columns> part = {};
    for (; k < end; k += pair) {
      for (int c = 0; c < columns && rows == 1; ++c)
        fetch_ahead<pair * sizeof(T)>(from + c * stride + k);
      const auto load_right = [&](const T* at, Lanes& a, Lanes& b) { load_two(at + k, a, b); };
      add(from, left + k, load_right, part);
    }
    for (int r = 0; r < rows; ++r)
      for (int c = 0; c < columns; ++c) sums[r][c] += part[r][c];
  }

  /// Two packs of each row.
  template <int rows, int columns, class Load>
  void add(const T* from, const float* left, const Load& load_right,
           Sums<rows, columns>& sums) const {
    for (int c = 0; c < columns; ++c) {
      Lanes a, b;
      load_right(from + c * plan_.right.matrix.stride, a, b);
      for (int r = 0; r < rows; ++r) {
        sums[r][c] += a * load(left + r * wide_).v;
        sums[r][c] += b * load(left + r * wide_ + Pack::lanes).v;
      }
    }
  }

  const Plan& plan_;
  std::int64_t depth_, whole_, wide_ = 0;
  float* left_ = nullptr;
};

}  // namespace matrix
}  // namespace VISPLAY_ISA
}  // namespace visplay
