// SamplingParams: how completions are drawn.
#pragma once

#include <visplay/core/error.hpp>

#include <cmath>
#include <cstdint>
#include <vector>

namespace visplay {

struct SamplingParams {
  double temperature = 1;                  ///< >= 0; 0 is greedy
  double top_p = 1;                        ///< in (0, 1]; 1 is off
  int top_k = 0;                           ///< >= 0; 0 is off
  int max_new_tokens = 2048;               ///< >= 1, the end token included
  int n = 1;                               ///< completions per prompt, >= 1
  std::vector<std::int64_t> banned_ids{};  ///< never drawn; log-probs do not know of them

  [[nodiscard]] bool greedy() const { return temperature == 0; }
};

/// @throws UsageError that names the field out of range
inline void validate(const SamplingParams& params) {
  const auto expect = [](bool ok, const char* field, const char* range, auto got) {
    check<UsageError>(ok, "sampling.{}: expected {}, got {}", field, range, got);
  };
  expect(std::isfinite(params.temperature) && params.temperature >= 0, "temperature",
         "a number of at least 0", params.temperature);
  expect(params.top_p > 0 && params.top_p <= 1, "top_p", "a number in (0, 1]", params.top_p);
  expect(params.top_k >= 0, "top_k", "0 (off) or more", params.top_k);
  expect(params.max_new_tokens >= 1, "max_new_tokens", "at least 1", params.max_new_tokens);
  expect(params.n >= 1, "n", "at least 1", params.n);
}

}  // namespace visplay
