"""Compares the lists of files with the tree: cmake/sources.cmake and include/visplay/impl/*.hpp.

    python3 tests/layers/check_sources.py           names every file that a list lacks or invents
    python3 tests/layers/check_sources.py --write   rewrites the lists from the tree
"""
import re
import sys
from pathlib import Path

import layers

ROOT = Path(__file__).resolve().parents[2]
LIBRARY = ROOT / "include" / "visplay"
PROGRAMS = {"selfplay": "visplay_selfplay", "make_model": "visplay_selfplay/make_model",
            "world": "world", "generate": "generate", "score": "score", "sft": "sft",
            "reward": "reward"}


def in_layer_order(folders, ending: str) -> list[str]:
    """An .ipp without a header of its name is a part of another one and not listed."""
    return [f"{f}/{p.relative_to(LIBRARY / f).as_posix()}" for f in layers.FOLDERS if f in folders
            for p in sorted((LIBRARY / f).rglob("*" + ending)) if p.with_suffix(".hpp").exists()]


def tests() -> dict[str, list[str]]:
    base = ROOT / "tests"
    found: dict[str, list[str]] = {}
    for path in sorted(base.rglob("*_test.cpp")):
        relative = path.relative_to(base)
        found.setdefault(relative.parts[0], []).append(relative.as_posix())
    return found


def uses_torch(folder: str) -> bool:
    """Tests of a folder on libtorch do, and any that include it, say as an oracle."""
    if folder in layers.TORCH:
        return True
    heads = [f"<visplay/{name}/" for name in layers.TORCH] + ["<ATen/", "<torch/"]
    return any(head in path.read_text() for path in (ROOT / "tests" / folder).rglob("*_test.cpp")
               for head in heads)


def program(name: str) -> list[str]:
    folder = ROOT / "examples" / PROGRAMS[name]
    if not (folder / "main.cpp").exists():
        return []
    return [p.relative_to(ROOT / "examples").as_posix() for p in sorted(folder.glob("*.cpp"))]


def cmake_list(name: str, entries: list[str]) -> str:
    return f"set({name}" + "".join(f"\n    {entry}" for entry in entries) + ")\n"


def sources() -> str:
    core = [f for f in layers.TORCH_FREE if f not in layers.IO]
    groups = [("CORE", core), ("IO", layers.IO), ("TORCH", layers.TORCH)]
    text = ("# Every file that is built, in layer order. tests/layers/check_sources.py compares these\n"
            "# lists with the tree and, with --write, makes them again.\n\n")
    for group, folders in groups:
        text += cmake_list(f"VISPLAY_{group}_HEADERS", in_layer_order(folders, ".hpp"))
        text += cmake_list(f"VISPLAY_{group}_BODIES", in_layer_order(folders, ".ipp")) + "\n"
    for name in PROGRAMS:
        text += cmake_list(f"VISPLAY_PROGRAM_{name.upper()}", program(name))
    found = tests()
    free = [folder for folder in found if not uses_torch(folder)]
    text += "\n" + cmake_list("VISPLAY_TEST_FOLDERS", free)
    text += cmake_list("VISPLAY_TORCH_TEST_FOLDERS", [f for f in found if f not in free])
    for folder, files in found.items():
        text += cmake_list(f"VISPLAY_TESTS_{folder}", files)
    return text


def bodies(folders, text: str) -> str:
    lines = [f"#include <visplay/{body}>" for body in sorted(in_layer_order(folders, ".ipp"))]
    return text + "\n#pragma once\n\n" + "\n".join(lines) + "\n"


def lists() -> dict[Path, str]:
    """What each list should say."""
    core = [f for f in layers.TORCH_FREE if f not in layers.IO]
    return {
        ROOT / "cmake" / "sources.cmake": sources(),
        LIBRARY / "impl" / "src.hpp": bodies(
            core,
            "// The bodies of visplay::core (needs fmt and Eigen). A program that is not built with\n"
            "// visplay's CMake targets includes this in exactly one unit."),
        LIBRARY / "impl" / "src_io.hpp": bodies(
            layers.IO,
            "// The bodies of visplay::io (needs nlohmann-json, yaml-cpp, libpng, libjpeg, libwebp): beside\n"
            "// impl/src.hpp, in the same unit or another."),
        LIBRARY / "impl" / "src_torch.hpp": bodies(
            layers.TORCH,
            "// The bodies of visplay::torch (needs libtorch): beside impl/src.hpp and impl/src_io.hpp."),
    }


def entries(text: str) -> list[str]:
    return [line.strip().rstrip(")") for line in text.splitlines() if re.search(r"\.[hic]pp", line)]


def differences(path: Path, wanted: str) -> list[str]:
    have = path.read_text() if path.exists() else ""
    name = path.relative_to(ROOT)
    lacks = [f"{name}: not listed: {e}" for e in entries(wanted) if e not in entries(have)]
    invents = [f"{name}: listed, not in the tree: {e}" for e in entries(have)
               if e not in entries(wanted)]
    return lacks + invents or ([] if have == wanted else [f"{name}: not as --write makes it"])


def main() -> int:
    if "--write" in sys.argv[1:]:
        for path, text in lists().items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return 0
    found = [line for path, text in lists().items() for line in differences(path, text)]
    if found:
        print("\n".join(found + ["python3 tests/layers/check_sources.py --write makes the lists"]))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
