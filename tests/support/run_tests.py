"""Runs what the build registered with CTest and counts it: Catch2 suites by their test cases, every
other test as one check. The last line is `N passed, N failed`, with `, N skipped` if there are any.

    run_tests.py --build build --ctest .deps/venv/bin/ctest [--only-catch2] [suite...]
"""
import argparse
import json
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from collections import Counter
from pathlib import Path

SKIPPED = 77  # the exit code of a check that skips; its last line says why


def registered(ctest: str, build: str) -> list[dict]:
    """The tests of a build folder: name, command, folder, whether it is a Catch2 suite."""
    listing = subprocess.run([ctest, "--test-dir", build, "--show-only=json-v1"], check=True,
                             capture_output=True, text=True).stdout
    found = []
    for test in json.loads(listing)["tests"]:
        properties = {p["name"]: p["value"] for p in test.get("properties", [])}
        found.append({"name": test["name"], "command": test.get("command", []),
                      "folder": properties.get("WORKING_DIRECTORY", build),
                      "seconds": float(properties.get("TIMEOUT", 1500)),
                      "catch2": "catch2" in properties.get("LABELS", [])})
    return found


def run(test: dict, extra: list[str]) -> tuple[int, str]:
    """Exit code and output; -1 if it could not run or ran out of time."""
    if not test["command"]:
        return -1, f"{test['name']}: its program was not built"
    try:
        done = subprocess.run(test["command"] + extra, cwd=test["folder"], text=True, errors="replace",
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=test["seconds"])
        return done.returncode, done.stdout
    except subprocess.TimeoutExpired:
        return -1, f"stopped after {test['seconds']:.0f} s"
    except OSError as error:
        return -1, f"cannot be run: {error}"


def catch2_suite(test: dict) -> tuple[Counter, list[str], str]:
    """Counts of test cases, reasons of the skipped ones, what to show if some failed."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        code, output = run(test, ["--reporter", "console", "--reporter", f"xml::out={report}"])
        try:
            tree = ElementTree.parse(report).getroot()
        except (OSError, ElementTree.ParseError):
            return Counter(failed=1), [], f"{output}\nended with code {code} before its report was complete"
    counts = Counter()
    skips = []
    for case in tree.iter("TestCase"):
        result = case.find("OverallResult")
        reason = next((skip.text.strip() for skip in case.iter("Skip") if skip.text), None)
        if result is None or result.get("success") != "true":
            counts["failed"] += 1
        elif int(result.get("skips", 0)) > 0 or reason is not None:
            counts["skipped"] += 1
            skips.append(f"{case.get('name')}: {reason or 'no reason given'}")
        else:
            counts["passed"] += 1
    if code != 0 and not counts["failed"] and not counts["skipped"]:
        counts["failed"] += 1
    return counts, skips, output


def check(test: dict) -> tuple[Counter, list[str], str]:
    code, output = run(test, [])
    if code == SKIPPED:
        return Counter(skipped=1), [(output.strip().splitlines() or ["no reason given"])[-1]], ""
    return Counter({"passed" if code == 0 else "failed": 1}), [], output


def summary(counts: Counter) -> str:
    text = f"{counts['passed']} passed, {counts['failed']} failed"
    return text + (f", {counts['skipped']} skipped" if counts["skipped"] else "")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", required=True)
    parser.add_argument("--ctest", default="ctest")
    parser.add_argument("--only-catch2", action="store_true")
    parser.add_argument("suites", nargs="*")
    args = parser.parse_args()

    tests = registered(args.ctest, args.build)
    unknown = set(args.suites) - {test["name"] for test in tests}
    if unknown:
        names = " ".join(test["name"] for test in tests)
        print(f"there is no suite {' '.join(sorted(unknown))}; there are: {names}\n0 passed, 1 failed")
        return 2
    total = Counter()
    for test in tests:
        if args.suites and test["name"] not in args.suites or args.only_catch2 and not test["catch2"]:
            continue
        start = time.monotonic()
        counts, skips, output = (catch2_suite if test["catch2"] else check)(test)
        total += counts
        if counts["failed"]:
            print(output.rstrip())
        seconds = time.monotonic() - start
        print(f"{test['name']:<24} {summary(counts)} ({seconds:.1f} s)", flush=True)
        for reason in skips:
            print(f"    skipped: {reason}")
    if not total:
        print("no tests were built")
        total["failed"] = 1
    print(summary(total))
    return 1 if total["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
