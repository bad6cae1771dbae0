// TensorMemory: how many bytes libtorch's CPU allocator gave out while it lived.
#pragma once

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>

#include <cstddef>

namespace visplay::testing {

class TensorMemory {
 public:
  TensorMemory() { c10::SetCPUAllocator(&counting_, 1); }
  ~TensorMemory() { c10::SetCPUAllocator(counting_.plain, 1); }
  TensorMemory(const TensorMemory&) = delete;
  TensorMemory& operator=(const TensorMemory&) = delete;

  [[nodiscard]] std::size_t allocated() const { return counting_.bytes; }

 private:
  struct Counting final : c10::Allocator {
    c10::DataPtr allocate(std::size_t n) override {
      bytes += n;
      return plain->allocate(n);
    }
    c10::DeleterFnPtr raw_deleter() const override { return plain->raw_deleter(); }
    void copy_data(void* to, const void* from, std::size_t n) const override {
      plain->copy_data(to, from, n);
    }
    c10::Allocator* plain = c10::GetCPUAllocator();
    std::size_t bytes = 0;
  };
  Counting counting_;
};

}  // namespace visplay::testing
