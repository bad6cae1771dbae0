// Loops over rows of numbers, a register at a time: the inner loops of the CPU kernels. Numbers are
// float or bfloat16 in memory and float in registers.
//
// Buffers that these functions read in whole packs are padded to a multiple of Pack::lanes.
#pragma once

#include <visplay/core/bfloat16.hpp>
#include <visplay/core/pack.hpp>
#include <visplay/kernels/narrow_lanes.hpp>

#include <algorithm>
#include <cstring>
#include <limits>

namespace visplay {
inline namespace VISPLAY_ISA {

inline Pack load(const float* from) {
  Pack p;
  std::memcpy(&p.v, from, sizeof p.v);
  return p;
}
inline void store(float* to, const Pack& p) { std::memcpy(to, &p.v, sizeof p.v); }

using PackBits = std::uint32_t __attribute__((vector_size(VISPLAY_REGISTER_BYTES)));

inline void store(BFloat16* to, const Pack& p) {
  const auto bits = std::bit_cast<PackBits>(p.v);
  const PackBits rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  const PackBits kept = (bits & 0x7fffffffu) > 0x7f800000u ? PackBits{} + 0x7fc0u : rounded;  // NaN
  const auto halves = __builtin_convertvector(kept, NarrowLanes);
  std::memcpy(static_cast<void*>(to), &halves, sizeof halves);
}

/// As load and store, of the first n lanes, 0 <= n <= lanes; the others read 0. Memory beyond them is
/// not touched.
inline Pack load_first(const float* from, int n) {
#if defined(__AVX512F__)
  return Pack(__builtin_ia32_loadups512_mask(from, Pack::Lanes{}, (unsigned short)((1u << n) - 1)));
#elif defined(__AVX2__)
  constexpr PackIntegers lane{0, 1, 2, 3, 4, 5, 6, 7};
  return Pack(__builtin_ia32_maskloadps256(reinterpret_cast<const Pack::Lanes*>(from), lane < n));
#else
  Pack p;
  for (int i = 0; i < n; ++i) p[i] = from[i];
  return p;
#endif
}
inline void store_first(float* to, const Pack& p, int n) {
#if defined(__AVX512F__)
  __builtin_ia32_storeups512_mask(to, p.v, (unsigned short)((1u << n) - 1));
#elif defined(__AVX2__)
  constexpr PackIntegers lane{0, 1, 2, 3, 4, 5, 6, 7};
  __builtin_ia32_maskstoreps256(reinterpret_cast<Pack::Lanes*>(to), lane < n, p.v);
#else
  for (int i = 0; i < n; ++i) to[i] = p[i];
#endif
}

inline Pack load_first(const BFloat16* from, int n) {
  Pack p;
  for (int i = 0; i < n; ++i) p[i] = float(from[i]);
  return p;
}
inline void store_first(BFloat16* to, const Pack& p, int n) {
  for (int i = 0; i < n; ++i) to[i] = BFloat16(p[i]);
}

/// to[i] = from[i] for i in [0, n), converted.
template <class From, class To>
void copy_row(const From* from, int n, To* to) {
  int i = 0;
  for (; i + Pack::lanes <= n; i += Pack::lanes) store(to + i, load(from + i));
  if (i < n) store_first(to + i, load_first(from + i, n - i), n - i);
}

/// n rounded up to whole packs.
constexpr int padded(int n) { return (n + Pack::lanes - 1) / Pack::lanes * Pack::lanes; }

/// out[j] = sum_d x[d] * columns[d][j] for j in [0, n); writes up to padded(n). A row of columns is
/// `stride` numbers, of which n rounded up to four packs may be read.
template <class T>
void row_times_columns(const float* x, int dim, const T* columns, std::ptrdiff_t stride, int n,
                       float* out) {
  constexpr int lanes = Pack::lanes;
  int j = 0;
  for (; j + 2 * lanes < n; j += 4 * lanes) {
    Pack a, b, c, e;
    for (int d = 0; d < dim; ++d) {
      const T* row = columns + d * stride + j;
      const Pack xd(x[d]);
      a.v += xd.v * load(row).v;
      b.v += xd.v * load(row + lanes).v;
      c.v += xd.v * load(row + 2 * lanes).v;
      e.v += xd.v * load(row + 3 * lanes).v;
    }
    store(out + j, a), store(out + j + lanes, b);
    store(out + j + 2 * lanes, c), store(out + j + 3 * lanes, e);
  }
  for (; j < n; j += lanes) {
    Pack a, b;
    int d = 0;
    for (; d + 1 < dim; d += 2) {
      a.v += Pack(x[d]).v * load(columns + d * stride + j).v;
      b.v += Pack(x[d + 1]).v * load(columns + (d + 1) * stride + j).v;
    }
    if (d < dim) a.v += Pack(x[d]).v * load(columns + d * stride + j).v;
    store(out + j, a + b);
  }
}

/// out[d] += sum_j w[j] * rows[j][d] for d in [0, padded(dim)); rows are `stride` numbers
/// apart.
template <class T>
void add_weighted_rows(const float* w, int n, const T* rows, std::ptrdiff_t stride, int dim,
                       float* out) {
  constexpr int lanes = Pack::lanes;
  int d = 0;
  for (; d + lanes < dim; d += 2 * lanes) {
    Pack a0, a1, b0, b1;
    const T* at = rows + d;
    int j = 0;
    for (; j + 1 < n; j += 2, at += 2 * stride) {
      const Pack w0(w[j]), w1(w[j + 1]);
      a0.v += w0.v * load(at).v;
      b0.v += w0.v * load(at + lanes).v;
      a1.v += w1.v * load(at + stride).v;
      b1.v += w1.v * load(at + stride + lanes).v;
    }
    if (j < n) {
      a0.v += Pack(w[j]).v * load(at).v;
      b0.v += Pack(w[j]).v * load(at + lanes).v;
    }
    store(out + d, load(out + d) + (a0 + a1));
    store(out + d + lanes, load(out + d + lanes) + (b0 + b1));
  }
  for (; d < dim; d += lanes) {
    Pack a;
    for (int j = 0; j < n; ++j) a.v += Pack(w[j]).v * load(rows + j * stride + d).v;
    store(out + d, load(out + d) + a);
  }
}

inline float sum(const Pack& p) {
  float s = 0;
  for (int i = 0; i < Pack::lanes; ++i) s += p[i];
  return s;
}

inline float dot(const float* a, const float* b, int n) {
  float s = 0;
  for (int i = 0; i < n; ++i) s += a[i] * b[i];
  return s;
}

inline float max_of(const float* x, int n) {
  float m = -std::numeric_limits<float>::infinity();
  int i = 0;
  if (n >= Pack::lanes) {
    Pack most = load(x);
    for (i = Pack::lanes; i + Pack::lanes <= n; i += Pack::lanes) {
      const Pack at = load(x + i);
      most = select(most < at, at, most);
    }
    for (int lane = 0; lane < Pack::lanes; ++lane) m = most[lane] > m ? most[lane] : m;
  }
  for (; i < n; ++i) m = x[i] > m ? x[i] : m;
  return m;
}

/// x[j] = exp(scale * x[j] - shift) for j in [0, n); returns their sum. x is padded; what lies
/// between n and padded(n) is left zero.
inline float exp_and_sum(float* x, int n, float scale, float shift) {
  std::fill(x + n, x + padded(n), -std::numeric_limits<float>::max());
  Pack total;
  for (int j = 0; j < n; j += Pack::lanes) {
    Pack e = exp(Pack(scale) * load(x + j) - Pack(shift));
    if (j + Pack::lanes > n)
      for (int i = n - j; i < Pack::lanes; ++i) e[i] = 0;
    total = total + e;
    store(x + j, e);
  }
  return sum(total);
}

}  // namespace VISPLAY_ISA
}  // namespace visplay
