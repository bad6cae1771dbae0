#!/usr/bin/env python3
"""How far bfloat16 may be off: transformers in bfloat16 against itself in float32 (qwen25vl.md 10.5).

    bfloat16_parity.py                   remakes tests/golden/tiny_{qwen,mimo}/bfloat16.json
    bfloat16_parity.py --check [--programs DIR] [--seed N] [--random N]
                                         live: visplay_generate and visplay_score --dtype bfloat16
                                         (found in DIR, default build/) on both committed checkpoints
                                         and N random shapes. Exit 1 on any excess.

An error is |x - y| / |y| (Frobenius) over all cases of a file, y from transformers in float32. Ours
may be 1.5 times that of transformers in bfloat16 for features, hidden states, logits, log-probs,
entropies and all gradients together; a greedy token may differ where the two best logits of float32
are closer than 0.1.
"""
import argparse
import json
import pathlib
import sys
import tempfile

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import model_parity as parity  # noqa: E402
import tiny_checkpoints as tiny  # noqa: E402

GOLDEN = tiny.GOLDEN
RATIO = 1.5
PROMPT = ("image_features", "hidden", "logits")
SCORE = ("log_probs", "entropy")


def measure(folder, cases_file, dtype):
    """Per case the tensors of PROMPT, SCORE and the greedy ids; and all gradients."""
    reference, base = parity.Reference(folder, dtype), cases_file.parent
    cases = parity.read_cases(cases_file)
    scores, gradients = reference.gradients(cases, base)
    rows = [reference.prompt(case, base) | score for case, score in zip(cases, scores)]
    return rows, gradients


def flat(rows, name):
    return np.concatenate([np.ravel(row[name]).astype(np.float64) for row in rows if name in row])


def error(ours, theirs):
    return float(np.linalg.norm(ours - theirs) / np.linalg.norm(theirs))


def errors(ours, theirs):
    """Error of each quantity; both as measure() returns them."""
    made = {name: error(flat(ours[0], name), flat(theirs[0], name)) for name in PROMPT + SCORE}
    names = sorted(theirs[1])
    made["gradients"] = error(np.concatenate([ours[1][name].ravel() for name in names]),
                              np.concatenate([theirs[1][name].ravel() for name in names]))
    return made


def make():
    for name, shape in tiny.SHAPES.items():
        cases = GOLDEN / f"tiny_{name}" / "cases.jsonl"
        with tempfile.TemporaryDirectory() as folder:
            tiny.write_folder(folder, shape, weights=True)
            made = errors(measure(folder, cases, "bfloat16"), measure(folder, cases, "float32"))
        made = {key: float(f"{value:.4g}") for key, value in made.items()}
        made["versions"] = parity.versions()
        (GOLDEN / f"tiny_{name}" / "bfloat16.json").write_text(json.dumps(made, indent=1) + "\n")
        print(name, made)


def floats(tensors):
    return {name: tensor.float().numpy() for name, tensor in tensors.items()}


def ours(folder, cases_file, programs):
    from safetensors.torch import load_file  # numpy has no bfloat16
    generate, score = (parity.program(programs, f"visplay_{n}") for n in ("generate", "score"))
    if not generate or not score:
        raise SystemExit(f"{programs}: visplay_generate and visplay_score are not built")
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        dump, grads = (pathlib.Path(temporary) / name for name in ("dump", "gradients"))
        lines = parity.run([score, "--model", folder, "--data", cases_file, "--dtype", "bfloat16",
                            "--gradients", grads])
        for case, line in zip(parity.read_cases(cases_file), lines):
            images = [part for path in parity.image_paths(case, cases_file.parent)
                      for part in ("--image", path)]
            system = ["--system=" + case["system"]] if "system" in case else []
            made = parity.run([generate, "--model", folder, *images, "--prompt=" + case["prompt"],
                               *system, "--greedy", "--max-new-tokens", parity.NEW_TOKENS, "--json",
                               "--dtype", "bfloat16", "--dump", dump])
            rows.append(floats(load_file(dump)) | {name: np.array(line[name]) for name in SCORE} |
                        dict(greedy_ids=made[0]["token_ids"]))
        return rows, floats(load_file(grads))


def check_greedy(report, rows, exact):
    for n, (row, truth) in enumerate(zip(rows, exact)):
        for t, (a, b) in enumerate(zip(row["greedy_ids"], truth["greedy_ids"])):
            if a != b:
                report.add("gap at divergence", truth["greedy_gaps"][t], 0.1, f"case {n} token {t}")
                break


def check(title, shape, cases_file, programs):
    report = parity.Report(title)
    with tempfile.TemporaryDirectory() as folder:
        tiny.write_folder(folder, shape, weights=True)
        exact = measure(folder, cases_file, "float32")
        allowed = errors(measure(folder, cases_file, "bfloat16"), exact)
        made = ours(folder, cases_file, programs)
    for name, value in errors(made, exact).items():
        report.add(name, value / allowed[name], RATIO, f"ours {value:.3g}")
    check_greedy(report, made[0], exact[0])
    return report.show()


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--programs", type=pathlib.Path, default=GOLDEN.parent.parent / "build")
    parser.add_argument("--seed", type=int, default=300)
    parser.add_argument("--random", type=int, default=12)
    args = parser.parse_args()
    if not args.check:
        return make()
    failed = 0
    for name, shape in tiny.SHAPES.items():
        failed += check(f"bfloat16 on tiny_{name}", shape,
                        GOLDEN / f"tiny_{name}" / "cases.jsonl", args.programs)
    for seed in range(args.seed, args.seed + args.random):
        with tempfile.TemporaryDirectory() as temporary:
            cases = parity.random_cases(pathlib.Path(temporary), seed)
            failed += check(f"bfloat16 on random shape {seed}", tiny.random_shape(seed), cases,
                            args.programs)
    if failed:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
