"""What a run measured: operations with their times, the roofs of the machine, and the share that each operation
reaches of its roof."""
import json
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass, field

LEVELS = ("portable", "avx2", "avx512", "avx512_bf16", "amx")  # SimdLevel of core/simd_level.hpp
FLOAT32_LEVELS = LEVELS[:3]
ROOFS = ("read_bandwidth", "update_bandwidth", "peak")  # benchmarks/kernels/roofs_benchmark.cpp
SECONDS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1}


@dataclass
class Operation:
    name: str
    seconds: list = field(default_factory=list)  # of each round
    flop: float = 0  # of one iteration, as the bytes
    read: float = 0
    written: float = 0
    error: float = 0  # against float64, of the worst round
    error_bound: float = 0  # 0: not compared
    skipped: str = ""  # why

    @property
    def family(self):
        return self.name.split("/")[0]

    @property
    def median(self):
        return statistics.median(self.seconds)

    @property
    def accurate(self):
        return not self.error_bound or self.error <= self.error_bound

    def argument(self, name):
        found = re.search(rf"/{name}:(\d+)", self.name)
        return int(found[1]) if found else None

    @property
    def threads(self):
        return self.argument("threads") or 1

    @property
    def level(self):
        """The name of the level that its arguments fix, if they do."""
        level = self.argument("level")
        return None if level is None else LEVELS[level]

    def add(self, row):
        """A row as Google Benchmark writes it; its rates are by the time that the benchmark asked for."""
        if row.get("error_occurred"):
            self.skipped = row["error_message"]
            return
        time = row["real_time" if row["name"].endswith("/real_time") else "cpu_time"] * SECONDS[row["time_unit"]]
        self.seconds.append(time)
        self.flop, self.read, self.written = (row.get(rate, 0) * time for rate in ("FLOP", "read", "written"))
        self.error_bound = row.get("error_bound", 0)
        if self.accurate:  # else it stays as it is
            self.error = max(self.error, row.get("error", 0), key=lambda error: (error != error, error))


def rows(program, pattern, seconds):
    """Of Google Benchmark; its own lines go to stderr, to be watched."""
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / "rows.json"
        subprocess.run([program, f"--benchmark_filter={pattern}", f"--benchmark_min_time={seconds}",
                        f"--benchmark_out={out}", "--benchmark_out_format=json"], check=True, stdout=sys.stderr)
        text = out.read_text()
        return json.loads(text)["benchmarks"] if text.strip() else []


def run(program, pattern, rounds, seconds):
    """Rounds over the roofs and what matches `pattern` (all if empty), so that a drift shows in every spread."""
    roofs = "^(" + "|".join(ROOFS) + ")/"
    operations = {}
    for _ in range(rounds):
        found = rows(program, roofs, seconds)
        others = [row for row in rows(program, pattern or "-" + roofs, seconds) if not re.match(roofs, row["name"])]
        if not others and not re.match(roofs, pattern + "/"):
            raise SystemExit(f"no benchmark matches {pattern}")
        for row in found + others:
            name = row["name"].removesuffix("/real_time")
            operations.setdefault(name, Operation(name)).add(row)
    return list(operations.values())


class Roofs:
    """The best rates that were seen: what disturbs a machine only lowers them."""

    def __init__(self, operations):
        self.bandwidth, self.peak = {}, {}  # (kind, threads) -> bytes/s; (level, threads) -> FLOP/s
        for one in operations:
            if one.family == "peak" and one.seconds:
                self.peak[one.level, one.threads] = one.flop / min(one.seconds)
            elif one.family in ROOFS and one.seconds:
                kind = one.family.removesuffix("_bandwidth")
                self.bandwidth[kind, one.threads] = (one.read + one.written) / min(one.seconds)

    def peak_of(self, operation):
        """Of its level; else the best in float32."""
        levels = [operation.level] if operation.level else FLOAT32_LEVELS
        return max(self.peak.get((level, operation.threads), 0) for level in levels)

    def memory_seconds(self, operation):
        """What is written counts as an update, with as much of what is read; the rest as reading."""
        update, read = (self.bandwidth.get((kind, operation.threads)) for kind in ("update", "read"))
        if not update or not read:
            return 0
        return 2 * operation.written / update + max(0, operation.read - operation.written) / read

    def bound(self, operation):
        """The least seconds that the roofs allow, and the kind of roof: "peak", "memory" or "" where there is none.
        No seconds for the roofs themselves."""
        if operation.family in ROOFS:
            return 0, "peak" if operation.family == "peak" else "memory"
        peak = self.peak_of(operation)
        least = max((operation.flop / peak if peak else 0, "peak"), (self.memory_seconds(operation), "memory"))
        return least if least[0] > 0 else (0, "")

    def share(self, operation):
        """Of the roof, or None."""
        seconds, _ = self.bound(operation)
        return seconds / operation.median if seconds and operation.seconds else None


@dataclass
class Report:
    machine: dict
    operations: list
    ratios: list  # rows as benchmarks/peers/lib/measure.py records them

    def write(self, path):
        roofs = Roofs(self.operations)
        operations = [{**asdict(one), "share": roofs.share(one), "roof": roofs.bound(one)[1]}
                      for one in self.operations]
        whole = {"machine": self.machine, "operations": operations, "ratios": self.ratios}
        path.write_text(json.dumps(whole, indent=1))

    @staticmethod
    def read(path):
        data = json.loads(pathlib.Path(path).read_text())
        names = Operation.__dataclass_fields__
        operations = [Operation(**{name: one[name] for name in names}) for one in data["operations"]]
        return Report(data["machine"], operations, data["ratios"])
