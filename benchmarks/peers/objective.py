"""The objective of GRPO with a KL: ours against TRL's and verl's own functions in eager torch, in turns.

    .deps/oracle/bin/python benchmarks/peers/objective.py [--ours build/bin/visplay_benchmarks]

Both sides get log-probs that are already there and give loss, metrics and the gradient of the log-probs,
as a trainer runs them once a micro-batch. TRL: GRPOTrainer._compute_loss on a trainer without a model, in
one process (loss_type "grpo", beta 0.01). verl: compute_policy_loss_vanilla, kl_penalty ("low_var_kl") and
agg_loss, combined as its ppo_loss does. "eager" is the formula alone, written as tersely as torch allows:
what a trainer could reach without kernels of its own. Each side runs with one and with two threads; the faster median
counts, of wall clock and of processor time.
"""
import argparse
import importlib.metadata
import inspect
import pathlib
import statistics
import sys
import time
from collections import defaultdict
from types import SimpleNamespace

sys.modules["wandb"] = None  # nothing here logs, and importing it takes packages of its own

import torch
from lib.measure import keep_freed_memory, ours, record
from trl.trainer.grpo_trainer import GRPOTrainer
from verl.trainer.ppo import core_algos
from verl.workers.config import ActorConfig

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Completions, tokens, and how many times faster we want to be: as a plain call, as an autograd function.
SHAPES = [(64, 512, 25, 12), (8, 64, 100, 8)]
THREADS = (1, 2)


def batch(completions, tokens):
    draw = torch.Generator().manual_seed(1)
    normal = lambda *shape: torch.randn(*shape, generator=draw)
    old = -normal(completions, tokens).abs()
    return {
        "log_probs": (old + 0.1 * normal(completions, tokens)).requires_grad_(),
        "old": old,
        "ref": old + 0.1 * normal(completions, tokens),
        "entropy": 3 * torch.rand(completions, tokens, generator=draw),
        "advantages": normal(completions),
        "mask": torch.ones(completions, tokens, dtype=torch.int64),
    }


class OneProcess:
    """accelerate's Accelerator in one process does no more than this."""
    num_processes = 1
    gather = gather_for_metrics = staticmethod(lambda x: x)
    reduce = staticmethod(lambda x, reduction: x)


def trl(data):
    arguments = SimpleNamespace(use_bias_correction_kl=False, delta=None)
    trainer = SimpleNamespace(
        _get_per_token_logps_and_entropies=lambda *_, **__: (data["log_probs"], data["entropy"], None),
        aux_loss_enabled=False, top_entropy_quantile=1.0, off_policy_mask_threshold=None,
        importance_sampling_level="token", beta=0.01, args=arguments, loss_type="grpo", epsilon_low=0.2,
        epsilon_high=0.2, use_vllm=False, vllm_importance_sampling_correction=False,
        model=SimpleNamespace(training=True), current_gradient_accumulation_steps=1,
        _entropy_bonus_enabled=False, accelerator=OneProcess(),
        _metrics={"train": defaultdict(list)})
    none = torch.zeros(data["old"].shape[0], 0, dtype=torch.int64)
    inputs = {"prompt_ids": none, "prompt_mask": none, "completion_ids": data["mask"],
              "completion_mask": data["mask"], "advantages": data["advantages"],
              "old_per_token_logps": data["old"], "ref_per_token_logps": data["ref"]}

    compute_loss = inspect.unwrap(GRPOTrainer._compute_loss)  # without TRL's own profiling

    def step():
        trainer._metrics["train"].clear()
        data["log_probs"].grad = None
        loss = compute_loss(trainer, None, inputs)
        loss.backward()
        return loss
    return step


def verl(data):
    config = ActorConfig(strategy="fsdp", rollout_n=1, ppo_micro_batch_size_per_gpu=1, clip_ratio=0.2,
                         clip_ratio_low=0.2, clip_ratio_high=0.2)
    mask = data["mask"].bool()
    advantages = data["advantages"].unsqueeze(1).expand_as(data["old"]).contiguous()
    mode = "seq-mean-token-mean"

    def step():
        data["log_probs"].grad = None
        loss, metrics = core_algos.compute_policy_loss_vanilla(
            data["old"], data["log_probs"], advantages, mask, mode, config)
        entropy = core_algos.agg_loss(data["entropy"], mask, mode)
        kl = core_algos.kl_penalty(data["log_probs"], data["ref"], "low_var_kl")
        kl_loss = core_algos.agg_loss(kl, mask, mode)
        loss = loss + 0.01 * kl_loss
        metrics.update(entropy=entropy.detach().item(), kl=kl_loss.detach().item())
        loss.backward()
        return loss
    return step


def eager(data):
    log_probs, old, ref, entropy = (data[name] for name in ("log_probs", "old", "ref", "entropy"))
    advantages, mask = data["advantages"].unsqueeze(1), data["mask"].float()
    each = 1 / (mask.sum(1, keepdim=True) * len(mask))  # the weight of a token

    def step():
        log_probs.grad = None
        ratio = torch.exp(log_probs - old)
        away = ref - log_probs
        kl = torch.exp(away) - away - 1
        loss = 0.01 * kl - torch.min(ratio * advantages, ratio.clamp(0.8, 1.2) * advantages)
        loss = (loss * mask * each).sum()
        loss.backward()
        with torch.no_grad():
            low = ((ratio < 0.8) & (advantages < 0)).float()
            high = ((ratio > 1.2) & (advantages > 0)).float()
            sums = torch.stack([(of * mask).sum() for of in (ratio, kl, entropy, low, high)])
            (sums / mask.sum()).tolist()
        return loss
    return step


def peer_times(step, seconds):
    """Per call: wall clock and processor time, in seconds."""
    step()
    walls, processors, end = [], [], time.perf_counter() + seconds
    while len(walls) < 3 or time.perf_counter() < end:
        wall, processor = time.perf_counter(), time.process_time()
        step()
        walls.append(time.perf_counter() - wall)
        processors.append(time.process_time() - processor)
    return statistics.median(walls), statistics.median(processors)


def our_times(program, name, seconds):
    found = ours(program, name, seconds)
    return found["real_time"] * 1e-9, found["cpu_time"] * 1e-9


def medians(rounds):
    return tuple(statistics.median(values) for values in zip(*rounds))


def best(times):
    """Of {threads: (wall, processor)}, the least of each."""
    return tuple(min(values) for values in zip(*times.values()))


def compare(program, completions, tokens, rounds, seconds):
    data = batch(completions, tokens)
    peers = {"TRL": trl(data), "verl": verl(data), "eager": eager(data)}
    shape = f"B:{completions}/T:{tokens}"
    our_rounds = {kind: {n: [] for n in THREADS} for kind in ("objective", "objective_loss")}
    theirs = {name: {n: [] for n in THREADS} for name in peers}
    losses = [step().item() for step in peers.values()]
    if max(losses) - min(losses) > 1e-6:
        raise SystemExit(f"objective: the peers do not compute the same: {losses}")
    for _ in range(rounds):
        for threads in THREADS:
            for kind, times in our_rounds.items():
                times[threads].append(our_times(program, f"{kind}/{shape}/threads:{threads}", seconds))
            torch.set_num_threads(threads)
            for name, step in peers.items():
                theirs[name][threads].append(peer_times(step, seconds))
    reduce = lambda all_times: best({n: medians(times) for n, times in all_times.items()})
    return ({kind: reduce(times) for kind, times in our_rounds.items()},
            {name: reduce(times) for name, times in theirs.items()})


def main():
    keep_freed_memory()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ours", default=str(ROOT / "build/bin/visplay_benchmarks"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.3, help="of each measurement in a round")
    options = parser.parse_args()
    print(", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("torch", "trl", "verl")))
    for completions, tokens, plain, autograd in SHAPES:
        own, theirs = compare(options.ours, completions, tokens, options.rounds, options.seconds)
        for kind, wanted in (("objective", plain), ("objective_loss", autograd)):
            for name, (wall, processor) in theirs.items():
                own_wall, own_processor = own[kind]
                print(f"B={completions} T={tokens} {kind:14} ours {own_wall * 1e6:8.1f} us (processor "
                      f"{own_processor * 1e6:8.1f}), {name:5} {wall * 1e6:9.1f} us (processor {processor * 1e6:9.1f}), "
                      f"ratio {wall / own_wall:6.1f} (processor {processor / own_processor:6.1f}), wanted {wanted}",
                      flush=True)
                record(f"{kind}, B={completions} T={tokens}", name, own_wall, wall, wanted=wanted)


if __name__ == "__main__":
    main()
