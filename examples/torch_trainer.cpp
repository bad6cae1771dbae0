// A trainer on libtorch with a network of its own takes from visplay the fused head (log-probs and
// entropies without logits in memory), the objective with its gradient, and the optimizer's step.
//
// The network sees a letter and says which comes next. It is paid for the next one of the alphabet.
// Where visplay was built with VISPLAY_CUDA and there is a GPU, all of it is there.
#include <visplay/advantage/group_relative.hpp>
#include <visplay/kernels/adamw.hpp>
#include <visplay/loss/presets.hpp>
#include <visplay/tensor/linear_log_probs.hpp>
#include <visplay/tensor/objective.hpp>

#include <cstdio>
#include <vector>

namespace {

constexpr std::int64_t letters = 26, width = 32, length = 12, group_size = 32;

struct Network {
  explicit Network(const at::Device& device) {
    for (at::Tensor* weight : {&embedding, &mixing, &head})
      *weight = weight->to(device).requires_grad_();
  }
  at::Tensor embedding = at::randn({letters, width});
  at::Tensor mixing = at::randn({width, width}) * 0.2;
  at::Tensor head = at::randn({letters, width}) * 0.1;

  /// Hidden states after these letters. [n, width]
  [[nodiscard]] at::Tensor hidden(const at::Tensor& seen) const {
    return at::tanh(at::linear(embedding.index_select(0, seen), mixing));
  }
};

/// Completions of one prompt, the letter 0. [group_size, length + 1]
at::Tensor sample(const Network& network, const at::Device& device) {
  const at::NoGradGuard no_gradient;
  const auto words =
      at::zeros({group_size, length + 1}, at::TensorOptions(device).dtype(at::kLong));
  for (std::int64_t t = 0; t < length; ++t) {
    const auto logits = at::linear(network.hidden(words.select(1, t)), network.head);
    words.select(1, t + 1).copy_(at::multinomial(at::softmax(logits, 1), 1).squeeze(1));
  }
  return words;
}

/// Share of letters that are the next of the alphabet.
std::vector<float> rewards(const at::Tensor& words) {
  const auto before = words.narrow(1, 0, length), after = words.narrow(1, 1, length);
  return visplay::to_vector<float>(((before + 1) % letters == after).to(at::kFloat).mean(1));
}

/// Weights and moments of one tensor.
struct Trained {
  at::Tensor weight, first = at::zeros_like(weight), second = at::zeros_like(weight);

  [[nodiscard]] visplay::AdamWTensor view() const {
    const auto n = std::size_t(weight.numel());
    return {.weights = {weight.mutable_data_ptr<float>(), n},
            .gradients = visplay::view_of(weight.grad()),
            .first = {first.mutable_data_ptr<float>(), n},
            .second = {second.mutable_data_ptr<float>(), n}};
  }
};

/// @param where  of the kernels: a ThreadPool, or a cuda::Stream of libtorch's current stream
/// @return the mean reward of the last step
template <class Where>
double train(const at::Device& device, Where& where, std::int64_t steps = 150) {
  at::manual_seed(1);
  const Network network(device);
  const std::vector<Trained> trained{{network.embedding}, {network.mixing}, {network.head}};
  visplay::Objective objective = visplay::presets::trl_dapo(/*clip_high=*/0.28f);
  objective.entropy_coefficient = 0.05f;  // a bonus: keeps it trying letters
  const std::vector<std::int64_t> group{0, group_size};
  std::vector<std::int64_t> ends;  // of completions, from 0 on
  for (std::int64_t c = 0; c <= group_size; ++c) ends.push_back(c * length);
  const at::Tensor offsets = visplay::to_tensor(ends).to(device);
  double reward = 0;
  for (std::int64_t step = 1; step <= steps; ++step) {
    const at::Tensor words = sample(network, device);
    const auto seen = words.narrow(1, 0, length).flatten();
    const auto written = words.narrow(1, 1, length).flatten();
    const std::vector<float> paid = rewards(words);
    std::vector<float> values(group_size);
    visplay::GroupRelative{}({paid, group}, values);
    const at::Tensor advantages = visplay::to_tensor(values).to(device);

    const auto tokens = visplay::linear_log_probs(network.hidden(seen), network.head, written);
    const at::Tensor old = tokens.log_probs.detach();  // one update for each sample
    const auto result =
        visplay::objective_loss(objective, tokens.log_probs, tokens.entropy,
                                {.offsets = {offsets.const_data_ptr<std::int64_t>(), ends.size()},
                                 .advantages = visplay::view_of(advantages),
                                 .old_log_probs = visplay::view_of(old)},
                                visplay::totals_of(ends), where);
    result.loss.backward();
    std::vector<visplay::AdamWTensor> tensors;
    for (const Trained& t : trained) tensors.push_back(t.view());
    const double norm =
        adamw_step(tensors, {.step = step, .learning_rate = 0.01, .max_grad_norm = 1}, where);
    for (const Trained& t : trained) t.weight.mutable_grad().reset();

    reward = 0;
    for (const float r : paid) reward += double(r) / double(group_size);
    if (step == 1 || step % 30 == 0)
      std::printf("step %3d  reward %.3f  entropy %.3f  gradient norm %.3f\n", int(step), reward,
                  tokens.entropy.mean().template item<double>(), norm);
  }
  return reward;
}

}  // namespace

int main() {
#ifdef VISPLAY_CUDA
  if (at::hasCUDA()) {
    visplay::cuda::Stream stream(visplay::current_stream(at::kCUDA));
    return train(at::kCUDA, stream) > 0.6 ? 0 : 1;
  }
#endif
  visplay::ThreadPool pool(1);
  return train(at::kCPU, pool) > 0.6 ? 0 : 1;
}
