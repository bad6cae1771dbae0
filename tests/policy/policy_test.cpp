// How a policy computes: roles over one base, layers computed again, kept features, bfloat16.
#include <visplay/generate/engine.hpp>
#include <visplay/policy/policy.hpp>
#include <visplay/train/optimizer.hpp>

#include <c10/core/CPUAllocator.h>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <atomic>
#include <cstdlib>
#include <functional>

#include "support/golden.hpp"
#include "support/tiny_policy.hpp"

using namespace visplay;
using namespace visplay::testing;
using Catch::Matchers::ContainsSubstring;

namespace {

// Bytes that tensors hold at once, counted by standing in for libtorch's allocator.
class CountingAllocator final : public c10::Allocator {
 public:
  CountingAllocator() : under_(c10::GetCPUAllocator()) { c10::SetCPUAllocator(this, 100); }
  ~CountingAllocator() override { c10::SetCPUAllocator(under_, 100); }

  // libtorch wants data and context to be one pointer: the size stands before the data.
  c10::DataPtr allocate(std::size_t bytes) override {
    auto* block = static_cast<char*>(std::aligned_alloc(header, (bytes / header + 2) * header));
    if (!block) throw std::bad_alloc();
    *reinterpret_cast<std::size_t*>(block) = bytes;
    now += std::int64_t(bytes);
    peak = std::max(peak.load(), now.load());
    return {block + header, block + header, &CountingAllocator::free,
            c10::Device(c10::DeviceType::CPU)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &CountingAllocator::free; }
  void copy_data(void* to, const void* from, std::size_t bytes) const override {
    default_copy_data(to, from, bytes);
  }

  static inline std::atomic<std::int64_t> now = 0, peak = 0;

 private:
  static constexpr std::size_t header = 64;
  static void free(void* data) {
    auto* block = static_cast<char*>(data) - header;
    now -= std::int64_t(*reinterpret_cast<std::size_t*>(block));
    std::free(block);
  }
  c10::Allocator* under_;
};

std::int64_t peak_of(const std::function<void()>& work) {
  const auto before = CountingAllocator::now.load();
  CountingAllocator::peak = before;
  work();
  return CountingAllocator::peak - before;
}

std::map<std::string, std::vector<float>> gradients(QwenPolicy& policy, const ModelBatch& batch) {
  policy.trainable().require_gradients(true);
  policy.log_probs(batch).log_probs.mean().neg().backward();
  std::map<std::string, std::vector<float>> found;
  for (const auto& [name, tensor] : policy.trainable().all())
    if (tensor.grad().defined()) found[name] = to_vector<float>(tensor.grad());
  return found;
}

Lora adapter_for(const QwenPolicy& base, std::vector<std::string> targets) {
  Lora lora(base.assets().config, {.rank = 2, .targets = std::move(targets)}, Rng(3));
  at::manual_seed(4);
  for (const auto& [name, tensor] : lora.weights().all())
    tensor.copy_(at::randn_like(tensor) * 0.1);
  return lora;
}

double relative_error(const std::vector<float>& ours, const std::vector<float>& exact) {
  REQUIRE(ours.size() == exact.size());
  double difference = 0, size = 0;
  for (std::size_t i = 0; i < ours.size(); ++i) {
    difference += std::pow(double(ours[i]) - exact[i], 2);
    size += std::pow(double(exact[i]), 2);
  }
  return std::sqrt(difference / size);
}

QwenPolicy in_bfloat16(const QwenPolicy& policy) {
  std::vector<NamedTensor> tensors;
  for (const auto& [name, tensor] : policy.weights().all())
    tensors.push_back({name, tensor.to(at::kBFloat16)});
  return {policy.shared_assets(), Weights(std::move(tensors)), policy.adapter()};
}

void append(std::vector<float>& all, const at::Tensor& tensor) {
  const auto values = to_vector<float>(tensor);
  all.insert(all.end(), values.begin(), values.end());
}

}  // namespace

TEST_CASE("policies with adapters share the base's storage, and what one trains no other sees") {
  const auto base = tiny_policy("qwen");
  auto asks = base.with_adapter(adapter_for(base, {"all-linear"}));
  const auto answers = base.with_adapter(adapter_for(base, {"q_proj"}));
  const auto snapshot = asks.clone();
  for (const QwenPolicy* policy :
       std::initializer_list<const QwenPolicy*>{&asks, &answers, &snapshot})
    for (const auto& [name, tensor] : policy->weights().all())
      CHECK(tensor.is_alias_of(base.weights().at(name)));
  const auto cases = tiny_cases("qwen");
  const auto prompt = base.encode(cases[1].prompt);
  const std::vector<std::int64_t> completion{5, 6, 7};
  const auto batch = collate_one(base, prompt, completion);
  const auto score = [&](const QwenPolicy& policy) {
    const at::NoGradGuard no_gradients;
    return to_vector<float>(policy.log_probs(batch).log_probs);
  };
  const auto of_base = score(base), of_answers = score(answers), of_asks = score(asks);
  AdamW optimizer(asks.trainable(), {});
  asks.log_probs(batch).log_probs.sum().backward();
  optimizer.step(1e-2);
  CHECK(score(asks) != of_asks);
  CHECK(score(snapshot) == of_asks);
  CHECK(score(answers) == of_answers);
  CHECK(score(asks.with_adapter({})) == of_base);
}

TEST_CASE("layers computed again give the same log-probs and gradients, to the bit") {
  const std::string name = GENERATE("qwen", "mimo");
  const bool adapters = GENERATE(false, true), half = name == "mimo";
  CAPTURE(name, adapters, half);
  auto plain = half ? in_bfloat16(tiny_policy(name)) : tiny_policy(name);
  if (adapters)
    plain = plain.with_adapter(adapter_for(plain, {"v_proj", "mlp.*", "visual.blocks.1.*"}));
  auto again = plain.clone().with_options({.gradient_checkpointing = true});
  const auto cases = tiny_cases(name);
  const BatchOfCases encoded(plain, cases);
  const auto batch = encoded.collate(plain);
  CHECK(at::equal(plain.log_probs(batch).log_probs, again.log_probs(batch).log_probs));
  const auto expected = gradients(plain, batch), found = gradients(again, batch);
  CHECK(expected.size() == plain.trainable().all().size());
  CHECK(expected == found);
}

TEST_CASE("layers computed again need the memory of one layer and their inputs") {
  static CountingAllocator counting;
  auto policy = tiny_policy("qwen");  // 3 layers, 4 blocks
  policy = policy.with_adapter(adapter_for(policy, {"all-linear", "visual.*"}));
  auto again = policy.with_options({.gradient_checkpointing = true});
  const auto prompt = policy.encode(tiny_cases("qwen")[4].prompt);
  const std::vector<std::int64_t> completion(600, 70);
  const auto batch = collate_one(policy, prompt, completion);
  const auto keeps = peak_of([&] { (void)gradients(policy, batch); });
  const auto recomputes = peak_of([&] { (void)gradients(again, batch); });
  INFO("peak bytes: " << keeps << " kept, " << recomputes << " computed again");
  CHECK(recomputes < keeps * 6 / 10);
}

TEST_CASE("features of a frozen tower are computed once per picture and change no bit") {
  const auto cases = tiny_cases("qwen");
  const auto plain = tiny_policy("qwen");
  const auto base = plain.with_options({.freeze_vision = true, .feature_cache_bytes = 1 << 20});
  const auto role = base.with_adapter(adapter_for(base, {"all-linear"}));
  const at::NoGradGuard no_gradients;
  const auto score = [&](const QwenPolicy& policy, std::size_t i) {
    const auto prompt = policy.encode(cases[i].prompt);
    const std::vector<std::int64_t> completion{5, 6};
    return to_vector<float>(policy.log_probs(collate_one(policy, prompt, completion)).log_probs);
  };
  for (const std::size_t i : {1u, 2u, 4u, 7u})
    CHECK(distance(score(base, i), score(plain, i)) < 1e-5);
  const auto pictures = base.features()->misses();
  CHECK(pictures == 6);  // 4x6, 10x12, 10x6, photo, small, 8x8: each once
  const auto first = score(base, 4);
  CHECK(score(base, 4) == first);
  CHECK(score(role, 4) != first);
  const auto groups = LocalEngine(role).generate(std::vector<Prompt>{cases[4].prompt},
                                                 {.max_new_tokens = 4, .n = 2}, Rng(1));
  CHECK(groups[0].completions.size() == 2);
  CHECK(base.features()->misses() == pictures);  // nor again by roles, rollouts, other batches
  CHECK(role.features() == base.features());
  CHECK_THROWS_WITH(base.with_adapter(adapter_for(base, {"visual.*"})),
                    ContainsSubstring("freeze_vision"));
  CHECK(plain.with_adapter(adapter_for(base, {"visual.*"})).features() == nullptr);
}

TEST_CASE("the cache of features keeps to its bytes and drops what was not asked for longest") {
  FeatureCache cache(3 * 400);
  const auto picture = [](std::uint8_t shade) {
    return Image{.height = 1, .width = 1, .pixels = {shade, shade, shade}, .source = ""};
  };
  const auto get = [&](std::uint8_t shade) {
    return cache.get(picture(shade), [&] { return at::full({10, 10}, float(shade)); });
  };
  for (const std::uint8_t shade : {1, 2, 3, 1, 4}) CHECK(get(shade)[0][0].item<float>() == shade);
  CHECK(cache.bytes() == 1200);
  CHECK(cache.misses() == 4);
  (void)get(1), (void)get(3), (void)get(4);
  CHECK(cache.misses() == 4);
  (void)get(2);
  CHECK(cache.misses() == 5);
  (void)cache.get(picture(9), [] { return at::zeros({1000}); });  // larger than all of it
  CHECK(cache.bytes() == 1200);
}

TEST_CASE("bfloat16 is off by at most 1.5 times what transformers is off") {
  const std::string name = GENERATE("qwen", "mimo");
  CAPTURE(name);
  const auto allowed = golden("tiny_" + name + "/bfloat16.json");
  auto exact = tiny_policy(name);
  auto half = in_bfloat16(exact);
  const auto cases = tiny_cases(name);
  std::map<std::string, std::vector<float>> ours, truth;
  {
    const at::NoGradGuard no_gradients;
    for (const auto& one : cases) {
      const auto prompt = exact.encode(one.prompt);
      const auto completion = exact.assets().tokenizer.encode(one.completion);
      const auto asked = collate_one(exact, prompt),
                 scored = collate_one(exact, prompt, completion);
      for (const auto& [policy, to] : {std::pair(&half, &ours), std::pair(&exact, &truth)}) {
        if (asked.pixel_values.defined())
          append((*to)["image_features"],
                 policy->model().image_features(asked).index_select(0, asked.feature_rows));
        const auto hidden = policy->model().hidden(asked);
        append((*to)["hidden"], hidden);
        append((*to)["logits"], at::linear(hidden, policy->model().head()));
        const auto tokens = policy->log_probs(scored);
        append((*to)["log_probs"], tokens.log_probs), append((*to)["entropy"], tokens.entropy);
      }
    }
  }
  const BatchOfCases encoded(exact, cases);
  const auto batch = encoded.collate(exact);
  for (const auto& [policy, to] : {std::pair(&half, &ours), std::pair(&exact, &truth)})
    for (const auto& [path, gradient] : gradients(*policy, batch)) {
      auto& all = (*to)["gradients"];
      all.insert(all.end(), gradient.begin(), gradient.end());
    }
  for (const auto& [quantity, values] : truth) {
    const double error = relative_error(ours[quantity], values);
    CAPTURE(quantity, error);
    CHECK(error > 1e-4);  // it is bfloat16
    CHECK(error <= 1.5 * allowed.at(quantity).get<double>());
  }
}

TEST_CASE("decoding in bfloat16 reports the log-probs of scoring in bfloat16, about") {
  const auto policy = in_bfloat16(tiny_policy("qwen"));
  const auto one = tiny_cases("qwen")[2];
  const auto groups = LocalEngine(policy).generate(std::span(&one.prompt, 1),
                                                   {.max_new_tokens = 30, .n = 4}, Rng(5));
  const auto prompt = policy.encode(one.prompt);
  const at::NoGradGuard no_gradients;
  double sum = 0, count = 0;
  for (const auto& completion : groups[0].completions) {
    const auto batch = collate_one(policy, prompt, completion.token_ids);
    const auto scored = to_vector<float>(policy.log_probs(batch).log_probs);
    CHECK(distance(scored, completion.log_probs) <= 0.1);
    for (std::size_t i = 0; i < scored.size(); ++i)
      sum += std::abs(scored[i] - completion.log_probs[i]), ++count;
  }
  CHECK(sum / count <= 1e-2);
}

TEST_CASE("AdamW on bfloat16 weights adds up steps that bfloat16 alone would lose") {
  std::vector<NamedTensor> tensors{{"w", at::ones({4, 4}, at::kBFloat16)}};
  Weights weights(std::move(tensors));
  AdamW optimizer(weights, {.weight_decay = 0, .max_grad_norm = 0});
  for (int step = 0; step < 100; ++step) {
    optimizer.zero_grad();
    weights.at("w").sum().backward();
    optimizer.step(1e-4);  // one step is a fortieth of the distance between two numbers near 1
  }
  CHECK(std::abs(weights.at("w")[0][0].item<float>() - 0.99f) < 0.003f);
}
