#!/usr/bin/env python3
"""Runs the demo over several seeds, with its controls, and prints the tables of docs/results.md.

    ./run build visplay_selfplay
    python3 examples/visplay_selfplay/experiments.py --runs runs/experiments --seeds 1 2 3 4 5

A run that is already complete in the folder is read, not made again. Intervals are Student's t over
seeds, 95 %. Standard library only.
"""

import argparse
import concurrent.futures
import json
import math
import os
import pathlib
import subprocess

VARIANTS = {
    "robust": [],
    "shuffled labels": ["--control.shuffle_labels"],
    "untrained Questioner": ["--control.untrained_questioner"],
    "paper mode": ["--mode", "paper", "--label.low", "0.25", "--label.high", "0.75",
                   "--label.margin", "off", "--label.balance", "false"],
}
# Two-sided 97.5 % quantiles of Student's t for 1, 2, ... degrees of freedom.
T = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228]
CURVE = [("greedy", "eval/greedy_accuracy"), ("sampled", "eval/sampled_accuracy"),
         ("careful", "eval/careful_share"), ("careful right", "eval/careful_accuracy"),
         ("hallucination", "eval/hallucination_accuracy"),
         ("false premise", "eval/false_premise_accuracy"),
         ("compositional", "eval/compositional_accuracy")]
FAMILIES = [(name.replace("_", " "), "eval/family/" + name) for name in
            ("color", "color_at", "shape", "shape_at", "count", "exists", "where", "relation")]
POOL = [("labels right", "eval/label_accuracy"), ("kept", "label/kept_share"),
        ("confidence", "label/confidence"), ("valid", "label/valid"),
        ("false premise", "eval/false_premise_share"),
        ("ungrammatical", "eval/ungrammatical_share"), ("variety", "eval/question_variety"),
        ("difficulty trained", "eval/difficulty_trained"),
        ("difficulty untrained", "eval/difficulty_untrained")]


def run(binary, folder, seed, flags, iterations):
    checkpoint = folder / "checkpoints" / f"iteration-{iterations:02}" / "MANIFEST.json"
    if checkpoint.exists():
        return
    command = [binary, "--run", str(folder), "--seed", str(seed), "--iterations", str(iterations)]
    if folder.exists():
        command.append("--resume")
    with open(str(folder) + ".log", "w", encoding="utf-8") as log:
        subprocess.run(command + flags, check=True, stdout=log)


def read(folder):
    """{iteration: {metric: value}} of the evaluations and the label phases."""
    rows = {}
    for line in open(folder / "metrics.jsonl", encoding="utf-8"):
        record = json.loads(line)
        if record["phase"] in ("eval", "label"):
            rows.setdefault(record["iteration"], {}).update(record)
    return rows


def mean_and_half_width(values):
    n = len(values)
    mean = sum(values) / n
    if n < 2:
        return mean, math.nan
    spread = math.sqrt(sum((v - mean) ** 2 for v in values) / (n - 1))
    return mean, T[n - 2] * spread / math.sqrt(n)


def cell(values):
    values = [v for v in values if v is not None]
    if not values:
        return "-"
    mean, half = mean_and_half_width([100 * v for v in values])
    return f"{mean:.1f}" + ("" if math.isnan(half) else f" ± {half:.1f}")


def table(runs, columns, iterations, first):
    print("| variant | iteration | " + " | ".join(name for name, _ in columns) + " |")
    print("|---" * (len(columns) + 2) + "|")
    for variant, seeds in runs.items():
        for k in range(first, iterations + 1):
            cells = [cell([rows.get(k, {}).get(key) for rows in seeds]) for _, key in columns]
            print(f"| {variant} ({len(seeds)} seeds) | {k or 'base'} | " + " | ".join(cells) + " |")
    print()


def gains(runs, iterations):
    print("| variant | greedy: last - base | sampled: last - base | greedy: last - best |")
    print("|---|---|---|---|")
    for variant, seeds in runs.items():
        row = []
        for key in ("eval/greedy_accuracy", "eval/sampled_accuracy"):
            row.append(cell([s[iterations][key] - s[0][key] for s in seeds]))
        means = [sum(s[k]["eval/greedy_accuracy"] for s in seeds) / len(seeds)
                 for k in range(1, iterations + 1)]
        row.append(f"{100 * (means[-1] - max(means)):.1f}")
        print(f"| {variant} | " + " | ".join(row) + " |")
    print()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", default="build/bin/visplay_selfplay")
    parser.add_argument("--runs", type=pathlib.Path, default=pathlib.Path("runs/experiments"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    parser.add_argument("--variants", nargs="+", default=list(VARIANTS), choices=list(VARIANTS))
    parser.add_argument("--iterations", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=1, help="runs at a time; give them --threads 1")
    parser.add_argument("flags", nargs="*", help="flags for every run, after --")
    args = parser.parse_args()
    os.makedirs(args.runs, exist_ok=True)

    def complete(variant, seed):
        folder = args.runs / f"{variant.replace(' ', '-').lower()}-{seed}"
        run(args.binary, folder, seed, VARIANTS[variant] + args.flags, args.iterations)
        return folder

    with concurrent.futures.ThreadPoolExecutor(args.jobs) as workers:
        folders = {variant: [workers.submit(complete, variant, seed) for seed in args.seeds]
                   for variant in args.variants}
        runs = {variant: [read(folder.result()) for folder in of]
                for variant, of in folders.items()}
    table(runs, CURVE, args.iterations, 0)
    gains(runs, args.iterations)
    table(runs, POOL, args.iterations, 1)
    table(runs, FAMILIES, args.iterations, 0)


if __name__ == "__main__":
    main()
