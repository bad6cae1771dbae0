"""Golden values of the advantage estimators, computed by the peers' own functions.

    .deps/oracle/bin/python tests/golden/make/advantages.py           writes tests/golden/advantages.json
    .deps/oracle/bin/python tests/golden/make/advantages.py --check   runs them again and compares

verl's functions of core_algos and TRL's two trainers (their step is driven on a stand-in that has rewards
and no model) come from the oracle's packages. BNPO's function and SPIRAL's moving average are run from a
checkout of the authors' repositories, if one is given:

    --bnpo DIR    git directory of changyi7231/BNPO
    --spiral DIR  git directory of spiral-rl/spiral

Without them their recorded values are kept, and --check says that it did not compare them.
"""
import argparse
import ast
import collections
import importlib.metadata
import importlib.util
import json
import pathlib
import random
import subprocess
import sys
import types
import unittest.mock

# TRL's trainers import wandb where it is installed; its own dependencies need not be.
if importlib.util.find_spec("wandb") and not importlib.util.find_spec("platformdirs"):
    sys.modules["wandb"] = types.ModuleType("wandb")
    sys.modules["wandb"].__spec__ = importlib.util.spec_from_loader("wandb", None)

import numpy
import torch
from trl.trainer.grpo_trainer import GRPOTrainer
from trl.trainer.rloo_trainer import RLOOTrainer
from verl.trainer.ppo import core_algos

torch.set_default_dtype(torch.float64)  # peers' rounding is not what is compared
SEED = 20251122
OUT = pathlib.Path(__file__).resolve().parent.parent / "advantages.json"
GAMMA = 0.9
WEIGHTS = [1.0, 0.5, -0.25]
LENGTHS = 6
KINDS = ["binary", "tenths", "ties", "tiny_sigma", "large", "negative", "huge"]


def float32(values):
    return [float(numpy.float32(v)) for v in values]


def reward(draw, kind, of_group):
    return {
        "binary": lambda: float(draw.random() < 0.4),
        "tenths": lambda: draw.randrange(11) / 10,
        "ties": lambda: of_group if draw.random() < 0.7 else 0.5,
        "tiny_sigma": lambda: 0.5 + 1e-5 * draw.randrange(3),
        "large": lambda: 1000 * draw.random(),
        "negative": lambda: -draw.random(),
        "huge": lambda: 1e20 * (draw.random() - 0.5),
    }[kind]()


def ragged(draw, kind):
    """A batch of groups of 1 to 9 completions with 1 to 6 tokens."""
    sizes = [draw.randrange(1, 10) for _ in range(5)] + [1]
    draw.shuffle(sizes)
    rewards = []
    for size in sizes:
        of_group = draw.choice([0.0, 0.1, 0.3, 1.0])
        rewards += [reward(draw, kind, of_group) for _ in range(size)]
    lengths = [draw.randrange(1, LENGTHS + 1) for _ in rewards]
    tokens = sum(lengths)
    return {
        "kind": kind, "sizes": sizes, "rewards": float32(rewards), "lengths": lengths,
        "greedy": float32(reward(draw, kind, 0.3) for _ in sizes),
        "columns": [float32(rewards), float32(draw.randrange(5) / 4 for _ in rewards),
                    float32(10 * draw.random() for _ in rewards)],
        "keys": [draw.randrange(3) for _ in rewards],
        "token_rewards": float32(draw.gauss(0, 1) for _ in range(tokens)),
        "log_probs": float32(-draw.expovariate(1) for _ in range(tokens)),
        "sum_p_squared": float32(draw.random() for _ in range(tokens)),
        "rollout_weights": float32(2 * draw.random() for _ in range(tokens)),
    }


def padded(values, lengths):
    rows, at = torch.zeros(len(lengths), LENGTHS, dtype=torch.float64), 0
    for row, length in zip(rows, lengths):
        row[:length] = torch.tensor(values[at:at + length], dtype=torch.float64)
        at += length
    return rows


def packed(rows, lengths):
    return [float(v) for row, length in zip(rows, lengths) for v in row[:length]]


class DoubleTorch:
    """torch, but float32 names double, and tensors of float32 arrays are double."""
    float32 = torch.float64

    @staticmethod
    def tensor(data, **more):
        return torch.tensor(data, **more).double()

    def __getattr__(self, name):
        return getattr(torch, name)


class Verl:
    """Calls verl's functions in double on one ragged batch."""

    def __init__(self, batch):
        self.batch = batch
        lengths = batch["lengths"]
        self.mask = padded([1.0] * sum(lengths), lengths)
        self.index = numpy.array([g for g, size in enumerate(batch["sizes"]) for _ in range(size)])

    def at_last_token(self, scores):
        rows = torch.zeros_like(self.mask)
        for row, length, score in zip(rows, self.batch["lengths"], scores):
            row[length - 1] = score
        return rows

    def of_completions(self, function, **more):
        scores = self.at_last_token(self.batch["rewards"])
        result, _ = function(token_level_rewards=scores, response_mask=self.mask, index=self.index, **more)
        return [float(v) for v in result[:, 0]]

    def of_tokens(self, function, **more):
        rows = padded(self.batch["token_rewards"], self.batch["lengths"])
        result, _ = function(token_level_rewards=rows, response_mask=self.mask, index=self.index, **more)
        return packed(result, self.batch["lengths"])

    def leave_best(self, divide):
        """verl refuses groups of one: they are left out and recorded as 0."""
        config = {"norm_adv_by_std_in_grpo": divide}
        sizes = self.batch["sizes"]
        many = [i for i, g in enumerate(self.index) if sizes[g] > 1]
        found, _ = core_algos.compute_grpo_passk_outcome_advantage(
            self.at_last_token(self.batch["rewards"])[many], self.mask[many], self.index[many], config=config)
        result = [0.0] * len(self.index)
        for i, row in zip(many, found):
            result[i] = float(row[0])
        return result

    def decoupled(self):
        """verl places its components by the attention mask, and in float32: here in double."""
        config = {"gdpo_reward_keys": ["0", "1", "2"], "gdpo_reward_weights": WEIGHTS}
        columns = {str(k): numpy.array(c) for k, c in enumerate(self.batch["columns"])}
        prompts = torch.zeros(len(self.index), 1)
        data = {"prompts": prompts, "attention_mask": torch.cat([prompts + 1, self.mask], 1).long()}
        with unittest.mock.patch.object(core_algos, "torch", DoubleTorch()):
            return self.of_completions(core_algos.compute_gdpo_outcome_advantage, config=config,
                                       non_tensor_batch=columns, batch=data)

    def task_relative(self):
        """As Absolute Zero calls it: REINFORCE++ for the completions of each key by themselves."""
        config = types.SimpleNamespace(gamma=1.0)
        keys, result = torch.tensor(self.batch["keys"]), torch.zeros(len(self.index), dtype=torch.float64)
        for key in set(self.batch["keys"]):
            chosen = keys == key
            if self.mask[chosen].sum() < 2:
                continue
            found, _ = core_algos.compute_reinforce_plus_plus_outcome_advantage(
                self.at_last_token(self.batch["rewards"])[chosen], self.mask[chosen], config=config)
            result[chosen] = found[:, 0]
        return [float(v) for v in result]

    def all(self):
        b, c = self.batch, core_algos
        otb = {"old_log_probs": padded(b["log_probs"], b["lengths"]),
               "sum_pi_squared": padded(b["sum_p_squared"], b["lengths"])}
        rho = padded(b["rollout_weights"], b["lengths"])
        greedy = torch.tensor(b["greedy"], dtype=torch.float64)[torch.from_numpy(self.index)]
        return {
            "grpo": self.of_completions(c.compute_grpo_outcome_advantage),
            "dr_grpo": self.of_completions(c.compute_grpo_outcome_advantage, norm_adv_by_std_in_grpo=False),
            "rloo": self.of_completions(c.compute_rloo_outcome_advantage),
            "rloo_vectorized": self.of_completions(c.compute_rloo_vectorized_outcome_advantage),
            "opo": self.of_completions(c.compute_opo_outcome_advantage),
            "gpg": self.of_completions(c.compute_gpg_outcome_advantage, f_norm=2.0),
            "reinforce_plus_plus_baseline":
                self.of_completions(c.compute_reinforce_plus_plus_baseline_outcome_advantage),
            "remax": self.of_completions(c.compute_remax_outcome_advantage, reward_baselines=greedy),
            "grpo_passk": self.leave_best(True),
            "grpo_passk_unscaled": self.leave_best(False),
            "gdpo": self.decoupled(),
            "task_relative": self.task_relative(),
            "reinforce_plus_plus": self.of_tokens(c.compute_reinforce_plus_plus_outcome_advantage,
                                                  config=types.SimpleNamespace(gamma=GAMMA)),
            "optimal_token_baseline": self.of_tokens(c.compute_optimal_token_baseline_advantage, **otb),
            "optimal_token_baseline_full_tail":
                self.of_tokens(c.compute_optimal_token_baseline_advantage, handle_zero_tail=False, **otb),
            "optimal_token_baseline_rollout": self.of_tokens(c.compute_optimal_token_baseline_advantage,
                                                             rollout_is_weights=rho, **otb),
            "tir_optimal_token_baseline":
                self.of_tokens(c.compute_multi_turn_optimal_token_baseline_advantage, **otb),
        }


class StandIn(types.SimpleNamespace):
    """What TRL's trainers read on their way from rewards to advantages; everything else is off."""

    def __init__(self, columns, group_size, **settings):
        off = dict.fromkeys(
            ["environment_factories", "environments", "tools", "pad_to_multiple_of", "use_vllm",
             "mask_truncated_completions", "log_multimodal", "reward_clip_range", "ref_model",
             "vllm_importance_sampling_correction", "log_completions", "chat_template_kwargs"])
        logs = collections.defaultdict(list, rewards=collections.defaultdict(list),
                                       extra=collections.defaultdict(list))
        names = [str(k) for k in range(columns.shape[1])]
        super().__init__(**{
            **off,
            "accelerator": types.SimpleNamespace(device=torch.device("cpu"), gather=lambda x: x,
                                                 process_index=0, num_processes=1),
            "model": types.SimpleNamespace(training=True, is_gradient_checkpointing=False),
            "beta": 0.0,
            "_tokenizer": types.SimpleNamespace(pad_token_id=0), "eos_token_ids": [1], "eos_token_id": 1,
            "pad_token_id": 0,
            "args": types.SimpleNamespace(per_device_train_batch_size=len(columns), steps_per_generation=1,
                                          gradient_accumulation_steps=1,
                                          gradient_checkpointing_kwargs=None),
            "num_iterations": 1, "num_generations": group_size, "num_generations_eval": group_size,
            "reward_weights": torch.ones(columns.shape[1], dtype=torch.float64),
            "reward_funcs": names, "reward_func_names": names,
            "_metrics": {"train": collections.defaultdict(list)}, "_logs": logs,
            "_pending_extra_logs": {}, "_pending_metrics": {},
            "state": types.SimpleNamespace(num_input_tokens_seen=0, global_step=0),
            "multi_objective_aggregation": "sum_then_normalize", "columns": columns, **settings})

    def _generate(self, prompts):
        ids, texts = [[1, 1] for _ in prompts], ["" for _ in prompts]
        if self.trainer is RLOOTrainer:
            return ids, ids, texts
        return ids, ids, None, texts, None, {}, None, None

    def _calculate_rewards(self, *_):
        return self.columns

    def _get_per_token_logps_and_entropies(self, *_, **__):
        return torch.zeros(len(self.columns), 2), None, None


def trl(trainer, columns, group_size, **settings):
    """The advantages that a trainer's own step finds for rewards [completions, columns]."""
    stand_in = StandIn(columns, group_size, trainer=trainer, **settings)
    inputs = [{"prompt": str(i)} for i in range(len(columns))]
    return [float(v) for v in trainer._generate_and_score_completions(stand_in, inputs)["advantages"]]


def trl_batch(draw, kind, unscored):
    group_size, groups = draw.choice([2, 4, 8]), 5
    rewards = [reward(draw, kind, of_group) for _ in range(groups)
               for of_group in [draw.choice([0.1, 1.0])] for _ in range(group_size)]
    columns = [float32(rewards), float32(draw.randrange(5) / 4 for _ in rewards)]
    if unscored:
        for i in range(len(rewards)):
            alone = kind in ["tenths", "ties", "negative"] and i < group_size - 1  # keeps one of the first
            if alone or draw.random() < 0.3:
                columns[0][i] = float("nan")
    table = torch.tensor(columns, dtype=torch.float64).T
    first = table[:, :1]
    expected = {scale: trl(GRPOTrainer, first, group_size, scale_rewards=scale)
                for scale in ["group", "batch", "none"]}
    expected["rloo"] = trl(RLOOTrainer, first, group_size, normalize_advantages=False)
    expected["rloo_normalized"] = trl(RLOOTrainer, first, group_size, normalize_advantages=True)
    if not unscored:
        expected["normalize_then_sum"] = trl(GRPOTrainer, table, group_size, scale_rewards="group",
                                             multi_objective_aggregation="normalize_then_sum",
                                             reward_weights=torch.tensor([1.0, -0.5], dtype=torch.float64))
    as_json = [[None if v != v else v for v in column] for column in columns]
    return {"kind": kind, "group_size": group_size, "columns": as_json, "expected": expected}


def from_checkout(folder, path, names, scope):
    """The named definitions of a file in a git directory, executed by themselves; None without one."""
    if not folder:
        return None
    source = subprocess.run(["git", f"--git-dir={folder}", "show", f"HEAD:{path}"], check=True,
                            capture_output=True, text=True).stdout
    wanted = [node for node in ast.parse(source).body if getattr(node, "name", "") in names]
    exec(compile(ast.Module(wanted, []), path, "exec"), scope)  # a checkout that the caller named
    return [scope[name] for name in names]


def bnpo_cases(draw, folder):
    found = from_checkout(folder, "recipe/bnpo/src/bnpo_ray_trainer.py", ["compute_bnpo_outcome_advantage"],
                          {"torch": torch, "defaultdict": collections.defaultdict})
    cases = []
    for spread in [(0, 2), (-1, 1), (0, 1), (0, 1), (0, 1)]:
        sizes = [draw.randrange(1, 9) for _ in range(6)]
        shares = [draw.random() for _ in sizes]
        rewards = [spread[1] if draw.random() < share else spread[0]
                   for size, share in zip(sizes, shares) for _ in range(size)]
        if spread == (0, 2):
            rewards = [r * draw.randrange(5) / 4 for r in rewards]
        case = {"sizes": sizes, "low": spread[0], "high": spread[1], "rewards": float32(rewards)}
        if found:
            index = [g for g, size in enumerate(sizes) for _ in range(size)]
            scores = torch.tensor(case["rewards"], dtype=torch.float64)[:, None]
            result, _ = found[0](scores, torch.ones_like(scores), index, *spread)
            case["expected"] = [float(v) for v in result[:, 0]]
        cases.append(case)
    return cases


def spiral_cases(draw, folder):
    found = from_checkout(folder, "spiral/utils.py", ["EMA"], {})
    rewards = float32(draw.choice([-1.0, 0.0, 1.0, 0.3]) for _ in range(60))
    roles = [draw.randrange(2) for _ in rewards]
    case = {"decay": 0.95, "rewards": rewards, "roles": roles}
    if found:
        averages = [found[0](case["decay"]) for _ in range(2)]
        case["before_update"] = []
        for r, role in zip(rewards, roles):  # read, then update: train_spiral.py
            case["before_update"].append(r - averages[role].get())
            averages[role].update(r)
        case["state"] = [average.get() for average in averages]
    return [case]


def rounded(value):
    """Nine digits: enough to find a float32 again."""
    if isinstance(value, float):
        return float(f"{value:.9g}")
    if isinstance(value, list):
        return [rounded(v) for v in value]
    return {k: rounded(v) for k, v in value.items()} if isinstance(value, dict) else value


def made(arguments):
    draw = random.Random(SEED)
    batches = [ragged(draw, kind) for kind in KINDS for _ in range(2)]
    for batch in batches:
        batch["expected"] = Verl(batch).all()
    return {
        "made_by": {"script": "tests/golden/make/advantages.py", "seed": SEED,
                    **{name: importlib.metadata.version(name) for name in ["verl", "trl", "torch", "numpy"]},
                    "BNPO": "changyi7231/BNPO a9c51b98", "SPIRAL": "spiral-rl/spiral a02d0ed8"},
        "gamma": GAMMA, "weights": WEIGHTS, "verl": rounded(batches),
        "trl": [rounded(trl_batch(draw, kind, unscored)) for unscored in [False, True] for kind in KINDS],
        "bnpo": rounded(bnpo_cases(random.Random(SEED + 1), arguments.bnpo)),
        "spiral": rounded(spiral_cases(random.Random(SEED + 2), arguments.spiral)),
    }


def keep_recorded(content, recorded):
    """Fills in what no checkout was there for. Returns the names of these parts."""
    kept = [part for part, key in [("bnpo", "expected"), ("spiral", "state")] if key not in content[part][0]]
    for part in kept:
        content[part] = recorded[part]
    return kept


def differences(live, recorded, path=""):
    """Paths where the two differ by more than rounding; versions are not compared."""
    if isinstance(live, dict) and isinstance(recorded, dict) and live.keys() == recorded.keys():
        return [d for k in live if k != "made_by" for d in differences(live[k], recorded[k], f"{path}/{k}")]
    if isinstance(live, list) and isinstance(recorded, list) and len(live) == len(recorded):
        return [d for i, (a, b) in enumerate(zip(live, recorded)) for d in differences(a, b, f"{path}/{i}")]
    if isinstance(live, float) and isinstance(recorded, (int, float)):
        return [] if abs(live - recorded) <= 1e-7 * max(1, abs(live)) else [f"{path}: {recorded} is now {live}"]
    return [] if live == recorded else [f"{path}: {recorded} is now {live}"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--bnpo")
    parser.add_argument("--spiral")
    arguments = parser.parse_args()
    content = made(arguments)
    recorded = json.loads(OUT.read_text()) if OUT.exists() else None
    kept = keep_recorded(content, recorded) if recorded else []
    if arguments.check:
        found = differences(content, recorded)
        print("\n".join(found[:20]) or "advantages: as recorded" +
              (f"; no checkout, not compared: {', '.join(kept)}" if kept else ""))
        return 1 if found else 0
    text = json.dumps(content)
    OUT.write_text(text.replace('}, {', '},\n {').replace('], "', '],\n  "') + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
