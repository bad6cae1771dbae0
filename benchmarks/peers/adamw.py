"""A step of AdamW with clipping: ours against torch.optim.AdamW(fused=True) with clip_grad_norm_, in turns.

    .deps/oracle/bin/python benchmarks/peers/adamw.py [--millions 300] [--rounds 5]

torch: float32 weights, gradients and moments in tensors of 8 million elements, gradients that stay where they are.
Ours: the same in float32, and bfloat16 weights and gradients with 8-bit moments. All with two threads; medians of wall
clock and of processor time. 300 million elements take 5 GB here and 5 GB in our program, which runs alone in its turn.
"""
import argparse
import gc
import importlib.metadata
import pathlib
import statistics
import time

import torch
from lib.measure import ours, record

ROOT = pathlib.Path(__file__).resolve().parents[2]
TENSOR = 8 << 20
WANTED = {"adamw_float32": 1.2, "adamw_compact": 2.5}


def torch_step(millions):
    left, weights = millions * 1_000_000, []
    while left > 0:
        count = min(left, TENSOR)
        weights.append(torch.rand(count).sub_(0.5).requires_grad_())
        weights[-1].grad = torch.rand(count).sub_(0.5).mul_(1e-3)
        left -= count
    optimizer = torch.optim.AdamW(weights, lr=1e-6, weight_decay=0.01, fused=True)

    def step():
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
    return step


def torch_times(millions, threads, steps):
    """Per step: wall clock and processor time, in seconds."""
    torch.set_num_threads(threads)
    step = torch_step(millions)
    step()
    walls, processors = [], []
    for _ in range(steps):
        wall, processor = time.perf_counter(), time.process_time()
        step()
        walls.append(time.perf_counter() - wall)
        processors.append(time.process_time() - processor)
    del step
    gc.collect()
    return statistics.median(walls), statistics.median(processors)


def our_times(program, name, options):
    found = ours(program, f"{name}/millions:{options.millions}/threads:{options.threads}", options.seconds)
    return found["real_time"] * 1e-3, found["cpu_time"] * 1e-3


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ours", default=str(ROOT / "build/bin/visplay_benchmarks"))
    parser.add_argument("--millions", type=int, default=300, choices=(50, 300))
    parser.add_argument("--threads", type=int, default=2, choices=(1, 2))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=3, help="of torch's in a round")
    parser.add_argument("--seconds", type=float, default=1, help="of ours in a round")
    options = parser.parse_args()
    print(f"torch {importlib.metadata.version('torch')}, {options.millions} million elements, "
          f"{options.threads} threads, load {open('/proc/loadavg').read().split()[0]}")
    our_rounds, theirs = {name: [] for name in WANTED}, []
    for _ in range(options.rounds):
        theirs.append(torch_times(options.millions, options.threads, options.steps))
        for name, times in our_rounds.items():
            times.append(our_times(options.ours, name, options))
    wall = statistics.median(wall for wall, _ in theirs)
    print(f"torch fused float32 + clip_grad_norm_: {wall * 1e3:8.1f} ms")
    for name, times in our_rounds.items():
        own = statistics.median(own for own, _ in times)
        rounds = sorted(their[0] / own_time[0] for their, own_time in zip(theirs, times))
        print(f"{name:14} {own * 1e3:8.1f} ms, ratio {wall / own:5.2f} (rounds {rounds[0]:.2f} to {rounds[-1]:.2f}), "
              f"wanted {WANTED[name]}", flush=True)
        record(f"{name}, {options.millions} M", "torch fused float32 + clip_grad_norm_", own, wall, wanted=WANTED[name],
               note=f"{options.threads} threads")


if __name__ == "__main__":
    main()
