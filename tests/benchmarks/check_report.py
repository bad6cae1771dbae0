"""The report of ./run bench: what counts as a regression, shares of roofs, and that a page comes out.

    python3 tests/benchmarks/check_report.py
"""
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path

PROGRAM = Path(__file__).resolve().parents[2] / "benchmarks" / "report"
sys.path.insert(0, str(PROGRAM))
from measurements import Operation, Report, Roofs  # noqa: E402
from page import page  # noqa: E402

STEADY = [1.00, 1.01, 0.99, 1.00, 1.01]  # rounds, in units of the median
SHAKY = [1.0, 0.8, 1.2, 0.9, 1.3]


def report(times: dict[str, list[float]]) -> Report:
    """Of operations that move a gigabyte, beside roofs of 4 and 2 GB/s and 8 GFLOP/s."""
    roofs = [Operation("read_bandwidth/threads:1", [0.25], read=1e9),
             Operation("update_bandwidth/threads:1", [1.0], read=1e9, written=1e9),
             Operation("peak/level:4/threads:1", [1.0], flop=64e9),
             Operation("peak/level:2/threads:1", [1.0], flop=8e9)]
    operations = [Operation(name, seconds, flop=1e9, read=1e9) for name, seconds in times.items()]
    machine = {"processor": "a processor", "cores": 1, "commit": "", "date": "", "load": 0.0}
    ratios = [{"operation": "a & b", "peer": "<peer>", "ours": 1, "theirs": 3, "ratio": 3, "wanted": 4, "note": ""}]
    return Report(machine, roofs + operations, ratios)


def compared(old: dict, new: dict) -> tuple[int, str]:
    """Exit code and output of --compare."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / name for name in ("old.json", "new.json")]
        for path, times in zip(paths, (old, new)):
            report(times).write(path)
        done = subprocess.run([sys.executable, PROGRAM, "--compare", *paths], capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr


def times(factor: float, rounds: list[float] = STEADY) -> dict:
    return {"operation/threads:1": [factor * x for x in rounds], "other/threads:1": STEADY}


def expect(what: str, holds: bool, detail="") -> int:
    if not holds:
        print(f"not so: {what}\n{detail}")
    return not holds


def check_comparison() -> int:
    failed = 0
    for what, factor, rounds, verdict in (
            ("the same report is the same", 1, STEADY, None),
            ("twice the time is slower", 2, STEADY, "slower"),
            ("four per cent are nothing", 1.04, STEADY, None),
            ("ten per cent of a steady operation count", 1.1, STEADY, "slower"),
            ("ten per cent within the spread are nothing", 1.1, SHAKY, None),
            ("twice the time is slower in spite of a spread", 2, SHAKY, "slower"),
            ("half the time is faster", 0.5, STEADY, "faster")):
        code, output = compared(times(1, rounds), times(factor, rounds))
        told = [line.split()[-1] for line in output.splitlines() if line.startswith("operation/")]
        failed += expect(what, code == (verdict == "slower") and told == [verdict] * (verdict is not None), output)
    found, output = compared({**times(1), "gone/threads:1": STEADY}, {**times(1), "new/threads:1": STEADY})
    return failed + expect("operations of one report only are no regressions",
                           found == 0 and "1 operations of" in output, output)


def check_roofs() -> int:
    """1 GFLOP over 1 GB read takes 0.25 s of reading; written too, 1 s; at 8 GFLOP/s 0.125 s."""
    roofs = Roofs(report({}).operations)
    share = lambda name, **work: roofs.share(Operation(name, [1.0], **work))
    failed = expect("reading", share("a/threads:1", flop=1e9, read=1e9) == 0.25)
    failed += expect("updating", share("a/threads:1", flop=1e9, read=1e9, written=1e9) == 1)
    failed += expect("reading more than writing", share("a/threads:1", read=2e9, written=1e9) == 1.25)
    failed += expect("float32 without a level", share("a/threads:1", flop=4e9) == 0.5)
    failed += expect("the level's own peak", share("a/level:4/threads:1", flop=16e9) == 0.25)
    failed += expect("no roof for other threads", share("a/threads:7", flop=1e9, read=1e9) is None)
    return failed + expect("no share without work", share("a/threads:1") is None)


def check_page() -> int:
    whole = report(times(1))
    text = page(whole)
    drawing = text[text.index("<svg"):text.index("</svg>") + 6]
    ElementTree.fromstring(drawing)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "report.json"
        whole.write(path)
        failed = expect("a report is read as it was written", Report.read(path) == whole)
    failed += expect("the plot names both operations", ">operation<" in drawing and ">other<" in drawing, drawing)
    return failed + expect("names are escaped", "a &amp; b" in text and "&lt;peer&gt;" in text and "<peer>" not in text)


if __name__ == "__main__":
    sys.exit(1 if check_comparison() + check_roofs() + check_page() else 0)
