"""Runs the benchmarks; prints shares of the roofs and ratios, and writes them as JSON and as a page.

    ./run bench                          ours, then every peer in turns with ours
    ./run bench [ours] [FILTER]          ours, those whose name FILTER (a regular expression) is found in
    ./run bench peers [NAME...]          benchmarks/peers/NAME.py
    ./run bench ... --compare OLD.json   and name what became slower than in OLD.json: exit code 1 if anything did
    ./run bench --compare OLD.json NEW.json      runs nothing

Everything goes to runs/bench/<time>.json and .html.
"""
import argparse
import json
import os
import pathlib
import platform
import subprocess
import sys
import tempfile
import time

from page import page
import quantities
from comparison import compare
from measurements import Report, Roofs, run

ROOT = pathlib.Path(__file__).resolve().parents[2]
PEERS = ROOT / "benchmarks/peers"


def arguments():
    parser = argparse.ArgumentParser(prog="./run bench", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*")
    parser.add_argument("--compare", nargs="+", metavar="REPORT.json")
    parser.add_argument("--rounds", type=int, help="of ours (5), and of peers that go by rounds (their own default)")
    parser.add_argument("--seconds", type=float, default=0.3, help="of each of our benchmarks in a round")
    parser.add_argument("--programs", type=pathlib.Path, default=ROOT / "build/bin")
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "runs/bench")
    options = parser.parse_args()
    if options.compare and len(options.compare) > 2:
        parser.error("--compare takes one report, or two and then runs nothing")
    return options


def machine():
    """What the figures belong to."""
    processor = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")),
                     platform.machine())
    git = subprocess.run(["git", "-C", ROOT, "describe", "--always", "--dirty"], capture_output=True, text=True)
    return {"processor": processor, "cores": len(os.sched_getaffinity(0)), "commit": git.stdout.strip(),
            "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()), "load": os.getloadavg()[0]}


def run_peers(names, rounds):
    """Their rows of ratios, and the names of those that failed. Rounds go to those that know them."""
    python = ROOT / ".deps/oracle/bin/python"
    ratios, failed = [], []
    for name in names or sorted(path.stem for path in PEERS.glob("*.py")):
        name = name.removesuffix(".py")
        print(f"\n{name}", flush=True)
        with tempfile.NamedTemporaryFile("r") as file:
            environment = {**os.environ, "VISPLAY_BENCH_RATIOS": file.name}
            script = PEERS / f"{name}.py"
            takes_rounds = rounds and script.exists() and '"--rounds"' in script.read_text()
            done = subprocess.run([python, script, *(["--rounds", str(rounds)] if takes_rounds else [])], env=environment)
            ratios += [json.loads(line) for line in file]
        if done.returncode:
            failed.append(name)
    return ratios, failed


def print_operations(report):
    roofs = Roofs(report.operations)
    width = max(len(one.name) for one in report.operations)
    print(f"\n{'operation':{width}} {'median':>9} {'rate':>14} {'share of roof':>15}  against float64")
    for one in report.operations:
        if one.skipped:
            print(f"{one.name:{width}} {one.skipped}")
            continue
        kind, share = roofs.bound(one)[1], roofs.share(one)
        share = f"{share:.2f} of {kind}" if share else ""
        print(f"{one.name:{width}} {quantities.seconds(one.median):>9} {quantities.operation_rate(one, kind):>14} "
              f"{share:>15}  {quantities.error(one)}")


def print_ratios(rows):
    print(f"\n{'operation':44} {'peer':38} {'ours':>9} {'peer':>9} {'ratio':>7} {'wanted':>7}")
    for row in rows:
        missed = "NOT REACHED " if quantities.reached(row) == "no" else ""
        print(f"{row['operation']:44} {row['peer']:38} {quantities.seconds(row['ours']):>9} "
              f"{quantities.seconds(row['theirs']):>9} {quantities.ratio(row['ratio']):>7} "
              f"{quantities.ratio(row['wanted']):>7}  {missed}{row['note']}")


def main():
    options = arguments()
    old = Report.read(options.compare[0]) if options.compare else None
    if options.compare and len(options.compare) == 2:
        return 1 if compare(old, Report.read(options.compare[1])) else 0
    what = options.what[0] if options.what else ""
    report, failed = Report(machine(), [], []), []
    if what != "peers":
        pattern = (options.what[1:] if what == "ours" else options.what) or [""]
        program = str(options.programs / "visplay_benchmarks")
        report.operations = run(program, pattern[0], options.rounds or 5, options.seconds)
    if what in ("", "peers"):
        report.ratios, failed = run_peers(options.what[1:], options.rounds)
    if report.operations:
        print_operations(report)
    if report.ratios:
        print_ratios(report.ratios)

    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / time.strftime("%Y-%m-%d_%H%M%S.json", time.gmtime())
    report.write(path)
    path.with_suffix(".html").write_text(page(report))
    print(f"\n{path}\n{path.with_suffix('.html')}")
    failed += [f"{one.name}: {quantities.error(one)}" for one in report.operations if not one.accurate]
    for name in failed:
        print(f"failed: {name}", file=sys.stderr)
    slower = compare(old, report) if old else 0
    return 1 if failed or slower else 0


if __name__ == "__main__":
    sys.exit(main())
