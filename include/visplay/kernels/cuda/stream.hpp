// Stream: where CUDA work goes, in place of the CPU's ThreadPool: a stream of the caller's with the
// handle of cuBLASLt and work space that grows. Needs no CUDA header; is part of visplay::cuda.
//
//   cuda::Stream stream(cuda_stream);  // such as the one that a framework works on
//   cuda::log_probs(logits, targets, temperature, out, stream);   // all memory is the device's
#pragma once

#include <cstddef>
#include <memory>
#include <span>

namespace visplay::cuda {

/// For one thread at a time, and the device that was current when it was made. Calls return before
/// their work is done unless they say otherwise. Errors of CUDA throw Error, which names the call.
class Stream {
 public:
  /// @param stream  a cudaStream_t, which must live longer; null: the default stream
  /// @throws Error if there is no device
  explicit Stream(void* stream = nullptr);
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  /// Work space of the caller's, such as a tensor's, aligned to 256 bytes, in place of the stream's own;
  /// empty: its own again. Calls that need more throw Error.
  void use_space(std::span<std::byte> memory);
  /// Waits for all work. @throws Error if some failed
  void synchronize();
  [[nodiscard]] void* handle() const;
  /// Copies from the device and waits.
  void fetch(void* to, const void* from, std::size_t bytes);

  /// Work space while it lives; one inside another does not share its memory. The next call's may be
  /// the same: the stream does one after the other.
  class Space {
   public:
    Space(Stream& stream, std::size_t bytes);
    ~Space();
    Space(const Space&) = delete;
    Space& operator=(const Space&) = delete;
    [[nodiscard]] std::byte* data() const { return data_; }

   private:
    Stream* stream_;
    std::byte* data_ = nullptr;
    std::size_t bytes_;
  };

  struct State;
  [[nodiscard]] State& state() { return *state_; }

 private:
  std::unique_ptr<State> state_;
};

}  // namespace visplay::cuda
