"""Compiles and links the CUDA kernels with nvcc and holds their registers to the table of docs/kernels.md.

    python3 tests/kernels/check_cuda.py            no spills, and no more registers than the table says
    python3 tests/kernels/check_cuda.py --write    writes the table

No GPU and no libtorch are needed. Exit code 77: there is no nvcc ($CUDACXX, the path, /usr/local/cuda/bin).
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "include/visplay/kernels/cuda/kernels.cu"
DOCS = ROOT / "docs/kernels.md"
LEVELS = ["sm_80", "sm_90a", "sm_100"]
BEGIN, END = "<!-- registers: check_cuda.py -->\n", "<!-- end of registers -->\n"
COMPILING = re.compile(r"Compiling entry function '(\w+)' for '(\w+)'")
USED = re.compile(r"Used (\d+) registers")
SPILLS = re.compile(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads")


def find_nvcc() -> str | None:
    return os.environ.get("CUDACXX") or shutil.which("nvcc") or shutil.which("nvcc", path="/usr/local/cuda/bin")


def compile_and_link(nvcc: str, folder: Path) -> str:
    """What ptxas says. Raises CalledProcessError if nvcc fails."""
    flags = ["-std=c++20", "--expt-relaxed-constexpr", "-O3", f"-I{ROOT / 'include'}", "--threads=2"]
    for level in LEVELS:
        flags.append(f"-gencode=arch={level.replace('sm', 'compute')},code={level}")
    kernels, program = folder / "kernels.o", folder / "program"
    said = subprocess.run([nvcc, *flags, "-Xptxas=-v", "-c", str(SOURCE), "-o", str(kernels)], check=True,
                          capture_output=True, text=True).stderr
    (folder / "main.cpp").write_text("int main() { return 0; }\n")
    subprocess.run([nvcc, "-cudart=static", str(folder / "main.cpp"), str(kernels), "-o", str(program)],
                   check=True, capture_output=True, text=True)
    subprocess.run([str(program)], check=True)
    needs = subprocess.run(["ldd", str(program)], check=True, capture_output=True, text=True).stdout
    if "torch" in needs:
        raise SystemExit(f"check_cuda: the kernels need libtorch:\n{needs}")
    return said


def registers(said: str) -> tuple[dict[str, dict[str, int]], list[str]]:
    """Registers by kernel and level, and a line for each kernel that uses local memory."""
    found: dict[str, dict[str, int]] = {}
    spilled, kernel, level = [], "", ""
    for line in said.splitlines():
        if match := COMPILING.search(line):
            kernel, level = match.groups()
        elif (match := SPILLS.search(line)) and any(map(int, match.groups())):
            spilled.append(f"{kernel} for {level}: {match.group(0)}")
        elif match := USED.search(line):
            found.setdefault(kernel, {})[level] = int(match.group(1))
    return found, spilled


def table_of(found: dict[str, dict[str, int]]) -> str:
    text = "| kernel | " + " | ".join(LEVELS) + " |\n" + "|---" * (1 + len(LEVELS)) + "|\n"
    for kernel, by_level in sorted(found.items()):
        text += f"| `{kernel}` | " + " | ".join(str(by_level[level]) for level in LEVELS) + " |\n"
    return text


def read_table(text: str) -> dict[str, dict[str, int]]:
    found = {}
    for kernel, numbers in re.findall(r"^\| `(\w+)` \|([ \d|]+)\|$", text, re.MULTILINE):
        found[kernel] = dict(zip(LEVELS, map(int, numbers.split("|"))))
    return found


def main() -> int:
    nvcc = find_nvcc()
    if not nvcc:
        print("check_cuda: skipped: no nvcc")
        return 77
    with tempfile.TemporaryDirectory() as folder:
        try:
            found, wrong = registers(compile_and_link(nvcc, Path(folder)))
        except subprocess.CalledProcessError as failure:
            print(failure.stderr or failure)
            return 1
    docs = DOCS.read_text()
    before, rest = docs.split(BEGIN)
    table, after = rest.split(END)
    if "--write" in sys.argv:
        DOCS.write_text(before + BEGIN + table_of(found) + END + after)
        table = table_of(found)
    stated = read_table(table)
    wrong += [f"{kernel}: not in the table of {DOCS.name}" for kernel in found.keys() - stated.keys()]
    wrong += [f"{kernel}: in the table of {DOCS.name}, but not compiled" for kernel in stated.keys() - found.keys()]
    for kernel in found.keys() & stated.keys():
        for level in LEVELS:
            if found[kernel].get(level, 0) > stated[kernel][level]:
                wrong.append(f"{kernel} for {level}: {found[kernel][level]} registers, the table says "
                             f"{stated[kernel][level]}")
    for line in wrong:
        print(line)
    print(f"check_cuda: {len(found)} kernels for {', '.join(LEVELS)}")
    return 1 if wrong or not found else 0


if __name__ == "__main__":
    sys.exit(main())
