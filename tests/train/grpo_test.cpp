// The training step on a tiny random checkpoint: does it do what its formulas say?
#include <visplay/train/self_play.hpp>
#include <visplay/train/sft.hpp>
#include <visplay/world/render.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "support/temp_folder.hpp"
#include "support/tiny_checkpoint.hpp"

#include <fmt/format.h>

using namespace visplay;
using namespace visplay::testing;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::WithinAbs;

namespace {

QwenPolicy tiny_policy() {
  static const test::TempFolder folder;
  static const QwenPolicy policy = [] {
    write_tiny_checkpoint("qwen", folder / "");
    return load_policy(folder / "");
  }();
  return policy.clone();
}

ImagePtr picture(std::uint64_t seed) {
  return std::make_shared<const Image>(world::render(world::make_scene(seed)));
}

bool same_weights(const QwenPolicy& a, const QwenPolicy& b) {
  for (const auto& [name, tensor] : a.weights().all())
    if (!at::equal(tensor, b.weights().at(name))) return false;
  return true;
}

// Pays for a token that the policy can learn to say at once.
struct SaysToken {
  std::int64_t token;
  Judgement operator()(std::span<const RolloutGroup> groups, Rng) const {
    Judgement judged;
    for (const auto& group : groups)
      for (const auto& c : group.completions)
        judged.rewards.total.push_back(float(std::ranges::count(c.token_ids, token)) /
                                       float(c.token_ids.size()));
    return judged;
  }
};

// Pays by the first token's id: almost any two completions differ.
struct PaysByFirstToken {
  Judgement operator()(std::span<const RolloutGroup> groups, Rng) const {
    Judgement judged;
    for (const auto& group : groups)
      for (const auto& c : group.completions)
        judged.rewards.total.push_back(float(c.token_ids.front() % 7));
    return judged;
  }
};

struct PaysAllTheSame {
  Judgement operator()(std::span<const RolloutGroup> groups, Rng) const {
    Judgement judged;
    for (const auto& group : groups)
      judged.rewards.total.insert(judged.rewards.total.end(), group.completions.size(), 0.5f);
    return judged;
  }
};

GrpoSettings settings_without_kl(double rate) {
  GrpoSettings settings;
  settings.sampling = {.max_new_tokens = 6, .n = 8};
  settings.objective.kl_coefficient = 0;
  settings.learning_rate = {.peak = rate, .steps = 100};
  return settings;
}

}  // namespace

TEST_CASE("a policy that is paid for a token learns to say it") {
  auto policy = tiny_policy();
  AdamW optimizer(policy.weights(), {});
  SaysToken judge{65};
  Grpo grpo{policy, nullptr, optimizer, judge, settings_without_kl(3e-3)};
  const std::vector<Prompt> prompts{{.images = {picture(1)}, .text = "a"},
                                    {.images = {picture(2)}, .text = "b"},
                                    {.images = {picture(1)}, .text = "c"},
                                    {.text = "d"}};
  double first = 0, last = 0;
  for (int step = 0; step < 60; ++step) {
    const auto report = grpo.step(prompts, step, Rng(1).fork("step", step));
    const double reward = *find_metric(report.metrics, metric::reward);
    if (step < 10) first += reward / 10;
    if (step >= 50) last += reward / 10;
  }
  CHECK(first < 0.1);
  CHECK(last > 0.6);
}

TEST_CASE("equal rewards leave every weight as it is, to the bit") {
  auto policy = tiny_policy();
  const auto before = policy.clone();
  AdamW optimizer(policy.weights(), {});
  PaysAllTheSame judge;
  Grpo grpo{policy, nullptr, optimizer, judge, settings_without_kl(1e-3)};
  const std::vector<Prompt> prompts{{.images = {picture(1)}, .text = "a"}};
  const auto report = grpo.step(prompts, 0, Rng(1));
  CHECK(same_weights(policy, before));
  CHECK(*find_metric(report.metrics, metric::frac_reward_zero_std) == 1);
}

TEST_CASE("a step cut into micro-batches has the gradient of the whole") {
  const auto gradient_norm = [&](std::int64_t rows) {
    auto policy = tiny_policy();
    const auto reference = policy.clone();
    AdamW optimizer(policy.weights(), {});
    PaysByFirstToken judge;
    auto settings = settings_without_kl(1e-3);
    settings.objective.kl_coefficient = 0.1f;
    settings.micro_batch_tokens = rows;
    Grpo grpo{policy, &reference, optimizer, judge, settings};
    std::vector<Prompt> prompts;
    for (int i = 0; i < 6; ++i) prompts.push_back({.images = {picture(i % 2)}, .text = "abc"});
    return *find_metric(grpo.step(prompts, 0, Rng(4)).metrics, metric::grad_norm);
  };
  const double whole = gradient_norm(1 << 20);
  CHECK(whole > 0);
  CHECK_THAT(gradient_norm(1) / whole, WithinAbs(1, 1e-5));
}

TEST_CASE("the KL to the policy itself is zero and to another one is not") {
  auto policy = tiny_policy();
  const auto reference = policy.clone();
  AdamW optimizer(policy.weights(), {});
  PaysByFirstToken judge;
  auto settings = settings_without_kl(3e-3);
  settings.objective.kl_coefficient = 0.01f;
  Grpo grpo{policy, &reference, optimizer, judge, settings};
  const std::vector<Prompt> prompts{{.images = {picture(1)}, .text = "a"}};
  CHECK(*find_metric(grpo.step(prompts, 0, Rng(1)).metrics, metric::kl) == 0);
  CHECK(*find_metric(grpo.step(prompts, 1, Rng(2)).metrics, metric::kl) > 0);
}

TEST_CASE("supervised steps on one example make it certain") {
  auto policy = tiny_policy();
  AdamW optimizer(policy.weights(), {});
  const std::vector<SftExample> examples{{{.images = {picture(3)}, .text = "what?"}, "blue"},
                                         {{.images = {picture(3)}, .text = "where?"}, "north"}};
  const double before = sft_step(policy, optimizer, examples, 3e-3).loss;
  for (int i = 0; i < 60; ++i) sft_step(policy, optimizer, examples, 3e-3);
  CHECK(before > 3);
  CHECK(sft_step(policy, optimizer, examples, 0).loss < 0.1);
  const auto groups =
      LocalEngine(policy).generate(std::vector<Prompt>{examples[0].prompt, examples[1].prompt},
                                   {.temperature = 0, .max_new_tokens = 16}, Rng(1));
  CHECK(groups[0].completions[0].text == "blue");
  CHECK(groups[1].completions[0].text == "north");
  CHECK(groups[0].completions[0].finish_reason == FinishReason::stop);
}

namespace {

SelfPlayConfig small_loop() {
  auto config = default_config(Mode::robust);
  config.questioner.steps = 2, config.questioner.images_per_step = 2;
  config.questioner.group_size = 4, config.questioner.votes = 4;
  config.questioner.sampling.max_new_tokens = 8;
  config.questioner.optimizer.learning_rate = 1e-3;
  config.label.images = 4, config.label.votes = 4;
  config.label.band.low = 0, config.label.band.margin.reset(), config.label.band.max_unparsed = 1;
  config.reasoner.steps = 2, config.reasoner.questions_per_step = 2;
  config.reasoner.sampling.max_new_tokens = 8;
  config.votes.sampling.max_new_tokens = 8;
  return config;
}

ImagePool four_pictures() {
  return {4, [](std::size_t i) { return picture(i + 1); }};
}

}  // namespace

TEST_CASE("two self-play runs of one seed have the same metrics and weights, another seed others") {
  // The tiny model writes noise: a Questioner that is paid nothing still has its KL term and rolls
  // out, so both runs draw, vote and log.
  const auto play = [](std::uint64_t seed) {
    auto config = small_loop();
    config.seed = seed;
    SelfPlay loop(config, tiny_policy(), four_pictures());
    std::string log;
    loop.iterate(1, {.step = [&](std::string_view phase, int step, int, const Metrics& metrics) {
                   for (const auto& [name, value] : metrics)
                     if (!is_timing(name))
                       log += fmt::format("{} {} {} {}\n", phase, step, name, value);
                 }});
    return std::pair{log, loop.questioner().clone()};
  };
  const auto [log_a, weights_a] = play(1);
  const auto [log_b, weights_b] = play(1);
  const auto [log_c, weights_c] = play(2);
  CHECK(log_a == log_b);
  CHECK(same_weights(weights_a, weights_b));
  CHECK(log_a != log_c);
}

TEST_CASE("an iteration depends on its number and the two policies, not on what ran before") {
  auto config = small_loop();
  SelfPlay whole(config, tiny_policy(), four_pictures());
  whole.iterate(1, {});
  SelfPlay resumed(config, tiny_policy(), four_pictures());
  resumed.questioner().weights().assign(whole.questioner().weights());
  resumed.reasoner().weights().assign(whole.reasoner().weights());
  whole.iterate(2, {});
  resumed.iterate(2, {});
  CHECK(same_weights(whole.questioner(), resumed.questioner()));
  CHECK(same_weights(whole.reasoner(), resumed.reasoner()));
}

namespace {

// The embedded model writes questions that can be answered, so that both roles have rewards.
SelfPlayConfig demo_loop() {
  auto config = small_loop();
  config.questioner.prompt = "Ask a question about this picture.";
  config.reasoner.prompt = "{question}";
  config.questioner.sampling.max_new_tokens = 32;
  config.reasoner.sampling.max_new_tokens = config.votes.sampling.max_new_tokens = 48;
  config.label.band.low = 0, config.label.band.high = 1, config.label.balance = false;
  config.reasoner.questions_per_step = 6, config.reasoner.group_size = 6;
  config.reasoner.optimizer.learning_rate = 1e-2;
  config.questioner.optimizer.learning_rate = 1e-3;  // more, and it forgets to ask
  return config;
}

const QwenPolicy& demo_base(at::ScalarType type) {
  static const auto folder =
      std::filesystem::path(VISPLAY_SOURCE_DIR) / "examples" / "visplay_selfplay" / "model";
  static const auto wide = load_policy(folder), narrow = load_policy(folder, at::kBFloat16);
  return type == at::kFloat ? wide : narrow;
}

bool same_adapters(const QwenPolicy& a, const QwenPolicy& b) {
  for (const auto& [name, tensor] : a.trainable().all())
    if (!at::equal(tensor, b.trainable().at(name))) return false;
  return true;
}

}  // namespace

TEST_CASE("each iteration of the Reasoner learns at its share of the rate of the one before") {
  auto config = demo_loop();
  config.questioner.steps = 0, config.reasoner.steps = 1;
  config.reasoner.optimizer.learning_rate = 1e-4;
  config.reasoner.iteration_decay = 0.5;
  SelfPlay loop(config, demo_base(at::kFloat), four_pictures());
  std::vector<double> rates;
  for (const int k : {1, 2, 3})
    loop.iterate(k, {.step = [&](std::string_view phase, int, int, const Metrics& metrics) {
                   for (const auto& [name, value] : metrics)
                     if (phase == "reasoner" && name == metric::learning_rate)
                       rates.push_back(value);
                 }});
  CHECK(rates == std::vector{1e-4, 5e-5, 2.5e-5});
}

TEST_CASE("with lora.rank both roles train adapters over one base and resume to the bit") {
  const bool half = GENERATE(false, true);
  const auto& base = demo_base(half ? at::kBFloat16 : at::kFloat);
  const auto before = base.clone();
  auto config = demo_loop();
  config.lora.rank = 4;
  config.gradient_checkpointing = half;
  SelfPlay whole(config, base, four_pictures());
  const auto questioner = whole.questioner().clone(), reasoner = whole.reasoner().clone();
  CHECK_FALSE(same_adapters(questioner, reasoner));  // each begins with an A of its own
  whole.iterate(1, {});
  CHECK_FALSE(same_adapters(whole.questioner(), questioner));
  CHECK_FALSE(same_adapters(whole.reasoner(), reasoner));
  CHECK(same_weights(base, before));
  for (const auto& [name, tensor] : base.weights().all()) {
    CHECK(whole.questioner().weights().at(name).is_alias_of(tensor));
    CHECK(whole.reasoner().weights().at(name).is_alias_of(tensor));
  }
  const test::TempFolder folder;
  save_policy(whole.questioner(), folder / "questioner");
  save_policy(whole.reasoner(), folder / "reasoner");
  SelfPlay resumed(config, base, four_pictures());
  restore_policy(resumed.questioner(), folder / "questioner");
  restore_policy(resumed.reasoner(), folder / "reasoner");
  whole.iterate(2, {});
  resumed.iterate(2, {});
  CHECK(same_adapters(whole.questioner(), resumed.questioner()));
  CHECK(same_adapters(whole.reasoner(), resumed.reasoner()));
}

TEST_CASE("what adapters cannot be combined with is refused in a sentence") {
  auto config = demo_loop();
  const auto& base = demo_base(at::kBFloat16);
  CHECK_THROWS_WITH(SelfPlay(config, base, four_pictures()), ContainsSubstring("lora.rank"));
  config.lora.rank = 2;
  SelfPlay loop(config, base, four_pictures());
  CHECK_THROWS_WITH(SelfPlay(config, loop.questioner(), four_pictures()),
                    ContainsSubstring("an adapter already"));
  config.freeze_vision = true;
  config.lora.targets = {"visual.*"};
  CHECK_THROWS_WITH(SelfPlay(config, base, four_pictures()), ContainsSubstring("freeze_vision"));
}

TEST_CASE("a frozen vision tower keeps its weights while the rest trains") {
  auto config = demo_loop();
  config.freeze_vision = true;
  config.reasoner.steps = 0;
  SelfPlay loop(config, demo_base(at::kFloat), four_pictures());
  loop.iterate(1, {});
  bool moved = false;
  for (const auto& [name, tensor] : loop.questioner().weights().all()) {
    const bool same = at::equal(tensor, demo_base(at::kFloat).weights().at(name));
    if (name.starts_with("visual.")) CHECK(same);
    moved |= !same;
  }
  CHECK(moved);
  CHECK(loop.questioner().features()->misses() == 4);
}

TEST_CASE("the loop stops between steps when it is asked to") {
  SelfPlay loop(small_loop(), tiny_policy(), four_pictures());
  int steps = 0;
  const SelfPlayObserver observer{
      .step = [&](std::string_view, int, int, const Metrics&) { ++steps; },
      .stop = [&] { return steps == 1; }};
  CHECK_THROWS_AS(loop.iterate(1, observer), Stopped);
  CHECK(steps == 1);
}

TEST_CASE("rollouts of the loop never draw image tokens or rows without a token") {
  SelfPlay loop(small_loop(), tiny_policy(), four_pictures());
  const auto& assets = loop.reasoner().assets();
  const auto& banned = loop.banned_ids();
  CHECK(std::ranges::count(banned, assets.config.tokens.image) == 1);
  auto params = sampling_params(loop.config().votes.sampling, 64, banned);
  params.temperature = 3, params.max_new_tokens = 20;
  for (const auto& group :
       LocalEngine(loop.reasoner()).generate(std::vector<Prompt>{{.text = "x"}}, params, Rng(1)))
    for (const auto& completion : group.completions)
      for (const auto id : completion.token_ids) REQUIRE(std::ranges::count(banned, id) == 0);
}
