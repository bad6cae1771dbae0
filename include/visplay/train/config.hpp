// SelfPlayConfig: every setting of the loop, its default and its range; keys are the members' names.
//
//   SelfPlayConfig config = default_config(Mode::robust);
//   config.questioner.group_size = 4;
//   validate(config);
//
// Members hold the defaults of paper mode (arXiv 2511.15661); where the authors' code (official) and
// robust mode differ is written once, in default_config. An explicit key always beats the mode.
#pragma once

#include <visplay/core/describe.hpp>
#include <visplay/core/macros.hpp>
#include <visplay/io/yaml_config.hpp>
#include <visplay/reward/mode.hpp>
#include <visplay/train/phase_config.hpp>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace visplay {

enum class Device { cpu, cuda };
constexpr std::array<std::string_view, 2> choices_of(Device) { return {"cpu", "cuda"}; }

enum class DataType { float32, bfloat16 };
constexpr std::array<std::string_view, 2> choices_of(DataType) { return {"float32", "bfloat16"}; }

enum class KlEstimator { k1, k2, k3 };
constexpr std::array<std::string_view, 3> choices_of(KlEstimator) { return {"k1", "k2", "k3"}; }

/// What the KL term holds on to: the weights at the start of the phase, or the base model.
enum class KlReference { phase_start, base };
constexpr std::array<std::string_view, 2> choices_of(KlReference) {
  return {"phase_start", "base"};
}

struct ClipConfig {
  double low = 0.2;
  double high = 0.2;
  std::optional<double> dual{};
};
void describe(auto& visit, OfType<ClipConfig> auto& s) {
  visit("low", s.low, "the ratio is clipped at 1 - low", between(0, 1));
  visit("high", s.high, "the ratio is clipped at 1 + high", between(0, 100));
  visit("dual", s.dual, "bound of the ratio where the advantage is negative", above(1));
}

struct KlConfig {
  double coefficient = 0.01;
  KlEstimator estimator = KlEstimator::k3;
  KlReference reference = KlReference::phase_start;
};
void describe(auto& visit, OfType<KlConfig> auto& s) {
  visit("coefficient", s.coefficient, "price of a nat of KL per token; 0: none", at_least(0));
  visit("estimator", s.estimator, "of the KL from the reference");
  visit("reference", s.reference, "weights that the KL term holds on to");
}

struct AdvantageConfig {
  double epsilon = 1e-6;
};
void describe(auto& visit, OfType<AdvantageConfig> auto& s) {
  visit("epsilon", s.epsilon, "added to the standard deviation (n - 1) of a group", above(0));
}

struct BannedConfig {
  std::vector<std::int64_t> banned_ids{};
};
void describe(auto& visit, OfType<BannedConfig> auto& s) {
  visit("banned_ids", s.banned_ids,
        "token ids never sampled, besides the model's image, video and vision tokens and padded "
        "rows",
        at_least(0));
}

/// Deliberate breakages that a result has to survive: the control experiments.
struct ControlConfig {
  bool shuffle_labels = false;
  bool untrained_questioner = false;
};
void describe(auto& visit, OfType<ControlConfig> auto& s) {
  visit("shuffle_labels", s.shuffle_labels, "control: give every label to another question");
  visit("untrained_questioner", s.untrained_questioner, "control: no Questioner steps");
}

struct EvalConfig {
  int questions = 500;
  std::uint64_t first_seed = 1'000'000;
  int every = 1;
};
void describe(auto& visit, OfType<EvalConfig> auto& s) {
  visit("questions", s.questions, "test questions, where the images come with a truth.jsonl",
        at_least(0));
  visit("first_seed", s.first_seed, "world seed of the first test scene; from 2000000 for tuning",
        at_least(0));
  visit("every", s.every, "iterations between evaluations; base and last are always evaluated",
        at_least(1));
}

struct DemoConfig {
  int images = 2000;
};
void describe(auto& visit, OfType<DemoConfig> auto& s) {
  visit("images", s.images, "images of the procedural world, drawn where none are given",
        at_least(1));
}

struct SelfPlayConfig {
  std::string model{};
  std::string images{};
  std::string run{};
  std::uint64_t seed = 1;
  int iterations = 3;
  Mode mode = Mode::paper;
  int threads = 0;
  Device device = Device::cpu;
  DataType dtype = DataType::float32;
  bool resume = false;
  bool dry_run = false;
  bool allow_identity_change = false;
  bool gradient_checkpointing = false;
  bool freeze_vision = false;
  int feature_cache_mib = 512;
  AdapterConfig lora{};
  QuestionerConfig questioner{};
  LabelConfig label{};
  ReasonerConfig reasoner{};
  VotesConfig votes{};
  BannedConfig sampling{};
  ClipConfig clip{};
  KlConfig kl{};
  AdvantageConfig advantage{};
  EvalConfig eval{};
  DemoConfig demo{};
  ControlConfig control{};
};
void describe(auto& visit, OfType<SelfPlayConfig> auto& s) {
  visit("model", s.model, "model folder of Hugging Face form; empty: the embedded model");
  visit("images", s.images, "folder or list of unlabeled images; empty: the procedural world");
  visit("run", s.run, "run folder to make; empty: the next free one below runs/");
  visit("seed", s.seed, "of everything random");
  visit("iterations", s.iterations, "rounds of Questioner, labels and Reasoner", at_least(1));
  visit("mode", s.mode, "which rules and defaults");
  visit("threads", s.threads, "0: all cores", between(0, 1024));
  visit("device", s.device, "where the model runs");
  visit("dtype", s.dtype, "of weights and activations");
  visit("resume", s.resume, "continue the run in the run folder", RequestOfOneStart{});
  visit("dry_run", s.dry_run, "check everything, print the plan, train nothing",
        RequestOfOneStart{});
  visit("allow_identity_change", s.allow_identity_change,
        "resume with other threads, versions or settings", RequestOfOneStart{});
  visit("gradient_checkpointing", s.gradient_checkpointing,
        "compute layers again in the backward pass instead of keeping what they made");
  visit("freeze_vision", s.freeze_vision,
        "the vision tower does not train; so it is too with adapters that leave it alone");
  visit("feature_cache_mib", s.feature_cache_mib,
        "features of pictures kept while the tower is frozen, MiB; 0: none", between(0, 1 << 20));
  visit("lora", s.lora);
  visit("questioner", s.questioner);
  visit("label", s.label);
  visit("reasoner", s.reasoner);
  visit("votes", s.votes);
  visit("sampling", s.sampling);
  visit("clip", s.clip);
  visit("kl", s.kl);
  visit("advantage", s.advantage);
  visit("eval", s.eval);
  visit("demo", s.demo);
  visit("control", s.control);
}

/// The defaults of a mode.
[[nodiscard]] SelfPlayConfig default_config(Mode mode);

/// What no single key can say: bands in order, {question} in the Reasoner's prompt, nothing asked
/// for that is not built yet.
/// @throws UsageError  naming the keys
void validate(const SelfPlayConfig& config);

/// Defaults of the mode that the sources name, then the sources; validated.
/// @throws UsageError
[[nodiscard]] Resolved<SelfPlayConfig> load_self_play_config(const ConfigSources& sources);

/// What config.yaml of the run folder holds.
[[nodiscard]] std::string self_play_yaml(const Resolved<SelfPlayConfig>& resolved);

}  // namespace visplay

#ifdef VISPLAY_HEADER_ONLY
#include <visplay/train/config.ipp>
#endif
