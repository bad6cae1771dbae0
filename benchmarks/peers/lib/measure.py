"""What the scripts that compare share: our benchmarks by name, and an allocator that keeps what is freed."""
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


def keep_freed_memory(largest=1 << 28):
    """Freed memory stays with the process: fresh pages for every tensor would be most of the peers' time."""
    settings = {"MALLOC_MMAP_THRESHOLD_": str(largest), "MALLOC_TRIM_THRESHOLD_": str(4 * largest)}
    if any(name not in os.environ for name in settings):
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **settings})
