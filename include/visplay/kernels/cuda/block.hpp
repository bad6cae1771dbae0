// Block: what a CUDA kernel may use of the threads that run it, so that one source runs on a GPU
// (device_block.cuh) and, thread by thread and checked, on the host (host_block.hpp). A kernel is an
// aggregate of its arguments with a call operator; `threads` is what a GPU runs a block with.
//
//   struct Sum {
//     static constexpr int threads = 256;
//     GlobalView<const float> x;
//     GlobalView<float> sum;  // [blocks]
//
//     template <Block B>
//     VISPLAY_DEVICE void operator()(B& block) const {
//       float mine = 0;
//       for (std::size_t i = block.thread(); i < x.count; i += block.threads()) mine += block.read(x, i);
//       const float all = block_reduce<0>(block, mine, Plus{});
//       if (block.thread() == 0) block.write(sum, block.index(), all);
//     }
//   };
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <type_traits>

// VISPLAY_DEVICE: on kernels and what they call, which run on the device alone or on the host executor.
// VISPLAY_UNROLL: before a loop over a thread's own array, which must be unrolled to live in registers.
#ifdef __CUDACC__
#define VISPLAY_DEVICE __device__
#define VISPLAY_UNROLL _Pragma("unroll")
#else
#define VISPLAY_DEVICE
#define VISPLAY_UNROLL
#endif

namespace visplay {

/// Global memory: where it is and how many numbers it holds. Read and written by way of a block.
template <class T>
struct GlobalView {
  T* data = nullptr;
  std::size_t count = 0;
};

/// Neighbours in memory that one instruction moves; its address is a multiple of its size.
template <class T, int n>
struct alignas(sizeof(T) * n) Vector {
  T at[n];
};
/// Numbers in 16 bytes.
template <class T>
inline constexpr int vector_length = 16 / int(sizeof(T));

/// Blocks of `each` that cover n.
constexpr std::size_t blocks_for(std::size_t n, std::size_t each) { return (n + each - 1) / each; }

/// All threads of a block call sync, and all of a warp (32 threads, blocks are whole warps) call
/// sync_warp, and shuffle_xor, which gives the x of the thread whose lane differs by the mask and puts no
/// memory in order. shared<T, n, tag> is the block's own memory of that name; not initialised. What other
/// threads write shows after a sync, that of the warp's threads after a sync_warp.
template <class B>
concept Block = requires(B& block, GlobalView<const float> in, GlobalView<float> out) {
  { block.thread() } -> std::same_as<int>;   // in the block
  { block.threads() } -> std::same_as<int>;  // of a block
  { block.index() } -> std::same_as<int>;    // of the block
  block.sync();
  block.sync_warp();
  { block.shuffle_xor(1.f, 16) } -> std::same_as<float>;
  { block.read(in, std::size_t(0)) } -> std::same_as<float>;
  block.write(out, std::size_t(0), 1.f);
  { block.template read_vector<4>(in, std::size_t(0)) } -> std::same_as<Vector<float, 4>>;
  block.write_vector(out, std::size_t(0), Vector<float, 4>{});
  block.template shared<float, 32, 0>().write(0, 1.f);
  { block.template shared<float, 32, 0>().read(0) } -> std::same_as<float>;
};

struct Plus {
  template <class T>
  VISPLAY_DEVICE T operator()(const T& a, const T& b) const {
    return a + b;
  }
};
struct Larger {
  template <class T>
  VISPLAY_DEVICE T operator()(const T& a, const T& b) const {
    return b > a ? b : a;
  }
};

/// merge over the block's x, for every thread, in an order that the number of threads fixes. All
/// threads call it. A block that has a reduction of its own (CUB's on a GPU) uses that.
/// @param merge  commutative; T is trivially copied, of whole 32-bit words
template <int tag, class T, Block B, class Merge>
VISPLAY_DEVICE T block_reduce(B& block, T x, const Merge& merge) {
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) % 4 == 0);
  if constexpr (requires { block.template reduce<tag>(x, merge); }) {
    return block.template reduce<tag>(x, merge);
  } else {
    for (int mask = 16; mask > 0; mask /= 2) x = merge(x, block.shuffle_xor(x, mask));
    auto parts = block.template shared<T, 32, tag>();
    if (block.thread() % 32 == 0) parts.write(block.thread() / 32, x);
    block.sync();
    T all = parts.read(0);
    for (int warp = 1; warp < block.threads() / 32; ++warp) all = merge(all, parts.read(warp));
    block.sync();  // before the next reduction writes
    return all;
  }
}

/// Numbers from `data` to the first whose address is a multiple of 16 bytes.
template <class T>
VISPLAY_DEVICE std::size_t to_aligned(const T* data) {
  constexpr std::size_t n = vector_length<T>;
  return (n - reinterpret_cast<std::uintptr_t>(data) / sizeof(T) % n) % n;
}

/// What thread `thread` of `threads` has of elements [begin, end) of a view, in `parts`, of which this is
/// number `part`: vectors(i) for 16 bytes at element i, one(i) for those before and after, which no such
/// vector holds. There are 32 threads or more.
template <class T, class Vectors, class One>
VISPLAY_DEVICE void for_each_vector_of(const GlobalView<T>& view, std::size_t begin,
                                       std::size_t end, std::size_t thread, std::size_t threads,
                                       std::size_t part, std::size_t parts, const Vectors& vectors,
                                       const One& one) {
  constexpr std::size_t n = vector_length<T>;
  const std::size_t skip = to_aligned(view.data + begin);
  const std::size_t first = skip < end - begin ? begin + skip : end;
  const std::size_t last = first + (end - first) / n * n;
  for (std::size_t i = first + (part * threads + thread) * n; i < last; i += parts * threads * n)
    vectors(i);
  if (part > 0) return;
  if (thread < first - begin) one(begin + thread);
  if (thread < end - last) one(last + thread);
}

/// The block's threads share elements [begin, end).
template <class T, Block B, class Vectors, class One>
VISPLAY_DEVICE void for_each_vector(B& block, const GlobalView<T>& view, std::size_t begin,
                                    std::size_t end, const Vectors& vectors, const One& one) {
  for_each_vector_of(view, begin, end, std::size_t(block.thread()), std::size_t(block.threads()), 0,
                     1, vectors, one);
}

}  // namespace visplay
