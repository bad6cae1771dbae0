"""Grading: AnswerChain against mathruler and math-verify on the same pairs.

    .deps/oracle/bin/python benchmarks/peers/grading.py [--pairs 4096] [--ours PROGRAM]

Ordinary pairs: 45 % options, 30 % integers, the rest drawn from tests/golden/grading.json. The peers
get `--limit` seconds a pair; one that needs more counts with the limit, and how many did is printed.
On the hostile pairs, where a peer may never return, each runs in a process of its own that the kernel
ends at the limit (or at 4 GB). Ours has no limit. All times are of the processor.
Without PROGRAM, benchmarks/grade/grade_lines.cpp is compiled.
"""
import argparse
import json
import os
import pathlib
import random
import resource
import subprocess
import sys
import tempfile
import time

from lib.measure import record

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/golden/make"))
import grading  # noqa: E402  the peers with a time limit

WANTED = {"ordinary": 1000}
HOSTILE = [("9^9^9^9", "x"), ("9**9**9", "9**9**8"), ("x", "9**9**9**9"), ("9^{9^{9^9}}", "1"), ("(x+1)^{95}", "x"),
           ("1000000!", "1"), ("2^{1000}", "2^{999}"), ("\\frac{x^{40}-1}{x^{30}-1}", "x"), ("(" * 500 + "1" + ")" * 500, "1"),
           ("\\sqrt{" * 200 + "2" + "}" * 200, "2"), ("1+" * 1500 + "1", "1501"), ("\\frac{" * 300, "x"), ("-" * 4000 + "1", "1"),
           ("(x+y+z+a+b+c)^{40}", "x"), ("\\sin(" * 30 + "x" + ")" * 30, "x"), ("x^{x^{x^{x^x}}}", "x"), ("9" * 4000, "9" * 3999),
           ("\\binom{10^9}{10^8}", "1"), ("1e999999999", "1"), ("½" * 2000, "1")]


def mixed(n):
    draw = random.Random(1)
    known = json.loads((ROOT / "tests/golden/grading.json").read_text())["pairs"]
    others = [(p[1], p[2]) for p in known if p[0] not in ("choices", "integers") and "\t" not in p[1] + p[2]]
    pairs = []
    for i in range(n):
        if i % 20 < 9:
            a = draw.choice("ABCD")
            pairs.append((a, a if draw.random() < 0.5 else draw.choice("ABCD")))
        elif i % 20 < 15:
            a = str(draw.randrange(100))
            pairs.append((a, a if draw.random() < 0.5 else str(draw.randrange(100))))
        else:
            pairs.append(draw.choice(others))
    return pairs


def ours(program, pairs):
    lines = "".join(f"{a}\t{b}\n" for a, b in pairs)
    out = subprocess.run([program], input=lines, capture_output=True, text=True, check=True).stdout.split("\n")
    nanoseconds, slowest = map(float, out[len(pairs)].split())
    return out[: len(pairs)], nanoseconds, slowest


def isolated(grade, pairs, limit):
    """Each pair in a process of its own: a power of big numbers hears no signal until it is done."""
    verdicts, seconds = [], []
    for a, b in pairs:
        child = os.fork()
        if child == 0:
            resource.setrlimit(resource.RLIMIT_CPU, (limit, limit))
            resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
            grading.LIMIT = 10 * limit  # the kernel's limit comes first
            os._exit(ord(grade(a, b)))
        _, status, used = os.wait4(child, 0)
        ended = os.WIFEXITED(status)
        verdicts.append(chr(os.WEXITSTATUS(status)) if ended else "t")
        seconds.append(used.ru_utime + used.ru_stime if ended else limit)
    return verdicts, sum(seconds) / len(pairs), max(seconds), verdicts.count("t")


def peer(grade, pairs, limit):
    grading.LIMIT = limit
    verdicts, slowest, late = [], 0, 0
    start = time.process_time()
    for a, b in pairs:
        before = time.process_time()
        verdicts.append(grade(a, b))
        taken = time.process_time() - before
        slowest = max(slowest, taken)
        late += taken >= limit  # mathruler catches the limit's exception and says "different"
    return verdicts, (time.process_time() - start) / len(pairs), slowest, late


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--pairs", type=int, default=4096)
    options.add_argument("--limit", type=int, default=2)
    options.add_argument("--ours")
    options = options.parse_args()
    program = options.ours
    if not program:
        program = str(pathlib.Path(tempfile.mkdtemp()) / "grade_lines")
        subprocess.run(["g++", "-std=c++20", "-O3", "-DNDEBUG", "-march=native", "-DVISPLAY_HEADER_ONLY", "-DFMT_HEADER_ONLY",
                        f"-I{ROOT}/include", str(ROOT / "benchmarks/grade/grade_lines.cpp"), "-o", program], check=True)
    graders = dict(zip(("mathruler", "math-verify"), grading.peers()))
    for name, pairs in (("ordinary", mixed(options.pairs)), ("hostile", HOSTILE)):
        if not pairs:
            continue
        verdicts, nanoseconds, slowest = ours(program, pairs)
        print(f"{name}: {len(pairs)} pairs; visplay {nanoseconds:.0f} ns a pair, slowest {slowest:.1f} us", flush=True)
        for peer_name, grade in graders.items():
            said, seconds, longest, late = (peer if name == "ordinary" else isolated)(grade, pairs, options.limit)
            agree = sum(v[0] == s for v, s in zip(verdicts, said))
            print(f"  {peer_name}: {seconds * 1e6:.0f} us a pair, slowest {longest:.2f} s, {late} over {options.limit} s; "
                  f"ratio {seconds * 1e9 / nanoseconds:.0f}; same verdict {agree} of {len(pairs)}", flush=True)
            record(f"grading, {name}, a pair", peer_name, nanoseconds * 1e-9, seconds, wanted=WANTED.get(name),
                   note=f"processor time, same verdict {agree} of {len(pairs)}, {late} cut at {options.limit} s")


if __name__ == "__main__":
    main()
