// Bodies of self_play.hpp.
#pragma once

#include <visplay/core/statistics.hpp>
#include <visplay/curriculum/mode_rules.hpp>
#include <visplay/train/self_play.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numeric>

namespace visplay {
namespace detail {

VISPLAY_INLINE double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

VISPLAY_INLINE void stop_if_asked(const SelfPlayObserver& observer) {
  if (observer.stop && observer.stop()) throw Stopped("stopped between two steps");
}

// New adapters of a role; none in full fine-tuning.
VISPLAY_INLINE std::optional<Lora> new_adapter(const SelfPlayConfig& config,
                                               const ModelConfig& model, std::string_view role) {
  const auto& c = config.lora;
  if (c.rank == 0) return std::nullopt;
  return Lora(model, {c.rank, c.alpha, c.rslora, c.targets},
              Rng(config.seed).fork("lora").fork(role));
}

// What both roles and the reference grow out of; nobody writes to it.
VISPLAY_INLINE QwenPolicy base_of_roles(const SelfPlayConfig& config, const QwenPolicy& given) {
  check(config.lora.rank == 0 || !given.adapter(),
        "lora.rank: the model is an adapter already; without lora.rank both roles train it on");
  check(
      config.lora.rank > 0 || given.adapter() ||
          given.weights().all().front().tensor.scalar_type() == at::kFloat,
      "dtype: small steps on bfloat16 weights are lost in rounding; train adapters (lora.rank) or "
      "use float32");
  const auto adapter = new_adapter(config, given.assets().config, "questioner");
  const bool freeze = config.freeze_vision || (adapter && !adapter->adapts_vision());
  return given.with_options({.gradient_checkpointing = config.gradient_checkpointing,
                             .freeze_vision = freeze,
                             .feature_cache_bytes = std::int64_t(config.feature_cache_mib) << 20});
}

// The policy that a role begins with.
VISPLAY_INLINE QwenPolicy role_over(const QwenPolicy& base, const SelfPlayConfig& config,
                                    std::string_view role) {
  auto adapter = new_adapter(config, base.assets().config, role);
  return adapter ? base.with_adapter(std::move(adapter)) : base.clone();
}

// Runs one step and reports it with its time.
template <class Step>
void timed_step(std::string_view phase, int index, int steps, const SelfPlayObserver& observer,
                const Step& step) {
  const double start = seconds_now();
  StepReport report = step();
  const double spent = seconds_now() - start;
  report.metrics.push_back({std::string(metric::tokens_per_second), double(report.tokens) / spent});
  report.metrics.push_back({std::string(metric::time_step), spent});
  if (observer.step) observer.step(phase, index + 1, steps, report.metrics);
}

// Indices 0 ... n - 1 in random order, epoch after epoch, `count` of them from place `begin` on.
VISPLAY_INLINE std::vector<std::size_t> epoch_slice(std::size_t n, std::size_t begin,
                                                    std::size_t count, const Rng& rng) {
  std::vector<std::size_t> slice, order(n);
  std::size_t epoch = n;  // none drawn yet
  for (std::size_t i = begin; i < begin + count; ++i) {
    if (epoch != i / n || slice.empty()) {
      epoch = i / n;
      std::iota(order.begin(), order.end(), std::size_t{0});
      rng.fork("epoch", epoch).shuffle(order);
    }
    slice.push_back(order[i % n]);
  }
  return slice;
}

VISPLAY_INLINE LabelledQuestion labelled(const VotedQuestion& voted) {
  return {voted.asked.image, voted.asked.question, voted.label};
}

// What the votes of a label phase say, question by question, for its metrics.
struct LabelTally {
  int questions = 0;
  std::int64_t tokens = 0;                          // of the votes
  double confidence = 0, margin = 0, unparsed = 0;  // sums over the questions
  VerdictCounts verdicts;

  void add(const VotedQuestion& voted, LabelVerdict verdict) {
    const PseudoLabel& label = voted.label;
    const int votes = std::max(1, label.votes);
    ++questions;
    confidence += label.confidence();
    margin += double(label.majority - label.second) / votes;
    unparsed += double(label.unparsed + label.truncated) / votes;
    verdicts.add(verdict);
    for (const auto& completion : voted.completions)
      tokens += std::int64_t(completion.token_ids.size());
  }

  // Of `completions` questions that were asked for, of which `kept` train the Reasoner.
  [[nodiscard]] Metrics metrics(int completions, double kept) const {
    const double asked = std::max(1, completions), n = std::max(1, questions);
    const auto share_of = [&](LabelVerdict verdict) { return verdicts.of(verdict) / asked; };
    return {{std::string(metric::label_questions), double(completions)},
            {std::string(metric::label_valid), questions / asked},
            {std::string(metric::label_kept), kept},
            {std::string(metric::label_kept_share), kept / asked},
            {std::string(metric::label_confidence), confidence / n},
            {std::string(metric::label_margin), margin / n},
            {std::string(metric::label_unparsed), unparsed / n},
            {std::string(metric::label_too_easy), share_of(LabelVerdict::easy)},
            {std::string(metric::label_too_hard), share_of(LabelVerdict::hard)},
            {std::string(metric::label_small_margin), share_of(LabelVerdict::tied)},
            {std::string(metric::label_balanced_away),
             (verdicts.of(LabelVerdict::kept) - kept) / asked}};
  }
};

// Marks the kept questions that would make one answer the rule in its type of question.
VISPLAY_INLINE void balance(std::vector<JudgedQuestion>& judged, const Rng& rng) {
  std::vector<LabelledQuestion> kept;
  std::vector<JudgedQuestion*> owners;
  for (auto& question : judged)
    if (question.kept()) {
      kept.push_back(labelled(question.voted));
      owners.push_back(&question);
    }
  for (auto* question : owners) question->balanced_away = true;
  for (const auto i : balance_answers(kept, rng)) owners[i]->balanced_away = false;
}

}  // namespace detail

VISPLAY_INLINE SelfPlay::SelfPlay(SelfPlayConfig config, const QwenPolicy& base, ImagePool images)
    : config_(std::move(config)),
      base_(detail::base_of_roles(config_, base)),
      questioner_(detail::role_over(base_, config_, "questioner")),
      reasoner_(detail::role_over(base_, config_, "reasoner")),
      images_(std::move(images)) {
  check(images_.size > 0, "self-play: expected at least one image, got none");
  const auto& assets = base.assets();
  const auto& t = assets.config.tokens;
  banned_ids_ = {t.image, t.video, t.vision_start, t.vision_end, t.vision_pad};
  for (auto id = assets.tokenizer.size(); id < assets.config.text.vocab_size; ++id)
    banned_ids_.push_back(id);
  const auto& extra = config_.sampling.banned_ids;
  banned_ids_.insert(banned_ids_.end(), extra.begin(), extra.end());
}

VISPLAY_INLINE void SelfPlay::iterate(int k, const SelfPlayObserver& observer) {
  const Rng round = Rng(config_.seed).fork("iteration", std::uint64_t(k));
  // Questioner: rewarded for questions that split the frozen Reasoner's votes, and for variety.
  if (!config_.control.untrained_questioner) train_questioner(round.fork("questioner"), observer);
  // Data: ask, answer m times, let the majority name the label, keep what the band lets through.
  const auto questions = label(round.fork("label"), observer);
  const auto data = training_data(questions, round.fork("data"));
  // Reasoner: rewarded for agreeing with the labels.
  train_reasoner(data, k, round.fork("reasoner"), observer);
}

VISPLAY_INLINE std::unique_ptr<QwenPolicy> SelfPlay::reference_of(const QwenPolicy& policy) const {
  if (config_.kl.coefficient == 0) return nullptr;
  if (config_.kl.reference == KlReference::base) return std::make_unique<QwenPolicy>(base_);
  return std::make_unique<QwenPolicy>(policy.clone());
}

VISPLAY_INLINE GrpoSettings SelfPlay::grpo_settings(const OptimizerConfig& optimizer,
                                                    const SamplingConfig& sampling, int group_size,
                                                    int steps) const {
  GrpoSettings settings;
  settings.sampling = params(sampling, group_size);
  settings.objective.loss = {.clip_low = float(config_.clip.low),
                             .clip_high = float(config_.clip.high),
                             .dual_clip = float(config_.clip.dual.value_or(0))};
  settings.objective.kl_coefficient = float(config_.kl.coefficient);
  settings.advantage.epsilon = config_.advantage.epsilon;
  settings.learning_rate = {optimizer.learning_rate, steps, optimizer.warmup_steps,
                            optimizer.final_fraction};
  return settings;
}

VISPLAY_INLINE std::vector<ImagePtr> SelfPlay::pick_images(std::size_t count, Rng rng,
                                                           std::size_t skip) const {
  std::vector<ImagePtr> picked;
  for (const auto i : detail::epoch_slice(images_.size, skip, count, rng))
    picked.push_back(images_.load(i));
  return picked;
}

VISPLAY_INLINE void SelfPlay::train_questioner(Rng rng, const SelfPlayObserver& observer) {
  const auto& c = config_.questioner;
  const auto reference = reference_of(questioner_);
  AdamW optimizer(questioner_.trainable(), adamw_settings(c.optimizer),
                  [&](std::string_view name) { return questioner_.trains(name); });
  int step = 0;
  QuestionerJudge judge{reasoner_,
                        config_.reasoner,
                        params(config_.votes.sampling, c.votes),
                        rules_of(config_.mode).parse,
                        QuestionerReward{.mode = config_.mode,
                                         .diversity_weight = c.diversity_weight,
                                         .archive_weight = c.archive_weight,
                                         .blind_weight = c.blind_weight,
                                         .max_unparsed = config_.label.band.max_unparsed},
                        [&](std::span<const VotedQuestion> voted) {
                          if (observer.question && !voted.empty())
                            observer.question("questioner", step + 1, {voted.front()});
                        }};
  Grpo grpo{questioner_, reference.get(), optimizer, judge,
            grpo_settings(c.optimizer, c.sampling, c.group_size, c.steps)};
  for (; step < c.steps; ++step) {
    detail::stop_if_asked(observer);
    std::vector<Prompt> prompts;
    const auto count = std::size_t(c.images_per_step);
    for (const auto& image : pick_images(count, rng.fork("images"), std::size_t(step) * count))
      prompts.push_back(questioner_prompt(c, image));
    detail::timed_step("questioner", step, c.steps, observer, [&] {
      return grpo.step(prompts, step, rng.fork("step", std::uint64_t(step)));
    });
  }
  questioner_.trainable().require_gradients(false);
}

VISPLAY_INLINE std::vector<JudgedQuestion> SelfPlay::label(Rng rng,
                                                           const SelfPlayObserver& observer) {
  detail::stop_if_asked(observer);
  const auto& c = config_.label;
  std::vector<JudgedQuestion> judged;
  detail::timed_step("label", 0, 1, observer, [&] {
    // Ask: fresh questions about images.
    const auto images = pick_images(std::size_t(c.images), rng.fork("images"), 0);
    auto pool =
        ask(questioner_, config_.questioner, rules_of(config_.mode).parse,
            params(config_.questioner.sampling, c.questions_per_image), images, rng.fork("ask"));
    // Answer: m votes each; the majority names the label, the band says whether it is kept.
    auto voted = vote(reasoner_, config_.reasoner, params(config_.votes.sampling, c.votes),
                      std::move(pool.questions), rng.fork("votes"));
    detail::LabelTally tally;
    for (auto& question : voted) {
      const LabelVerdict verdict = c.band(question.label);
      tally.add(question, verdict);
      judged.push_back({std::move(question), verdict, false});
    }
    // Balance: as many yes as no within one type of question.
    if (c.balance) detail::balance(judged, rng.fork("balance"));
    const auto kept = std::ranges::count_if(judged, &JudgedQuestion::kept);
    StepReport report{tally.metrics(pool.asked, double(kept)), tally.tokens};
    if (observer.labelled) observer.labelled(judged, report.metrics);
    return report;
  });
  if (observer.question)
    for (const auto& question : judged) observer.question("label", 1, question);
  return judged;
}

VISPLAY_INLINE std::vector<LabelledQuestion> SelfPlay::training_data(
    std::span<const JudgedQuestion> questions, Rng rng) const {
  std::vector<LabelledQuestion> data;
  for (const auto& question : questions)
    if (question.kept()) data.push_back(detail::labelled(question.voted));
  if (config_.control.shuffle_labels) {
    std::vector<PseudoLabel> labels;
    for (const auto& item : data) labels.push_back(item.label);
    rng.shuffle(labels);
    for (std::size_t i = 0; i < data.size(); ++i) data[i].label = labels[i];
  }
  return data;
}

VISPLAY_INLINE void SelfPlay::train_reasoner(std::span<const LabelledQuestion> data, int k, Rng rng,
                                             const SelfPlayObserver& observer) {
  if (data.empty()) return;  // nothing passed the band: the Reasoner stays as it is
  const auto& c = config_.reasoner;
  const auto reference = reference_of(reasoner_);
  AdamW optimizer(reasoner_.trainable(), adamw_settings(c.optimizer),
                  [&](std::string_view name) { return reasoner_.trains(name); });
  ReasonerJudge judge{.questions = {}, .reward = rules_of(config_.mode).reasoner};
  Grpo grpo{reasoner_, reference.get(), optimizer, judge,
            grpo_settings(c.optimizer, c.sampling, c.group_size, c.steps)};
  grpo.settings.learning_rate.peak *= std::pow(c.iteration_decay, k - 1);
  for (int step = 0; step < c.steps; ++step) {
    detail::stop_if_asked(observer);
    std::vector<LabelledQuestion> batch;
    std::vector<Prompt> prompts;
    const auto count = std::size_t(c.questions_per_step);
    for (const auto i :
         detail::epoch_slice(data.size(), std::size_t(step) * count, count, rng.fork("order"))) {
      batch.push_back(data[i]);
      prompts.push_back(reasoner_prompt(c, {data[i].image, data[i].question}));
    }
    judge.questions = batch;
    detail::timed_step("reasoner", step, c.steps, observer, [&] {
      return grpo.step(prompts, step, rng.fork("step", std::uint64_t(step)));
    });
  }
  reasoner_.trainable().require_gradients(false);
}

}  // namespace visplay
