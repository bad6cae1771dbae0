"""Names every include of the library that breaks the table of layers.py.

    python3 tests/layers/check_layers.py              the library of this repository
    python3 tests/layers/check_layers.py --self-test  shows that the check finds what it should
"""
import re
import sys
import tempfile
from pathlib import Path

import layers

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
ATEN_NAME = re.compile(r"\b(at|torch|c10)::\w")
BRINGS_ATEN = re.compile(r"#include <(ATen|torch|c10|visplay/(" + "|".join(layers.TORCH) + "))/")


def offence(folder: str, suffix: str, quote: str, included: str) -> str | None:
    """Why a file of that folder may not have that include; None if it may."""
    if suffix == ".hpp" and included.startswith("fmt/"):
        return "programs may see another fmt than the library was built with: bodies alone include it"
    if quote == '"':
        return "write <visplay/...>: quoted includes depend on the including file's place"
    if included.startswith("visplay/"):
        target = included.split("/")[1]
        if target == "impl":
            return "visplay/impl lists bodies for users, the library does not include it"
        if target not in layers.FOLDERS:
            return f"'{target}' is not a folder of the layer table"
        if not layers.may_include(folder, target):
            return (f"{folder}/ (L{layers.row(folder)}) may not include {target}/ "
                    f"(L{layers.row(target)})")
        return None
    for beginning, allowed, why in layers.OUTSIDE:
        if included == beginning or (beginning != "regex" and included.startswith(beginning)):
            return None if folder in allowed else why
    return None


def offences(root: Path) -> list[str]:
    """One line per offending include under root/include/visplay: file, line, include, reason."""
    found = []
    library = root / "include" / "visplay"
    for path in sorted(library.rglob("*.[hi]pp")):
        folder = path.relative_to(library).parts[0]
        where = path.relative_to(root)
        if folder == "impl":
            continue
        if folder not in layers.FOLDERS:
            found.append(f"{where}: '{folder}' is not a folder of the layer table")
            continue
        text = path.read_text()
        # The units of the header check have ATen's headers precompiled and would not notice.
        if path.suffix == ".hpp" and ATEN_NAME.search(text) and not BRINGS_ATEN.search(text):
            found.append(f"{where}: names at:: or torch:: without an include that brings them")
        for number, line in enumerate(text.splitlines(), 1):
            match = INCLUDE.match(line)
            why = match and offence(folder, path.suffix, *match.groups())
            if why:
                found.append(f"{where}:{number}: {line.strip()}: {why}")
    return found


def self_test() -> list[str]:
    """Offences in a small wrong tree that the check misses, or sees where there are none."""
    wrong = {
        "core/a.hpp": "#include <visplay/data/image.hpp>",
        "reward/b.hpp": "#include <ATen/ATen.h>",
        "text/c.ipp": "#include <nlohmann/json.hpp>",
        "model/d.hpp": "#include <torch/torch.h>",
        "reward/e.hpp": "#include <visplay/loss/token_loss.hpp>",
        "misc/f.hpp": "",
        "policy/j.hpp": "at::Tensor x;",
        "core/k.hpp": "#include <fmt/core.h>",
    }
    right = {
        "loss/g.hpp": "#include <visplay/reward/difficulty.hpp>",
        "model/h.hpp": "#include <ATen/ATen.h>\n#include <visplay/io/safetensors.hpp>",
        "text/l.ipp": "#include <fmt/format.h>",
        "io/i.hpp": "#include <nlohmann/json.hpp>\n#include <vector>",
    }
    with tempfile.TemporaryDirectory() as folder:
        for name, text in {**wrong, **right}.items():
            path = Path(folder) / "include" / "visplay" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("#pragma once\n" + text + "\n")
        found = offences(Path(folder))
    missed = [n for n in wrong if not any(n in line for line in found)]
    invented = [n for n in right if any(n in line for line in found)]
    return [f"missed {n}" for n in missed] + [f"invented an offence in {n}" for n in invented]


def main() -> int:
    root = Path(__file__).resolve().parents[2]
    found = self_test() if "--self-test" in sys.argv[1:] else offences(root)
    if found:
        print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
