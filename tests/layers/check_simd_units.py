"""Names every function of the units for one instruction set that another unit could end up with.

    python3 tests/layers/check_simd_units.py build/libvisplay_core.a

The linker keeps one copy of an inline function. If that copy comes from the AVX-512 unit and uses its
registers, the whole program fails on older processors. So all weak functions there must bear the level in
their name, or use no instruction that older processors lack. Exit code 77: the library has no such units.
"""
import re
import subprocess
import sys

OF_LEVEL = re.compile(r"visplay::(avx2|avx512|avx512_bf16|amx|portable)::|passes_at<\(visplay::SimdLevel\)")
HEAD = re.compile(r"^[0-9a-f]+ <(.*)>:$")
NEWER = re.compile(r"\t(v[a-z]\w+|.*%[yz]mm)")


def run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def weak_functions(listing: str) -> dict[str, set[str]]:
    """Per member of the archive, of those for a level above the portable one."""
    found: dict[str, set[str]] = {}
    member = ""
    for line in listing.splitlines():
        if line.endswith(":"):
            member = line[:-1]
        match = re.match(r"[0-9a-f]* +[WVu] (.*)", line)
        if re.search(r"_unit_(avx\w+|amx)\.", member):
            found.setdefault(member, set())
            if match and not OF_LEVEL.search(match.group(1)):
                found[member].add(match.group(1))
    return found


def newer_code(disassembly: str, functions: dict[str, set[str]]) -> list[str]:
    found, member, function = set(), "", ""
    for line in disassembly.splitlines():
        if re.search(r"file format", line):
            member = line.split(":")[0]
        head = HEAD.match(line)
        if head:
            function = head.group(1)
        elif NEWER.search(line) and function in functions.get(member, ()):
            found.add(f"{member}: {function}")
    return sorted(found)


def main() -> int:
    archive = sys.argv[1]
    functions = weak_functions(run("nm", "-C", archive))
    if not functions:
        print(f"{archive} has no units for levels")
        return 77
    if not run("objdump", "-d", archive).count("zmm"):
        print(f"{archive}: no AVX-512 instruction at all: the units lack their flags")
        return 1
    found = newer_code(run("objdump", "-dC", "--no-show-raw-insn", archive), functions)
    for line in found:
        print(f"{line}: compiled for newer processors, and not named after its level")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
