"""Log-prob and entropy from bfloat16 logits, forward and backward: ours against TRL's functions, in turns.

    .deps/oracle/bin/python benchmarks/peers/log_probs.py [--rows 512] [--rounds 5]

TRL: selective_log_softmax and entropy_from_logits of trl.trainer.utils and autograd, the loss being a weighted sum of
both, as GRPO with an entropy bonus has it. Ours overwrites the logits by their gradient. Checked first on a few rows:
TRL's results against float64.
"""
import argparse
import importlib.metadata
import pathlib
import statistics
import sys
import time

sys.modules["wandb"] = None  # nothing here logs, and importing it takes packages of its own

import torch
from lib.measure import keep_freed_memory, ours, record
from trl.trainer.utils import entropy_from_logits, selective_log_softmax

ROOT = pathlib.Path(__file__).resolve().parents[2]
VOCABULARY = 151936
WANTED = 5


def trl_step(rows, entropy_has_gradient):
    draw = torch.Generator().manual_seed(1)
    logits = torch.randn(1, rows, VOCABULARY, generator=draw, dtype=torch.bfloat16).mul_(2).requires_grad_()
    targets = torch.randint(VOCABULARY, (1, rows), generator=draw)

    def step(backward=True):
        logits.grad = None
        with torch.set_grad_enabled(backward):
            log_probs = selective_log_softmax(logits, targets)
            with torch.set_grad_enabled(backward and entropy_has_gradient):
                entropy = entropy_from_logits(logits)
            if backward:
                loss = 1e-3 * log_probs.sum()
                (loss + 1e-4 * entropy.sum() if entropy_has_gradient else loss).backward()
        return log_probs, entropy
    return step, logits, targets


def check(rows):
    step, logits, targets = trl_step(rows, True)
    log_probs, entropy = step(False)
    exact = torch.log_softmax(logits.detach().double(), -1)
    print(f"TRL's own error against float64: log-prob "
          f"{(log_probs - exact.gather(-1, targets.unsqueeze(-1)).squeeze(-1)).abs().max():.1e}, entropy "
          f"{(entropy + (exact.exp() * exact).sum(-1)).abs().max():.1e}")


def timed(step, *arguments):
    wall = time.perf_counter()
    step(*arguments)
    return time.perf_counter() - wall


def main():
    keep_freed_memory(1 << 32)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ours", default=str(ROOT / "build/bin/visplay_benchmarks"))
    parser.add_argument("--rows", type=int, default=512, choices=(512, 2048))
    parser.add_argument("--threads", type=int, default=2, choices=(1, 2))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.5, help="of ours in a round")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(f"torch {torch.__version__}, TRL {importlib.metadata.version('trl')}, N={options.rows} V={VOCABULARY} bf16, "
          f"{options.threads} threads, load {open('/proc/loadavg').read().split()[0]}")
    check(4)
    peers = {"TRL, entropy with gradient": trl_step(options.rows, True)[0],
             "TRL, entropy as a metric": trl_step(options.rows, False)[0]}
    shape = f"N:{options.rows}/V:{VOCABULARY}/bfloat16:1/threads:{options.threads}"
    times = {name: [] for name in [*peers, "TRL forward", "ours", "ours forward"]}
    shares, seconds = [], options.seconds
    for turn in range(options.rounds + 1):  # the first warms up
        for name, step in peers.items():
            times[name].append(timed(step))
        times["TRL forward"].append(timed(peers["TRL, entropy as a metric"], False))
        forward = ours(options.ours, f"log_probs_forward/{shape}", seconds)
        times["ours forward"].append(forward["real_time"] * 1e-3)
        times["ours"].append(ours(options.ours, f"log_probs_both/{shape}", seconds)["real_time"] * 1e-3)
        roof = ours(options.ours, f"read_bandwidth/threads:{options.threads}", seconds)
        shares.append(forward["read"] / roof["read"])
    median = {name: statistics.median(values[1:]) for name, values in times.items()}
    for name, value in median.items():
        print(f"{name:28} {value * 1e3:9.1f} ms")
    for name in peers:
        print(f"forward + backward, against {name}: ratio {median[name] / median['ours']:.2f}, wanted {WANTED}")
        record(f"log_probs forward + backward, N={options.rows}", name, median["ours"], median[name], wanted=WANTED)
    print(f"forward, against TRL: ratio {median['TRL forward'] / median['ours forward']:.2f}; share of the read "
          f"bandwidth measured beside it {statistics.median(shares[1:]):.2f}, wanted 0.8", flush=True)
    record(f"log_probs forward, N={options.rows}", "TRL", median["ours forward"], median["TRL forward"],
           note=f"{statistics.median(shares[1:]):.2f} of the read bandwidth")


if __name__ == "__main__":
    main()
