#!/usr/bin/env python3
"""Compiles each case of this folder, expects it to fail, and looks for the sentence that its first
line promises:

    // error: a reward needs a name ...

A case compiles when ACCEPT is defined, so that it fails for no other reason than the one it shows.

    tests/compile_fail/check.py --compiler c++ -- -std=c++20 -Iinclude ...
"""

import argparse
import concurrent.futures
import os
import pathlib
import subprocess
import sys


def compile(command, case, *more):
    return subprocess.run([*command, "-fsyntax-only", *more, str(case)], capture_output=True, text=True)


def verdict(command, case):
    """None if the case behaves, else what is wrong."""
    sentence = case.read_text(encoding="utf-8").splitlines()[0].removeprefix("// error: ")
    accepted = compile(command, case, "-DACCEPT")
    if accepted.returncode:
        return "does not compile with ACCEPT:\n" + accepted.stderr
    refused = compile(command, case)
    if refused.returncode == 0:
        return "compiles, but should not"
    errors = [line for line in refused.stderr.splitlines() if " error: " in line]
    if not any(sentence in line for line in errors):
        return f"no error says '{sentence}':\n{refused.stderr}"
    return None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--compiler", default="c++")
    parser.add_argument("flags", nargs="*")
    args = parser.parse_args()
    cases = sorted(pathlib.Path(__file__).parent.glob("*.cpp"))
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as workers:
        problems = list(workers.map(lambda case: verdict([args.compiler, *args.flags], case), cases))
    for case, problem in zip(cases, problems):
        if problem:
            failed += 1
            print(f"{case.name}: {problem}")
    print(f"{len(cases) - failed} cases fail to compile with their sentence, {failed} do not")
    return 1 if failed or not cases else 0


if __name__ == "__main__":
    sys.exit(main())
