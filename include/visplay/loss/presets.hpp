// Presets: objectives as known systems define them, under their names, with the conventions spelled
// out. Change what you need:
//
//   auto objective = presets::trl_dapo();
//   objective.kl = K3{}, objective.kl_coefficient = 0.01f;
//
// Defaults are those of TRL 1.16, verl 0.9.1, EasyR1 b44b311 and VisPlay 3aa895b. `max_length` is the
// longest completion allowed, in tokens. Advantages are made elsewhere (advantage/); totals are of the
// whole optimiser batch, also where a system takes them per micro-batch (TRL's "bnpo", VisPlay, old
// EasyR1): pass a micro-batch's totals to get that.
#pragma once

#include <visplay/loss/log_prob_losses.hpp>
#include <visplay/loss/objective.hpp>
#include <visplay/loss/ratio_losses.hpp>

#include <cstdint>

namespace visplay::presets {

using Kind = Aggregation::Kind;

/// TRL loss_type="grpo": sequence mean, symmetric clip, no KL unless `beta`.
inline auto trl_grpo(float beta = 0) {
  return Objective{.loss = ClippedSurrogate{}, .kl_coefficient = beta};
}
/// TRL loss_type="dapo", its default: token mean; raise clip_high to 0.28 for the paper's.
inline auto trl_dapo(float clip_high = 0.2f) {
  return Objective{.loss = ClippedSurrogate{.clip_high = clip_high},
                   .kl_coefficient = 0,
                   .aggregation = {.kind = Kind::token_mean}};
}
/// TRL loss_type="dr_grpo".
inline auto trl_dr_grpo(std::int64_t max_length) {
  return Objective{.loss = ClippedSurrogate{},
                   .kl_coefficient = 0,
                   .aggregation = {.kind = Kind::constant, .constant_length = max_length}};
}
/// TRL loss_type="cispo": `cap` (its epsilon_high) bounds the ratio itself; ScaleRL has 5.
inline auto trl_cispo(float cap = 5) {
  return Objective{
      .loss = Cispo::absolute(cap), .kl_coefficient = 0, .aggregation = {.kind = Kind::token_mean}};
}
/// TRL importance_sampling_level="sequence" with loss_type="grpo" and the bounds of the GSPO paper.
inline auto trl_gspo() { return Objective{.loss = Gspo{}, .kl_coefficient = 0}; }
/// TRL loss_type="sapo".
inline auto trl_sapo() { return Objective{.loss = Sapo{}, .kl_coefficient = 0}; }
/// TRL loss_type="luspo" with the sequence ratio; its bounds are the setting's 0.2.
inline auto trl_luspo() {
  return Objective{.loss = Gspo{.clip_low = 0.2f, .clip_high = 0.2f},
                   .kl_coefficient = 0,
                   .aggregation = {.kind = Kind::sequence_sum}};
}
/// TRL loss_type="vespo".
inline auto trl_vespo() {
  return Objective{.loss = Vespo{}, .kl_coefficient = 0, .aggregation = {.kind = Kind::token_mean}};
}
/// TRL's experimental GMPO trainer.
inline auto trl_gmpo() { return Objective{.loss = Gmpo{}, .kl_coefficient = 0}; }

/// verl loss_mode "vanilla": token mean, dual clip 3; use_kl_loss adds k3, cut at 10 and 1e-3.
inline auto verl_grpo(float kl_coefficient = 0) {
  return Objective{.loss = ClippedSurrogate{.dual_clip = 3},
                   .kl = K3{.bound = 10},
                   .kl_coefficient = kl_coefficient,
                   .aggregation = {.kind = Kind::token_mean}};
}
/// verl loss_mode "gspo": the token form, sequence mean.
inline auto verl_gspo() {
  return Objective{.loss = GspoToken{}, .kl = K3{.bound = 10}, .kl_coefficient = 0};
}
/// verl loss_mode "cispo": bounds relative to 1, also from below, unlike TRL's.
inline auto verl_cispo(float low = 0.2f, float high = 0.2f) {
  return Objective{.loss = Cispo::relative(low, high),
                   .kl = K3{.bound = 10},
                   .kl_coefficient = 0,
                   .aggregation = {.kind = Kind::token_mean}};
}
/// verl loss_mode "geo_mean" (GMPO); its clip_ratio bounds log r.
inline auto verl_geo_mean(float clip = 0.2f) {
  return Objective{.loss = Gmpo{.log_clip_low = clip, .log_clip_high = clip},
                   .kl = K3{.bound = 10},
                   .kl_coefficient = 0};
}
/// verl loss_mode "dppo_tv"; its clip_ratio is a probability here.
inline auto verl_dppo_tv(float threshold = 0.2f) {
  return Objective{.loss = DppoTv{.threshold_low = threshold, .threshold_high = threshold},
                   .kl = K3{.bound = 10},
                   .kl_coefficient = 0,
                   .aggregation = {.kind = Kind::token_mean}};
}

/// EasyR1's default loss: clip 0.2 / 0.3, dual clip 3, k3 at 1e-2, token mean.
inline auto easyr1_grpo() {
  return Objective{.loss = ClippedSurrogate{.clip_high = 0.3f, .dual_clip = 3},
                   .kl = K3{.bound = 10},
                   .kl_coefficient = 0.01f,
                   .aggregation = {.kind = Kind::token_mean}};
}
/// The official VisPlay code, a fork of EasyR1. With its micro-batches of one completion, the token mean
/// that it asks for is a sequence mean: that is what is given here.
inline auto visplay_official() {
  return Objective{.loss = ClippedSurrogate{.clip_high = 0.3f, .dual_clip = 3},
                   .kl = K3{.bound = 10},
                   .kl_coefficient = 0.01f};
}
/// VisPlay (2511.15661), eq. 3, with the values of contracts.md: symmetric clip, k3 at 1e-2, every
/// completion counts the same.
inline auto visplay_paper() { return Objective{}; }

}  // namespace visplay::presets
