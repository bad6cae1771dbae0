"""What the scripts that compare share: our benchmarks by name, rows for the report, and an allocator that keeps what
is freed."""
import json
import os
import subprocess
import sys


def ours(program, name, seconds):
    """One benchmark of ours, run for about so long, as Google Benchmark reports it."""
    run = subprocess.run([program, f"--benchmark_filter=^{name}/real_time$", "--benchmark_format=json",
                          f"--benchmark_min_time={seconds}"], check=True, capture_output=True, text=True)
    found = json.loads(run.stdout)["benchmarks"]
    if not found or "real_time" not in found[0]:
        raise SystemExit(f"{program} has no benchmark {name}")
    return found[0]


def record(operation, peer, our_seconds, peer_seconds, ratio=None, wanted=None, note=""):
    """A row of the table of ratios in the report of ./run bench, which says where in its environment.

    The ratio is that of the seconds unless it was measured otherwise, such as round by round.
    """
    if path := os.environ.get("VISPLAY_BENCH_RATIOS"):
        row = {"operation": operation, "peer": peer, "ours": our_seconds, "theirs": peer_seconds,
               "ratio": ratio or peer_seconds / our_seconds, "wanted": wanted, "note": note}
        with open(path, "a") as file:
            file.write(json.dumps(row) + "\n")


def keep_freed_memory(largest=1 << 28):
    """Freed memory stays with the process: fresh pages for every tensor would be most of the peers' time."""
    settings = {"MALLOC_MMAP_THRESHOLD_": str(largest), "MALLOC_TRIM_THRESHOLD_": str(4 * largest)}
    if any(name not in os.environ for name in settings):
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **settings})
