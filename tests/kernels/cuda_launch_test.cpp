// The launchers of visplay::cuda with the host behind the stream: checks, work space, drivers, kernels.
// The same comparisons run on a GPU (cuda_device_check.cpp).
#include "support/host_stream.hpp"

#include <visplay/core/error.hpp>
#include <visplay/kernels/cuda/launch.cpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <cstring>
#include <vector>

#include "kernels/cuda_launchers.hpp"

using namespace visplay;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;

namespace {

template <class T>
class OnHost {
 public:
  /// What nobody has written is NaN, or -1.
  explicit OnHost(std::size_t count) : numbers_(count) {
    std::memset(static_cast<void*>(numbers_.data()), 0xFF, count * sizeof(T));
  }
  explicit OnHost(const std::vector<T>& from) : numbers_(from) {}
  operator std::span<T>() { return numbers_; }
  operator std::span<const T>() const { return numbers_; }
  [[nodiscard]] T* data() { return numbers_.data(); }
  [[nodiscard]] const T* data() const { return numbers_.data(); }
  [[nodiscard]] const std::vector<T>& back() const { return numbers_; }

 private:
  std::vector<T> numbers_;
};

#define CHECK_REFUSED(call, message) \
  CHECK_THROWS_MATCHES(call, Error, MessageMatches(ContainsSubstring(message)))

}  // namespace

TEST_CASE("every CUDA launcher gives what the CPU's function gives") {
  cuda::Stream stream;
  ThreadPool pool(1);
  testing::CudaLaunchers<OnHost>(stream, pool,
                                 [](const std::string& name, double difference, double allowed) {
                                   INFO(name << ": " << difference);
                                   CHECK(difference <= allowed);
                                 })
      .all();
}

TEST_CASE("CUDA launchers take work space that is given, as much as they say") {
  cuda::Stream stream;
  const std::vector<float> hidden(3 * 8, 0.5f), head(40 * 8, 0.25f);
  const std::vector<std::int64_t> targets{1, 2, 39};
  const LinearLogProbsInput input{testing::matrix(hidden.data(), 3, 8),
                                  testing::matrix(head.data(), 40, 8), targets};
  const std::size_t bytes = cuda::linear_log_probs_bytes(input, 16);
  std::vector<std::byte> memory(bytes + 256);
  std::byte* const begin =
      memory.data() + (256 - reinterpret_cast<std::uintptr_t>(memory.data()) % 256);
  std::vector<float> log_probs(3);
  stream.use_space({begin, bytes});
  cuda::linear_log_probs(input, {.log_probs = log_probs}, stream, 16);
  CHECK(std::abs(log_probs[2] + std::log(40.f)) < 1e-6f);
  stream.use_space({begin, bytes - 256});
  CHECK_REFUSED(cuda::linear_log_probs(input, {.log_probs = log_probs}, stream, 16),
                "cuda: work space: the memory given is too small");
  CHECK_REFUSED(stream.use_space({begin + 8, bytes}), "aligned to 256 bytes");
}

TEST_CASE("spaces of a stream that live at once share no memory") {
  cuda::Stream stream;
  const cuda::Stream::Space outer(stream, 1000);
  const std::byte* once = nullptr;
  {
    const cuda::Stream::Space inner(stream, 2000);
    CHECK((inner.data() >= outer.data() + 1000 || inner.data() + 2000 <= outer.data()));
    once = inner.data();
  }
  const cuda::Stream::Space again(stream, 1500);
  CHECK(again.data() == once);
}

TEST_CASE(
    "work space of a stream grows by a quarter or more, so that slow growth is not many calls") {
  cuda::SpaceStack spaces;
  std::vector<std::size_t> sizes;
  std::byte here[2];
  const auto take = [&](std::size_t bytes) {
    (void)spaces.take(
        bytes, [&](std::size_t size) { return sizes.push_back(size), here; }, [](std::byte*) {});
    spaces.give_back(bytes);
  };
  for (std::size_t bytes = 1000; bytes <= 1500; bytes += 10) take(bytes);
  take(4000);
  CHECK(sizes == std::vector<std::size_t>{1000, 1250, 1562, 4000});
}

TEST_CASE("CUDA launchers refuse what does not fit, in a sentence") {
  cuda::Stream stream;
  std::vector<float> x(12), short_of(2);
  const std::vector<std::int64_t> targets(3), offsets{0, 12};
  const LogitsView<const float> logits{x.data(), 3, 4, 4};
  CHECK_REFUSED(cuda::log_probs(logits, offsets, 1, {}, stream), "expected 3 targets, got 2");
  CHECK_REFUSED(cuda::log_probs(logits, targets, 0, {}, stream), "temperature above 0, got 0");
  CHECK_REFUSED(cuda::log_probs(logits, targets, 1, {.entropy = short_of}, stream),
                "expected 3 entropies, got 2");
  CHECK_REFUSED(cuda::log_probs(logits, targets, 1, {.top_k = 5}, stream),
                "top_k is 5 of a vocabulary of 4");
  CHECK_REFUSED(cuda::log_probs(logits, targets, 1, {.top_log_probs = x}, stream),
                "expected 0 top log-probs, got 12");
  CHECK_REFUSED(cuda::log_probs(LogitsView<const float>{nullptr, 3, 4, 4}, targets, 1, {}, stream),
                "3 rows of logits are at null");
  CHECK_REFUSED(
      cuda::log_probs_backward(LogitsView<float>{x.data(), 3, 5, 4}, targets, 1, {}, stream),
      "a vocabulary in 1 ... stride, got 5 of 4");

  LinearLogProbsInput head{testing::matrix(x.data(), 3, 4), testing::matrix(x.data(), 3, 4),
                           targets};
  CHECK_REFUSED(cuda::linear_log_probs(head, {.log_probs = short_of}, stream),
                "expected 3 numbers for log_probs, got 2");
  CHECK_REFUSED(cuda::linear_log_probs(head, {.top_k = 2}, stream),
                "expected 6 top log-probs and ids, got 0 and 0");
  const LinearLogProbsGradient wrong{testing::writable(testing::matrix(x.data(), 2, 4)), {}};
  CHECK_REFUSED(cuda::linear_log_probs_backward(head, x, {}, {}, wrong, stream),
                "expected a gradient 3 x 4 for hidden, got 2 x 4");
  head.vocabulary = 4;
  CHECK_REFUSED(cuda::linear_log_probs(head, {}, stream), "at most the head's 3 rows, got 4");
  head.vocabulary = 0;
  head.hidden.type = head.head.type = FloatType::float16;
  const LinearLogProbsGradient other{{}, {x.data(), FloatType::bfloat16, 3, 4, 4}};
  CHECK_REFUSED(cuda::linear_log_probs_backward(head, std::span(x).first(3), {}, {}, other, stream),
                "the head's gradient is float32 or float16, got bfloat16");

  const AdamWTensor tensor{x, short_of, x, x};
  CHECK_REFUSED(cuda::adamw_step(std::span(&tensor, 1), {}, stream),
                "adamw: tensor 0: expected 12 gradients, got 2");
  const AdamWTensor whole{x, x, x, x};
  CHECK_REFUSED(cuda::adamw_step(std::span(&whole, 1), {}, nullptr, stream), "got null");
  CHECK_REFUSED(cuda::group_advantages(GroupedSpan{x, offsets}, short_of, 1e-6, stream),
                "expected 12 advantages, got 2");
}
