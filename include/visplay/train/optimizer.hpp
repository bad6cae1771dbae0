// AdamW over the weights of a policy (Loshchilov and Hutter 2019, 1711.05101), with the clipping of
// the gradient's global norm that goes before it. Runs kernels/adamw.hpp: moments are float32, and so
// are the copies that it keeps of weights in bfloat16, in which steps too small for those add up.
#pragma once

#include <visplay/core/parallel.hpp>
#include <visplay/model/qwen2_5_vl/weights.hpp>
#include <visplay/tensor/compat.hpp>
#include <visplay/train/phase_config.hpp>

#include <functional>
#include <memory>
#include <string_view>
#include <vector>

namespace visplay {

struct AdamWSettings {
  double learning_rate = 1e-6;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-8;
  double weight_decay = 0.01;  ///< of matrices; norms and biases do not decay
  double max_grad_norm = 1;    ///< 0: no clipping
};

[[nodiscard]] inline AdamWSettings adamw_settings(const OptimizerConfig& config) {
  return {.learning_rate = config.learning_rate,
          .beta1 = config.beta1,
          .beta2 = config.beta2,
          .weight_decay = config.weight_decay,
          .max_grad_norm = config.max_grad_norm};
}

class AdamW {
 public:
  /// Turns gradients on for every weight that `trains` accepts by name; the others stay as they are.
  /// @throws Error if one of them is not contiguous
  AdamW(Weights& weights, AdamWSettings settings,
        const std::function<bool(std::string_view)>& trains = {});

  void zero_grad();
  /// Clips, then updates in place unless the norm is not finite, in which case nothing changes.
  /// @return the norm before clipping
  double step(double learning_rate);

  [[nodiscard]] const AdamWSettings& settings() const { return settings_; }

 private:
  struct Trained {
    at::Tensor weight, master, first, second;  ///< master: float32, the weight itself if it is
    double weight_decay = 0;
  };
  AdamWSettings settings_;
  std::vector<Trained> trained_;
  std::int64_t steps_ = 0;
  std::unique_ptr<ThreadPool> pool_;
};

}  // namespace visplay

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/train/optimizer.ipp>
#endif
