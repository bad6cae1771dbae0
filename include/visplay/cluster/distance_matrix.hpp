// DistanceMatrix: the distances between n items, symmetric with a zero diagonal. Stored in full, so
// that a row lies in one piece: 8 n^2 bytes, 129 MiB for 4,096 items.
//
//   auto distance = DistanceMatrix::of(n, [&](std::size_t i, std::size_t j) { ... }, pool);   // i < j
//   auto distance = DistanceMatrix::of_rows(n, BleuDistances(texts), pool);
#pragma once

#include <visplay/core/parallel.hpp>

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <limits>
#include <memory>
#include <new>
#include <span>
#include <utility>

namespace visplay {

class DistanceMatrix {
 public:
  /// All distances 0.
  explicit DistanceMatrix(std::size_t items = 0) : DistanceMatrix(items, uninitialised{}) {
    std::fill_n(data_.get(), items_ * stride_, 0.);
    close();
  }
  DistanceMatrix(const DistanceMatrix& from) : DistanceMatrix(from.items_, uninitialised{}) {
    std::copy_n(from.data_.get(), items_ * stride_, data_.get());
  }
  DistanceMatrix(DistanceMatrix&& from) noexcept
      : items_(std::exchange(from.items_, 0)),
        stride_(from.stride_),
        data_(std::move(from.data_)) {}
  DistanceMatrix& operator=(DistanceMatrix from) noexcept {
    std::swap(items_, from.items_);
    std::swap(stride_, from.stride_);
    std::swap(data_, from.data_);
    return *this;
  }

  /// Calls rows = distances.rows() for some blocks of rows, and rows(i, out) for each row i of the
  /// block, from the threads of the pool: out[k] is the distance of items i and i + 1 + k.
  template <class Distances>
  static DistanceMatrix of_rows(std::size_t items, const Distances& distances, ThreadPool& pool) {
    DistanceMatrix matrix(items, uninitialised{});
    constexpr std::size_t block = 32;  // rows that fit a cache until they are copied to columns
    parallel_for(pool, items, block, [&](std::size_t begin, std::size_t end) {
      auto rows = distances.rows();
      for (std::size_t i = begin; i < end; ++i)
        rows(i, std::span(matrix.row(i) + i + 1, items - i - 1));
      for (std::size_t j = begin + 1; j < items; ++j)
        for (std::size_t i = begin; i < std::min(end, j); ++i) matrix.row(j)[i] = matrix.row(i)[j];
    });
    matrix.close();
    return matrix;
  }

  /// Calls distance(i, j), i < j, once for every pair, from the threads of the pool.
  template <class Distance>
  static DistanceMatrix of(std::size_t items, const Distance& distance, ThreadPool& pool) {
    struct Rows {
      const Distance& distance;
      Rows rows() const { return *this; }
      void operator()(std::size_t i, std::span<double> out) const {
        for (std::size_t k = 0; k < out.size(); ++k) out[k] = distance(i, i + 1 + k);
      }
    };
    return of_rows(items, Rows{distance}, pool);
  }
  template <class Distance>
  static DistanceMatrix of(std::size_t items, const Distance& distance) {
    ThreadPool alone(1);
    return of(items, distance, alone);
  }

  [[nodiscard]] std::size_t size() const { return items_; }

  /// Distance of two items below size(), in any order.
  [[nodiscard]] double operator()(std::size_t i, std::size_t j) const {
    return i == j ? 0. : row(i)[j];
  }
  /// Sets it from both sides; i != j.
  void set(std::size_t i, std::size_t j, double distance) { row(i)[j] = row(j)[i] = distance; }

  /// For algorithms: distances of item i to all. What stands at i itself, and from size() to
  /// stride(), is infinity.
  [[nodiscard]] double* row(std::size_t i) { return data_.get() + i * stride_; }
  [[nodiscard]] const double* row(std::size_t i) const { return data_.get() + i * stride_; }
  /// A multiple of 8, and an odd one: columns then do not fall into few places of a cache.
  [[nodiscard]] std::size_t stride() const { return stride_; }

 private:
  struct uninitialised {};
  DistanceMatrix(std::size_t items, uninitialised)
      : items_(items), stride_(((items + 7) / 8 | 1) * 8), data_(allocate(items * stride_)) {}

  struct Free {
    void operator()(double* data) const { std::free(data); }
  };
  using Data = std::unique_ptr<double[], Free>;

  /// In pages of 2 MiB where it is large and the system has them: first touching 128 MiB in small
  /// ones takes as long as filling it.
  static Data allocate(std::size_t doubles) {
    constexpr std::size_t page = std::size_t(2) << 20;
    const bool large = doubles * sizeof(double) >= page;
    const std::size_t unit = large ? page : 64;
    const std::size_t bytes = (doubles * sizeof(double) + unit - 1) / unit * unit;
    Data data(static_cast<double*>(std::aligned_alloc(unit, std::max(bytes, unit))));
    if (!data) throw std::bad_alloc();
#if defined(__linux__)
    if (large) madvise(data.get(), bytes, MADV_HUGEPAGE);  // a wish: its failure is no error
#endif
    return data;
  }

  void close() {
    for (std::size_t i = 0; i < items_; ++i) {
      row(i)[i] = std::numeric_limits<double>::infinity();
      std::fill(row(i) + items_, row(i) + stride_, std::numeric_limits<double>::infinity());
    }
  }

  std::size_t items_, stride_;
  Data data_;
};

}  // namespace visplay
