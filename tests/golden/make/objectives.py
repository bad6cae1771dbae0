"""Golden values of losses, KL estimators, aggregations, masks and corrections: value and gradient.

    .deps/oracle/bin/python tests/golden/make/objectives.py            writes tests/golden/objectives.json
    .deps/oracle/bin/python tests/golden/make/objectives.py --check    makes it again and compares

Oracles: TRL's GRPOTrainer._compute_loss and GMPOTrainer._compute_loss on a stub of the trainer, its mask
functions and its importance-ratio lines; verl's compute_policy_loss_*, kl_penalty, agg_loss,
compute_rollout_correction_weights, compute_rollout_rejection_mask, AdaptiveKLController. Everything in
float64 with torch autograd. Names that begin with "own/" are formulas written here in torch from the papers,
for what neither system has.
"""
import argparse
import collections
import functools
import importlib.metadata
import inspect
import json
import pathlib
import sys
import textwrap
import types

sys.modules["wandb"] = None  # nothing here logs, and importing it takes packages of its own

import numpy
import torch
from torch.nn.utils.rnn import pad_sequence
from trl.experimental.gmpo.gmpo_trainer import GMPOTrainer
from trl.trainer.grpo_trainer import GRPOTrainer
from verl.trainer.ppo import core_algos as verl
from verl.trainer.ppo import rollout_corr_helper as verl_rollout
from verl.workers.config import ActorConfig
from verl.workers.config.actor import PolicyLossConfig

torch.set_default_dtype(torch.float64)
SEED = 20251122
OUT = pathlib.Path(__file__).resolve().parent.parent / "objectives.json"
LOW, HIGH, CAP, DUAL = 0.1875, 0.28125, 1.75, 3.0  # exact in float: settings here and there are the same
MAX_LENGTH = 16
SINGLE = functools.partial(lambda x: float(numpy.float32(x)))


class Batch:
    """Completions of unequal length in groups, padded to [B, T]; inputs are float32 numbers."""

    def __init__(self, seed, groups, longest, spread, drift):
        draw = numpy.random.default_rng(seed)
        self.groups = groups
        self.lengths = [int(draw.integers(1, longest + 1)) for _ in range(sum(groups))]
        total = sum(self.lengths)
        old = -numpy.abs(draw.normal(0, 1.5, total)) - 0.01
        log_prob = numpy.minimum(old + draw.normal(0, spread, total), -1e-3)
        self.flat = {
            "log_probs": log_prob,
            "old_log_probs": old,
            "ref_log_probs": numpy.minimum(old + draw.normal(0, spread, total), -1e-3),
            "rollout_log_probs": numpy.minimum(old + draw.normal(0, drift, total), -1e-3),
            "entropy": numpy.abs(draw.normal(1, 0.7, total)),
        }
        self.flat = {name: [SINGLE(x) for x in values] for name, values in self.flat.items()}
        self.advantages = [SINGLE(x) for x in draw.normal(0, 1, len(self.lengths))]
        self.padded = {name: self.pad(values) for name, values in self.flat.items()}
        self.mask = self.pad([1.0] * total)
        self.log_probs = self.padded["log_probs"].requires_grad_()
        self.entropy = self.padded["entropy"].requires_grad_()
        self.old, self.ref = self.padded["old_log_probs"], self.padded["ref_log_probs"]
        self.rollout = self.padded["rollout_log_probs"]
        self.advantage = torch.tensor(self.advantages)
        self.token_advantages = self.advantage[:, None].expand_as(self.mask)

    def pad(self, values):
        return pad_sequence(torch.tensor(values).split(self.lengths), batch_first=True)

    def pack(self, padded):
        return [x for row, n in zip(padded.tolist(), self.lengths) for x in row[:n]]

    def offsets(self, sizes):
        return [0] + [int(x) for x in numpy.cumsum(sizes)]

    def inputs(self):
        return {"offsets": self.offsets(self.lengths), "groups": self.offsets(self.groups),
                "advantages": self.advantages, **self.flat}

    def result(self, loss):
        gradients = torch.autograd.grad(loss, [self.log_probs, self.entropy], allow_unused=True, retain_graph=True)
        found = {"value": float(loss.detach()), "gradient": self.pack(gradients[0])}
        if gradients[1] is not None and gradients[1].abs().sum() > 0:
            found["entropy_gradient"] = self.pack(gradients[1])
        return found


# TRL: the trainer's own methods on an object that has what they read.

class Accelerator:
    num_processes, sync_gradients = 1, True
    gather = gather_for_metrics = staticmethod(lambda x: x)
    reduce = staticmethod(lambda x, reduction: x)
    pad_across_processes = staticmethod(lambda x, dim, pad_index: x)


def trl_trainer(batch, **changes):
    arguments = dict(delta=None, sapo_temperature_pos=1.0, sapo_temperature_neg=SINGLE(1.05), vespo_k_pos=2.0,
                     vespo_lambda_pos=3.0, vespo_k_neg=3.0, vespo_lambda_neg=2.0, use_bias_correction_kl=False,
                     steps_per_generation=1, entropy_target=0.0, entropy_coef_delta=SINGLE(0.005),
                     entropy_coef_max=1.0, entropy_coef_min=0.0)
    values = dict(loss_type="grpo", importance_sampling_level="token", beta=0.0, epsilon_low=LOW, epsilon_high=HIGH,
                  top_entropy_quantile=1.0, off_policy_mask_threshold=None, use_vllm=False,
                  vllm_importance_sampling_correction=False, current_gradient_accumulation_steps=1,
                  max_completion_length=MAX_LENGTH, aux_loss_enabled=False, _entropy_bonus_enabled=False,
                  use_adaptive_entropy=False, entropy_coef=0.0, _entropy_window_stats=None, _last_world_entropy=0.0)
    for name, value in changes.items():
        (arguments if name in arguments else values)[name] = value
    return types.SimpleNamespace(
        **values, args=types.SimpleNamespace(**arguments), accelerator=Accelerator(),
        model=types.SimpleNamespace(training=True),
        _metrics=collections.defaultdict(lambda: collections.defaultdict(list)),
        _get_per_token_logps_and_entropies=lambda *_, **__: (batch.log_probs, batch.entropy, None),
        get_off_policy_mask=GRPOTrainer.get_off_policy_mask, get_gamma_weights=GRPOTrainer.get_gamma_weights,
        get_high_entropy_mask=lambda e, m, q: high_entropy(batch, e, m, q))


def high_entropy(batch, entropies, mask, quantile):
    method = inspect.unwrap(GRPOTrainer.get_high_entropy_mask)
    return method(types.SimpleNamespace(accelerator=Accelerator()), entropies.detach(), mask, quantile)


def trl_inputs(batch, **more):
    ids = torch.ones_like(batch.mask, dtype=torch.long)
    return {"prompt_ids": ids[:, :1], "prompt_mask": ids[:, :1], "completion_ids": ids,
            "completion_mask": batch.mask, "advantages": batch.advantage, "old_per_token_logps": batch.old,
            "ref_per_token_logps": batch.ref, "sampling_per_token_logps": batch.rollout,
            "num_items_in_batch": batch.mask.sum(), **more}


def trl_loss(batch, inputs=None, trainer=GRPOTrainer, **changes):
    self = trl_trainer(batch, **changes)
    return inspect.unwrap(trainer._compute_loss)(self, self.model, {**trl_inputs(batch), **(inputs or {})})


def trl_importance_ratio(batch, mode, low, high):
    """The lines of the trainer that turn rollout log-probs into weights, run as they stand."""
    source = inspect.getsource(inspect.unwrap(GRPOTrainer._generate_and_score_completions))
    begin = source.index("sequence_level_is = ")
    end = source.index("# Compute the per-token log probabilities for the reference model")
    lines = textwrap.dedent(" " * (begin - source.rindex("\n", 0, begin) - 1) + source[begin:end])
    self = types.SimpleNamespace(vllm_importance_sampling_mode=mode, vllm_importance_sampling_clip_min=low,
                                 vllm_importance_sampling_clip_max=high)
    names = {"self": self, "torch": torch, "math": __import__("math"),
             "per_token_logps_diff": (batch.old - batch.rollout) * batch.mask}
    exec(lines, names)
    return names["vllm_importance_sampling_ratio"]


def trl_cases(batch):
    run = functools.partial(trl_loss, batch)
    ratio = trl_importance_ratio(batch, "token_truncate", None, 2.0)
    yield "trl/grpo", run()
    yield "trl/bnpo", run(loss_type="bnpo")
    yield "trl/dr_grpo", run(loss_type="dr_grpo")
    yield "trl/dapo", run(loss_type="dapo")
    yield "trl/delta", run(delta=CAP)
    yield "trl/grpo_kl", run(beta=0.125)
    yield "trl/grpo_kl_bias_correction", run(beta=0.125, use_bias_correction_kl=True)
    yield "trl/cispo", run(loss_type="cispo", epsilon_high=CAP)
    yield "trl/cispo_sequence", run(loss_type="cispo", epsilon_high=CAP, importance_sampling_level="sequence")
    yield "trl/sapo", run(loss_type="sapo")
    yield "trl/gspo", run(importance_sampling_level="sequence")
    yield "trl/gspo_delta", run(importance_sampling_level="sequence", delta=CAP)
    yield "trl/gspo_dapo", run(loss_type="dapo", importance_sampling_level="sequence")
    yield "trl/luspo", run(loss_type="luspo", importance_sampling_level="sequence")
    yield "trl/luspo_token", run(loss_type="luspo")
    yield "trl/vespo", run(loss_type="vespo")
    yield "trl/opsm", run(off_policy_mask_threshold=0.03125)
    yield "trl/top_entropy", run(loss_type="dapo", top_entropy_quantile=0.25)
    yield "trl/dapo_entropy", run(loss_type="dapo", _entropy_bonus_enabled=True, entropy_coef=0.0625)
    yield "trl/grpo_token_tis", run({"importance_sampling_ratio": ratio}, use_vllm=True,
                                    vllm_importance_sampling_correction=True, beta=0.125)
    yield "trl/gspo_token_tis", run({"importance_sampling_ratio": ratio}, use_vllm=True,
                                    vllm_importance_sampling_correction=True, importance_sampling_level="sequence")
    yield "trl/gmpo", run(trainer=GMPOTrainer, beta=0.125)
    kept = batch.mask.clone()
    kept[::3] = 0  # overlong completions: every third one
    yield "trl/overlong", run({"completion_mask": kept, "num_items_in_batch": kept.sum()}, loss_type="dapo", beta=0.125)
    yield "trl/overlong_grpo", run({"completion_mask": kept}, beta=0.125)


# verl.

def verl_config(**changes):
    return ActorConfig(strategy="fsdp", rollout_n=1, ppo_micro_batch_size_per_gpu=1, clip_ratio=LOW, clip_ratio_low=LOW,
                       clip_ratio_high=HIGH, tau_pos=1.0, tau_neg=SINGLE(1.05), **changes)


def verl_loss(batch, name, mode="token-mean", weights=None, mask=None, clip_ratio_c=DUAL, **policy):
    config = verl_config(clip_ratio_c=clip_ratio_c, policy_loss=PolicyLossConfig(**policy))
    loss = verl.get_policy_loss_fn(name)
    mask = batch.mask if mask is None else mask
    return loss(old_log_prob=batch.old, log_prob=batch.log_probs, advantages=batch.token_advantages, response_mask=mask,
                loss_agg_mode=mode, config=config, rollout_is_weights=weights)[0]


def verl_kl(batch, name):
    return verl.agg_loss(verl.kl_penalty(batch.log_probs, batch.ref, name), batch.mask, "token-mean")


def verl_weights(batch, level, threshold, normalize=False):
    return verl_rollout.compute_rollout_correction_weights(batch.old - batch.rollout, batch.mask, level, threshold,
                                                           normalize)[0]


def verl_cases(batch):
    run = functools.partial(verl_loss, batch)
    tis = verl_weights(batch, "token", 2.0)
    yield "verl/vanilla", run("vanilla")
    yield "verl/vanilla_sequence_mean", run("vanilla", "seq-mean-token-mean")
    yield "verl/dppo_tv", run("dppo_tv", clip_ratio_c=20.0)
    yield "verl/dppo_kl", run("dppo_kl", clip_ratio_c=20.0)
    yield "verl/gspo", run("gspo", "seq-mean-token-mean")
    yield "verl/gspo_token_mean", run("gspo", "token-mean")
    yield "verl/gspo_token_tis", run("gspo", "seq-mean-token-mean", tis)
    yield "verl/sapo", run("sapo")
    yield "verl/cispo", run("cispo")
    yield "verl/geo_mean", run("geo_mean")
    yield "verl/dro", run("dro", dro_beta=0.125)
    yield "verl/kl_cov", run("kl_cov", kl_cov_ratio=0.25, ppo_kl_coef=0.75)
    yield "verl/clip_cov", run("clip_cov", clip_cov_ratio=1.0, clip_cov_lb=0.25, clip_cov_ub=5.0)
    yield "verl/vanilla_token_tis", run("vanilla", weights=tis)
    for mode in ["token-mean", "token-sum", "seq-mean-token-sum", "seq-mean-token-sum-norm", "seq-mean-token-mean"]:
        yield f"verl/gpg/{mode}", run("gpg", mode)
    for name in ["k1", "k2", "k3", "abs", "k1+", "k3+"]:
        yield f"verl/kl/{name}", verl_kl(batch, name)
    rejected = verl_rollout.compute_rollout_rejection_mask(batch.old - batch.rollout, batch.mask, "seq_mean_k3", 0.0625)[0]
    if rejected.sum() > 0:
        yield "verl/vanilla_rejected", run("vanilla", mask=rejected)
        yield "verl/vanilla_rejected_sequence_mean", run("vanilla", "seq-mean-token-mean", mask=rejected)
    config = verl_config(clip_ratio_c=DUAL)
    current = torch.exp(torch.clamp(batch.log_probs - batch.rollout, -20, 20)).clamp(max=2.0).detach() * batch.mask
    yield "verl/reinforce_bypass", verl.compute_policy_loss_reinforce(
        batch.rollout, batch.log_probs, batch.token_advantages, batch.mask, "token-mean", config, current)[0]


def weight_cases(batch):
    """Weights and masks alone, [N]."""
    for level in ["token", "sequence"]:
        yield f"verl/tis/{level}", verl_weights(batch, level, 2.0)
        yield f"verl/ice_pop/{level}", verl_weights(batch, level, "0.5_1.5")
        yield f"verl/tis_normalized/{level}", verl_weights(batch, level, 2.0, True)
    for option in sorted(verl_rollout.SUPPORTED_ROLLOUT_RS_OPTIONS):
        threshold = "0.75_1.25" if option.endswith("k1") else 0.03125
        yield f"verl/rejection/{option}", verl_rollout.compute_rollout_rejection_mask(
            batch.old - batch.rollout, batch.mask, option, threshold)[0]
    for mode in ["token_truncate", "token_mask", "sequence_truncate", "sequence_mask"]:
        ratio = trl_importance_ratio(batch, mode, 0.5, 1.5)
        yield f"trl/{mode}", ratio.expand_as(batch.mask)


# Formulas of papers whose systems are not installed here, written in torch on the padded layout.

def own_mean(batch, token_losses):
    return (token_losses * batch.mask).sum() / batch.mask.sum()


def own_groups(batch):
    start = 0
    for size in batch.groups:
        yield slice(start, start + size)
        start += size


def own_tpo(batch):
    losses = []
    for group in own_groups(batch):
        new = (batch.log_probs * batch.mask).sum(-1)[group]
        target = torch.softmax((batch.old * batch.mask).sum(-1)[group] + batch.advantage[group], 0)
        losses.append(-(target * torch.log_softmax(new, 0)).sum() * group_share(batch, group))
    return sum(losses)


def own_real(batch):
    losses = []
    for group in own_groups(batch):
        log_ratio = (batch.log_probs - batch.old) * batch.mask
        score = (log_ratio.sum(-1) / batch.mask.sum(-1))[group] / 0.5
        success = batch.advantage[group] > 0
        if success.any() and not success.all():
            loss = torch.log(1 + score[~success].exp().sum()) + torch.log(1 + (-score[success]).exp().sum())
            losses.append(loss * group_share(batch, group))
    return sum(losses) if losses else 0 * batch.log_probs.sum()


def group_share(batch, group):
    return (group.stop - group.start) / len(batch.lengths)


def own_fipo(batch):
    log_ratio = ((batch.log_probs - batch.old) * batch.mask).detach()
    size, gamma = log_ratio.shape[1], 0.75
    decay = torch.tensor([[gamma ** (s - t) if s >= t else 0.0 for s in range(size)] for t in range(size)])
    weight = torch.exp(log_ratio @ decay.T).clamp(1.0, 1.25)
    return own_mean(batch, weight * own_ppo(batch))


def own_ppo(batch):
    ratio, advantage = torch.exp(batch.log_probs - batch.old), batch.token_advantages
    return -torch.minimum(ratio * advantage, ratio.clamp(1 - LOW, 1 + HIGH) * advantage)


def own_m2po(batch):
    squares = (batch.rollout - batch.old).square()
    kept = [tuple(at) for at in batch.mask.nonzero().tolist()]
    kept.sort(key=lambda at: float(squares[at]))
    while len(kept) > 1 and sum(float(squares[at]) for at in kept) / len(kept) >= 0.015625:
        kept.pop()
    mask = torch.zeros_like(batch.mask)
    for at in kept:
        mask[at] = 1
    return own_mean(batch, mask * own_ppo(batch))


def own_k_pop(batch):
    def kl(p, q):
        return p * (p / q).log() + (1 - p) * ((1 - p + 1e-8) / (1 - q + 1e-8)).log()
    new, rollout = batch.old.exp(), batch.rollout.exp()
    worse = torch.maximum(kl(new, rollout), kl(rollout, new))
    return own_mean(batch, torch.where(worse > 0.015625, 0.0, new / rollout) * own_ppo(batch))


def own_cases(batch):
    advantage, positive = batch.token_advantages, (batch.token_advantages > 0).double()
    log_ratio = batch.log_probs - batch.old
    ratio = log_ratio.exp()
    fixed = ratio.detach()
    yield "own/topr", own_mean(batch, -torch.where(advantage > 0, 0.75, 1.25 * fixed.clamp(0, 1)) * advantage * batch.log_probs)
    drift = ratio - 1 - log_ratio
    bounds = float(numpy.log1p(numpy.float32(-LOW))), float(numpy.log1p(numpy.float32(HIGH)))
    yield "own/cpgd", own_mean(batch, 0.25 * drift - torch.minimum(advantage * log_ratio, advantage * log_ratio.clamp(*bounds)))
    yield "own/spo", own_mean(batch, -(advantage * ratio - advantage.abs() * (ratio - 1).square() / (2 * 0.25)))
    yield "own/wapo", (-torch.minimum(ratio, torch.tensor(1 + HIGH)) * advantage * positive * batch.mask).sum() / (
        len(batch.lengths) * MAX_LENGTH)
    yield "own/with_nll", own_mean(batch, own_ppo(batch) - 0.125 * positive * batch.log_probs)
    prob = batch.log_probs.exp().detach()
    yield "own/expert_nll", own_mean(batch, -prob * (1 - prob) * batch.log_probs)
    weights = fixed[batch.mask > 0]
    ess = float(numpy.float32(float(weights.sum() ** 2 / (weights.numel() * weights.square().sum()))))
    k3 = (-log_ratio).exp() - 1 + log_ratio
    yield "own/p3o", own_mean(batch, -fixed.clamp(max=ess) * advantage * batch.log_probs + (1 - ess) * k3)
    yield "own/tpo", own_tpo(batch)
    yield "own/real", own_real(batch)
    yield "own/fipo", own_fipo(batch)
    yield "own/m2po", own_m2po(batch)
    yield "own/k_pop", own_k_pop(batch)
    reinforce, sums = -advantage * batch.log_probs * batch.mask, []
    for group in own_groups(batch):
        sums.append(reinforce[group].sum() / batch.mask[group].sum())
    yield "own/group_token_mean", sum(sums) / len(sums)
    lengths = batch.mask.sum(-1)
    yield "own/alpha", (reinforce.sum(-1) / (lengths.sqrt() * MAX_LENGTH ** 0.5)).mean()


def full_kl_case():
    torch.manual_seed(SEED)
    logits = torch.randn(40).float().double().requires_grad_()
    ref = torch.log_softmax(torch.randn(40), 0).float().double()
    log_probs = torch.log_softmax(logits, 0)
    kl = torch.nn.functional.kl_div(ref, log_probs, log_target=True, reduction="none").sum(-1)
    gradient, = torch.autograd.grad(kl, logits)
    return {"log_probs": [SINGLE(x) for x in log_probs.tolist()], "ref_log_probs": ref.tolist(), "value": float(kl),
            "gradient": gradient.tolist()}


def controller_cases(batch):
    control, found = verl.AdaptiveKLController(0.125, 6.0, 10000), []
    for kl, steps in [(3.0, 512), (6.5, 512), (40.0, 128), (0.0, 1024)]:
        control.update(kl, steps)
        found.append([kl, steps, control.value])
    self = trl_trainer(batch, loss_type="dapo", _entropy_bonus_enabled=True, use_adaptive_entropy=True, entropy_coef=0.5)
    entropies = []
    for target in [0.25, 4.0, 4.0, 0.25, 0.25, 0.25]:
        self.args.entropy_target = target
        inspect.unwrap(GRPOTrainer._compute_loss)(self, self.model, trl_inputs(batch))
        entropies.append([target, self._last_world_entropy, self.entropy_coef])
    return {"adaptive_kl": found, "adaptive_entropy": entropies}


def make():
    # Groups of equal size (TPO and REAL are means over them), one batch near the old policy, one far, one of
    # short completions, one with ratios beyond every bound.
    batches = [Batch(SEED, [3, 3], 9, 0.25, 0.125), Batch(SEED + 1, [4, 4], 6, 1.0, 0.25), Batch(SEED + 2, [2, 2, 2], 3, 0.5, 0.5),
               Batch(SEED + 3, [4], 8, 3.0, 1.0)]
    found = []
    for batch in batches:
        results = {name: batch.result(loss) for cases in (trl_cases, verl_cases, own_cases) for name, loss in cases(batch)}
        weights = {name: batch.pack(values) for name, values in weight_cases(batch)}
        found.append({"inputs": batch.inputs(), "results": results, "weights": weights})
    made_by = {"script": "tests/golden/make/objectives.py", "seed": SEED,
               **{name: importlib.metadata.version(name) for name in ["trl", "verl", "torch", "numpy"]}}
    return {"made_by": made_by, "batches": found, "full_kl": full_kl_case(), **controller_cases(batches[0])}


def numbers(tree, path=""):
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield from numbers(value, f"{path}/{key}")
    elif isinstance(tree, list):
        for at, value in enumerate(tree):
            yield from numbers(value, f"{path}[{at}]")
    else:
        yield path, tree


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare with the file instead of writing it")
    made = json.loads(json.dumps(make()))
    if not parser.parse_args().check:
        OUT.write_text(json.dumps(made).replace('"verl/', '\n"verl/').replace('"trl/', '\n"trl/').replace('"own/', '\n"own/') + "\n")
        sys.exit()
    new, old, worst = dict(numbers(made)), dict(numbers(json.loads(OUT.read_text()))), 0.0
    for path in sorted(new.keys() | old.keys()):
        if path.startswith("/made_by"):
            continue
        a, b = new.get(path), old.get(path)
        if a is None or b is None:
            sys.exit(f"{path}: {b} in the file, {a} now")
        worst = max(worst, abs(a - b) / max(1.0, abs(b)))
        if abs(a - b) > 1e-9 * max(1.0, abs(b)):
            sys.exit(f"{path}: {b} in the file, {a} now")
    print(f"objectives: {len(new)} numbers agree, largest difference {worst:.1e}")
