// SpaceStack: the work space of a Stream. Spaces nest: the last one taken is the first one given back.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

namespace visplay::cuda {

/// Throws Error "cuda: <call>: <reason>".
[[noreturn]] void throw_cuda_error(const char* call, const char* reason);

/// Memory of its own for each depth of nesting, which grows by a quarter or more and stays; or pieces of
/// memory given.
class SpaceStack {
 public:
  /// @param memory  aligned to 256 bytes; empty: its own again
  void use(std::span<std::byte> memory) {
    if (reinterpret_cast<std::size_t>(memory.data()) % 256 != 0)
      throw_cuda_error("work space", "expected memory aligned to 256 bytes");
    if (depth_ > 0) throw_cuda_error("work space", "it is in use");
    given_ = memory;
  }
  /// allocate(bytes) gives memory aligned to 256 bytes, release(memory) takes it back.
  template <class Allocate, class Release>
  [[nodiscard]] std::byte* take(std::size_t bytes, const Allocate& allocate,
                                const Release& release) {
    std::byte* const at = given_.empty() ? own(bytes, allocate, release) : piece(bytes);
    ++depth_;
    return at;
  }
  /// @param bytes  as taken
  void give_back(std::size_t bytes) {
    if (!given_.empty()) used_ -= whole(bytes);
    --depth_;
  }
  template <class Release>
  void release_all(const Release& release) {
    for (const auto& space : own_)
      if (space.data()) release(space.data());
    own_.clear();
  }

 private:
  static std::size_t whole(std::size_t bytes) { return (bytes + 255) / 256 * 256; }

  std::byte* piece(std::size_t bytes) {
    if (given_.size() - used_ < whole(bytes))
      throw_cuda_error("work space", "the memory given is too small");
    std::byte* const at = given_.data() + used_;
    used_ += whole(bytes);
    return at;
  }
  template <class Allocate, class Release>
  std::byte* own(std::size_t bytes, const Allocate& allocate, const Release& release) {
    if (own_.size() <= depth_) own_.resize(depth_ + 1);
    std::span<std::byte>& space = own_[depth_];
    if (space.size() < bytes) {
      const std::size_t size = std::max(bytes, space.size() + space.size() / 4);
      if (space.data()) release(space.data());
      space = {};
      space = {allocate(size), size};
    }
    return space.data();
  }

  std::span<std::byte> given_;
  std::size_t used_ = 0;                   // bytes of it that spaces hold
  std::vector<std::span<std::byte>> own_;  // by depth
  std::size_t depth_ = 0;
};

}  // namespace visplay::cuda
