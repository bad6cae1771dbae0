// Completion: one sampled output of a policy.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace visplay {

enum class FinishReason { stop, length };

constexpr std::string_view name_of(FinishReason reason) {
  return reason == FinishReason::stop ? "stop" : "length";
}

struct Completion {
  std::string text{};                     ///< without the end token
  std::vector<std::int64_t> token_ids{};  ///< with the end token, if one was drawn
  std::vector<float> log_probs{};         ///< of token_ids, nats, at the sampling temperature
  FinishReason finish_reason = FinishReason::stop;
};

}  // namespace visplay
