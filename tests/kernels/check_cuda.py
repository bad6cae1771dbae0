"""Compiles visplay::cuda with nvcc, holds the registers of its kernels to the table of docs/kernels.md, and
links and starts the program that checks them on a GPU.

    python3 tests/kernels/check_cuda.py                no spills, no more registers than the table says,
                                                       16-byte loads where they belong, no libtorch
    python3 tests/kernels/check_cuda.py --write        writes the table
    python3 tests/kernels/check_cuda.py --keep FOLDER  leaves cuda_device_check there, for a machine with a GPU
    python3 tests/kernels/check_cuda.py --sass         prints instructions: of each kernel, and of its loops that
                                                       load 16 bytes (needs cuobjdump; $CUOBJDUMP or the path)

No GPU and no libtorch are needed. Exit code 77: there is no nvcc ($CUDACXX, the path, /usr/local/cuda/bin).
"""
import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ROOT / "include/visplay/kernels/cuda"
DOCS = ROOT / "docs/kernels.md"
LEVELS = ["sm_80", "sm_90a", "sm_100"]
BEGIN, END = "<!-- registers: check_cuda.py -->\n", "<!-- end of registers -->\n"
COMPILING = re.compile(r"Compiling entry function '(\w+)' for '(\w+)'")
USED = re.compile(r"Used (\d+) registers")
SPILLS = re.compile(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads")
ENTRY = re.compile(r"\.entry (\w+)\(")
# Bodies of the CPU's library that the device check calls; as they are for any processor.
CORE = ["core/error", "core/huge_buffer", "core/parallel", "core/simd_level", "kernels/adamw", "kernels/log_probs",
        "kernels/linear_log_probs", "kernels/objective", "kernels/objective_stock"]
VECTORS = ["AdamWKernel", "CompactAdamWKernel", "HeadSlopesKernel", "HeadSumsKernel", "HeadTopKernel", "LogProbsBackwardKernel",
           "LogProbsKernel", "SquaresKernel"]


def find_nvcc() -> str | None:
    return os.environ.get("CUDACXX") or shutil.which("nvcc") or shutil.which("nvcc", path="/usr/local/cuda/bin")


def run(*command: str | Path) -> subprocess.CompletedProcess:
    return subprocess.run([str(c) for c in command], check=True, capture_output=True, text=True)


class Build:
    def __init__(self, nvcc: str, folder: Path):
        self.nvcc, self.folder, self.objects = nvcc, folder, []
        self.flags = ["-std=c++20", "--expt-relaxed-constexpr", "-O3", f"-I{ROOT / 'include'}"]
        toolkit = Path(shutil.which(nvcc) or nvcc).resolve().parents[1]
        self.host = [os.environ.get("CXX", "g++"), "-std=c++20", "-O1", "-Wall", "-Wextra", "-Werror",
                     "-Wno-maybe-uninitialized", "-DFMT_HEADER_ONLY=1", f"-I{ROOT / 'include'}", "-isystem",
                     toolkit / "include"]

    def device(self, source: Path, levels: list[str]) -> str:
        """What ptxas says of it at these levels. What nvcc makes on its way stays in the folder. PTX of the last level
        is for the processors after it."""
        to = self.folder / f"{source.name}.o"
        code = [f"-gencode=arch={level.replace('sm', 'compute')},code={level}" for level in levels]
        last = levels[-1].replace("sm", "compute")
        code.append(f"-gencode=arch={last},code={last}")
        self.objects.append(to)
        return run(self.nvcc, *self.flags, *code, "--threads=2", "-Xptxas=-v", "--keep", "--keep-dir", self.folder,
                   "-c", source, "-o", to).stderr

    def host_unit(self, source: Path) -> None:
        to = self.folder / f"{source.stem}.o"
        self.objects.append(to)
        run(*self.host, "-c", source, "-o", to)

    def ptx(self, source: Path, level: str) -> str:
        """Of a source that was compiled for that level."""
        return (self.folder / f"{source.stem}.{level.replace('sm', 'compute')}.ptx").read_text()

    def link(self) -> Path:
        """The device check. Nothing but the runtime and cuBLASLt of CUDA may be needed."""
        core, program = self.folder / "core.cpp", self.folder / "cuda_device_check"
        core.write_text("".join(f"#include <visplay/{body}.hpp>\n#include <visplay/{body}.ipp>\n" for body in CORE))
        self.host_unit(core)
        self.host_unit(SOURCES / "launch.cpp")
        self.host_unit(ROOT / "tests/kernels/cuda_device_check.cpp")
        run(self.nvcc, "-cudart=static", *self.objects, "-lcublasLt", "-o", program)
        return program


def name_of(symbol: str) -> str:
    """LogProbsKernel<float> of what the compiler calls it."""
    name = run("c++filt", symbol).stdout.strip().partition("run_kernel<")[2].rpartition(">(")[0]
    for word in ("visplay::", "cuda::"):
        name = name.replace(word, "")
    name = re.sub(r"^Batch<(.*?) ?>$", r"\1", name.strip()).replace(", false>", ">").replace(", true>", ", top k>")
    name = name.replace("HeadSumsKernel<false>", "HeadSumsKernel").replace("HeadSumsKernel<true>", "HeadSumsKernel<keeps>")
    name = name.replace(", LogitsChunk<float const>", "")
    name = re.sub(r"DeviceObjective<(\w+), K3, NoCorrection>", r"\1", name)
    return re.sub(r"DeviceObjective<(\w+), K3, (\w+)>", r"\1, \2", name).replace(" >", ">").strip()


def registers(said: str) -> tuple[dict[str, dict[str, int]], list[str]]:
    """Registers by kernel and level, and a line for each kernel that uses local memory."""
    found: dict[str, dict[str, int]] = {}
    spilled, kernel, level = [], "", ""
    for line in said.splitlines():
        if match := COMPILING.search(line):
            kernel, level = name_of(match.group(1)), match.group(2)
        elif (match := SPILLS.search(line)) and any(map(int, match.groups())):
            spilled.append(f"{kernel} for {level}: {match.group(0)}")
        elif match := USED.search(line):
            found.setdefault(kernel, {})[level] = int(match.group(1))
    return found, spilled


def without_vectors(ptx: str) -> list[str]:
    """A line for each kernel that should load 16 bytes at a time and does not."""
    parts = ENTRY.split(ptx)
    loads = {name_of(symbol): re.search(r"ld\.global\S*\.v4\.", body) is not None
             for symbol, body in zip(parts[1::2], parts[2::2])}
    wrong = [f"{kernel}: no 16-byte load" for kernel, wide in loads.items()
             if not wide and kernel.partition("<")[0] in VECTORS]
    return wrong + [f"{kernel}: not in the PTX" for kernel in VECTORS
                    if kernel not in {name.partition("<")[0] for name in loads}]


def instructions(sass: str) -> list[str]:
    """A line for each kernel: all its instructions, and those of each loop with 16-byte loads."""
    lines = []
    for part in re.split(r"\t\tFunction : ", sass)[1:]:
        code = [(int(at, 16), text) for at, text in re.findall(r"/\*([0-9a-f]{4,5})\*/\s+(.*?)\s*;", part)]
        back = [(int(to, 16), at) for at, text in code for to in re.findall(r"BRA.* 0x([0-9a-f]+)$", text) if int(to, 16) < at]
        loops = [[text for at, text in code if begin <= at <= end] for begin, end in back]
        loops = [f"{len(loop)} with {sum('LDG.E.128' in text for text in loop)} loads" for loop in loops
                 if any("LDG.E.128" in text for text in loop)]
        lines.append(f"{name_of(part.split(chr(10), 1)[0])}: {len(code)}" + "".join(f"; a loop of {loop}" for loop in loops))
    return sorted(lines)


def table_of(found: dict[str, dict[str, int]]) -> str:
    text = "| kernel | " + " | ".join(LEVELS) + " |\n" + "|---" * (1 + len(LEVELS)) + "|\n"
    for kernel, by_level in sorted(found.items()):
        text += f"| `{kernel}` | " + " | ".join(str(by_level[level]) for level in LEVELS) + " |\n"
    return text


def read_table(text: str) -> dict[str, dict[str, int]]:
    found = {}
    for kernel, numbers in re.findall(r"^\| `([^`]+)` \|([ \d|]+)\|$", text, re.MULTILINE):
        found[kernel] = dict(zip(LEVELS, map(int, numbers.split("|"))))
    return found


def compare(found: dict[str, dict[str, int]], stated: dict[str, dict[str, int]]) -> list[str]:
    wrong = [f"{kernel}: not in the table of {DOCS.name}" for kernel in found.keys() - stated.keys()]
    wrong += [f"{kernel}: in the table of {DOCS.name}, but not compiled" for kernel in stated.keys() - found.keys()]
    for kernel in found.keys() & stated.keys():
        for level in LEVELS:
            if found[kernel].get(level, 0) > stated[kernel][level]:
                wrong.append(f"{kernel} for {level}: {found[kernel][level]} registers, the table says "
                             f"{stated[kernel][level]}")
    return wrong


def start(program: Path) -> list[str]:
    """Runs the device check, which skips without a GPU. What is wrong with it."""
    needs = run("ldd", program).stdout
    wrong = [f"{program.name} needs libtorch:\n{needs}"] if "torch" in needs else []
    result = subprocess.run([str(program), "--small"], capture_output=True, text=True)
    print(result.stdout, end="")
    return wrong if result.returncode in (0, 77) else [*wrong, f"{program.name}: exit code {result.returncode}"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--sass", action="store_true")
    arguments = parser.parse_args()
    nvcc = find_nvcc()
    if not nvcc:
        print("check_cuda: skipped: no nvcc")
        return 77
    with tempfile.TemporaryDirectory() as folder:
        build = Build(nvcc, Path(folder))
        try:
            found, wrong = registers(build.device(SOURCES / "kernels.cu", LEVELS))
            wrong += without_vectors(build.ptx(SOURCES / "kernels.cu", "sm_90a"))
            if arguments.sass:
                dump = os.environ.get("CUOBJDUMP", "cuobjdump")
                print("\n".join(instructions(run(dump, "-sass", "-arch", "sm_90a", build.objects[0]).stdout)))
            build.device(SOURCES / "stream.cu", LEVELS[:1])  # no kernels in it
            build.device(ROOT / "tests/kernels/cuda_custom_loss.cu", LEVELS)
            program = build.link()
        except subprocess.CalledProcessError as failure:
            print(failure.stderr or failure)
            return 1
        wrong += start(program)
        if arguments.keep:
            arguments.keep.mkdir(parents=True, exist_ok=True)
            shutil.copy2(program, arguments.keep / program.name)
    before, rest = DOCS.read_text().split(BEGIN)
    table, after = rest.split(END)
    if arguments.write:
        table = table_of(found)
        DOCS.write_text(before + BEGIN + table + END + after)
    wrong += compare(found, read_table(table))
    for line in wrong:
        print(line)
    print(f"check_cuda: {len(found)} kernels for {', '.join(LEVELS)}")
    return 1 if wrong or not found else 0


if __name__ == "__main__":
    sys.exit(main())
