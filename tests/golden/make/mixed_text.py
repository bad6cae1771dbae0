#!/usr/bin/env python3
"""Mixed text for the tokenizer, its golden ids, and a live comparison with `tokenizers`.

    mixed_text.py            writes tests/golden/tokenizer/mixed.json: hashes of the ids of blocks made
                             by a rule (tests/text/mixed_text.hpp has the same rule in C++), with the
                             small vocabulary beside it and with Qwen's
    mixed_text.py --check    makes them again, and compares ids and round trips of 10 MB and more
                             [--ours PROGRAM] [--qwen tokenizer.json]

The 10 MB: Python and C sources of this machine, translations (gettext catalogs) in as many scripts as
it has, the same in NFD, every assigned character of Unicode, emoji sequences, damaged UTF-8, and
blocks of the rule up to the size. Bytes that are not UTF-8 are U+FFFD to both sides: Python's
errors="replace" here, the tokenizer's own policy there.
"""
import argparse
import gettext
import json
import os
import pathlib
import random
import subprocess
import sys
import sysconfig
import tempfile

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import numpy  # noqa: E402
import tokenizers  # noqa: E402
import unicodedata2 as unicode  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[3]
GOLDEN = ROOT / "tests" / "golden" / "tokenizer" / "mixed.json"
SMALL = GOLDEN.with_name("tokenizer.json")
QWEN = ROOT.parent / "shared" / "data" / "qwen-tokenizer" / "tokenizer.json"

# The rule. First and last code point of alphabets; mixed_text.hpp lists the same.
ALPHABETS = [(0x41, 0x5A), (0x61, 0x7A), (0xC0, 0x24F), (0x370, 0x3FF), (0x400, 0x45F), (0x531, 0x556),
             (0x5D0, 0x5EA), (0x620, 0x64A), (0x904, 0x94D), (0x985, 0x9CD), (0xA05, 0xA4D),
             (0xA85, 0xACD), (0xB85, 0xBCD), (0xC05, 0xC4D), (0xD05, 0xD4D), (0xE01, 0xE4E),
             (0xE81, 0xECD), (0xF40, 0xF84), (0x1000, 0x1039), (0x10D0, 0x10F0), (0x1100, 0x11FF),
             (0x1200, 0x135F), (0x1780, 0x17D3), (0x1E00, 0x1FFF), (0x2000, 0x206F), (0x2100, 0x218F),
             (0x3041, 0x3096), (0x30A1, 0x30FA), (0x4E00, 0x9FFF), (0xAC00, 0xD7A3), (0xFB00, 0xFB4F),
             (0x1D400, 0x1D7FF), (0x1F300, 0x1F6FF), (0x20000, 0x2A6DF)]
BETWEEN = [b" ", b"  ", b"\n", b"\r\n", b"\t", b" \n  ", b"'s ", b"'LL", b"1", b"2026", b".", "\u3002".encode(),
           b" = ", b"();\n", "\u200d".encode(), "\ufe0f".encode(), "\u00a0".encode(), "\u3000".encode(), b"\xff",
           b"\xe4\xb8", b"\xf0\x9f", b"<|im_end|>", b"<tool_call>", b"<|"]


class Draw:
    """splitmix64."""

    def __init__(self, seed):
        self.state = seed

    def below(self, n):
        self.state = (self.state + 0x9E3779B97F4A7C15) % 2**64
        z = self.state
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 % 2**64
        z = (z ^ z >> 27) * 0x94D049BB133111EB % 2**64
        return (z ^ z >> 31) % n


def rule_block(seed, size):
    """At least `size` bytes."""
    draw, out = Draw(seed), bytearray()
    while len(out) < size:
        first, last = ALPHABETS[draw.below(len(ALPHABETS))]
        for _ in range(1 + draw.below(10)):
            out += chr(first + draw.below(last - first + 1)).encode()
            if draw.below(8) == 0:
                out += chr(0x300 + draw.below(0x70)).encode()
        out += BETWEEN[draw.below(len(BETWEEN))]
    return bytes(out)


# What this machine has.
def sources(pattern, folder, limit):
    """(name, bytes) of sorted files, up to `limit` bytes."""
    total = 0
    for path in sorted(pathlib.Path(folder).rglob(pattern)):
        if total >= limit:
            return
        if path.is_file() and path.stat().st_size < 400_000:
            data = path.read_bytes()
            total += len(data)
            yield str(path), data


def catalogs(limit):
    """(language, text) of the translations installed, at most `limit` characters of each."""
    folder = pathlib.Path(sys.prefix).root + "usr/share/locale"
    for language in sorted(p for p in pathlib.Path(folder).glob("*") if p.is_dir()):
        lines, size = [], 0
        for path in sorted(language.glob("LC_MESSAGES/*.mo")):
            if size >= limit:
                break
            try:
                entries = gettext.GNUTranslations(path.open("rb"))._catalog
            except (OSError, ValueError, LookupError):  # not every catalog is well formed
                continue
            for original, text in entries.items():
                if original and text != original:
                    lines.append(text)
                    size += len(text)
        if lines:
            yield language.name, "\n".join(lines)[:limit]


def assigned():
    """Every assigned character in order, in lines of 64."""
    points = [chr(c) for c in range(0x110000) if unicode.category(chr(c)) not in ("Cn", "Cs", "Co")]
    return "\n".join("".join(points[i:i + 64]) for i in range(0, len(points), 64))


def emoji(draw, size):
    faces = [chr(c) for r in ((0x1F600, 0x1F64F), (0x1F466, 0x1F478), (0x2600, 0x26FF)) for c in range(*r)]
    tail = ["\u200d", "\ufe0f", "\u20e3", "\U0001F3FB", "\U0001F3FF", "\U0001F1EB\U0001F1F7", " ", "!", "\U000E0067", ""]
    return "".join(draw.choice(faces) + draw.choice(tail) + draw.choice(tail) for _ in range(size))


def damaged(draw, text):
    data = bytearray(text.encode())
    for _ in range(len(data) // 20):
        data[draw.randrange(len(data))] = draw.randrange(256)
    return bytes(data)


def chunks(name, data, size=1 << 16):
    for i in range(0, len(data), size):
        yield f"{name} {i >> 16}", data[i:i + size]


def blocks(at_least=10_500_000):
    """(kind, name, bytes) of the whole mixed text. The same on one machine at every call."""
    draw = random.Random(7)
    made = [("code", *one) for one in sources("*.py", sysconfig.get_paths()["stdlib"], 2_500_000)]
    made += [("code", *one) for one in sources("*.h", "/usr/include", 1_000_000)]
    languages = list(catalogs(30_000))
    for language, text in languages:
        made.append(("translations", language, text.encode()))
        made.append(("NFD", language, unicode.normalize("NFD", text[:8_000]).encode()))
    made += [("characters", *one) for one in chunks("characters", assigned().encode())]
    made += [("emoji", *one) for one in chunks("emoji", emoji(draw, 40_000).encode())]
    texts = [text[:6_000] for _, text in languages] or [assigned()[:200_000]]
    made += [("damaged", *one) for one in chunks("damaged", damaged(draw, "\n".join(texts)[:500_000]))]
    made += [("rule", f"rule {seed}", rule_block(seed, 1 << 14)) for seed in range(1000, 1064)]
    seed, total = 2000, sum(len(data) for *_, data in made)
    while total < at_least:
        made.append(("rule", f"rule {seed}", rule_block(seed, 1 << 16)))
        seed, total = seed + 1, total + len(made[-1][2])
    return made


def scripts(made):
    """First words of the names of all letters: LATIN, CYRILLIC, HIRAGANA ..."""
    letters = {c for kind, _, data in made if kind != "characters" for c in data.decode(errors="replace") if c.isalpha()}
    counted = {}
    for c in letters:
        word = unicode.name(c, "").split(" ")[0]
        counted[word] = counted.get(word, 0) + 1
    return sorted(word for word, count in counted.items() if count >= 10)


# Both sides.
class Ours:
    def __init__(self, program, file):
        self.pipe = subprocess.Popen([program, file], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.load = [int(n) * 1e-9 for n in self.pipe.stdout.readline().split()]  # wall, processor

    def __call__(self, data):
        """Seconds of wall clock and of processor, the ids, whether they decode to the NFC."""
        self.pipe.stdin.write(b"%d\n" % len(data) + data)
        self.pipe.stdin.flush()
        wall, processor, count, same = map(int, self.pipe.stdout.readline().split())
        ids = numpy.frombuffer(self.pipe.stdout.read(4 * count), dtype="<i4")
        return wall * 1e-9, processor * 1e-9, ids, bool(same)


def compiled(folder):
    program = pathlib.Path(folder) / "encode_blocks"
    subprocess.run(["c++", "-std=c++20", "-O3", "-march=native", "-DNDEBUG", "-DFMT_HEADER_ONLY", "-DVISPLAY_HEADER_ONLY",
                    f"-I{ROOT}/include", str(ROOT / "benchmarks/text/encode_blocks.cpp"), "-o", str(program),
                    "-lxxhash"], check=True)
    return program


def peer(file):
    return tokenizers.Tokenizer.from_file(str(file))


def theirs(tokenizer, data):
    return tokenizer.encode(data.decode(errors="replace"), add_special_tokens=False).ids


def fnv(ids):
    h = 0xCBF29CE484222325
    for i in ids:
        h = (h ^ i) * 0x100000001B3 % 2**64
    return str(h)


def golden(qwen):
    vocabularies = {"small": peer(SMALL), "qwen": peer(qwen) if qwen.exists() else None}
    rows = []
    for seed in range(40):
        data = rule_block(seed, 3000)
        row = {"seed": seed, "bytes": len(data)}
        for name, tokenizer in vocabularies.items():
            if tokenizer:
                ids = theirs(tokenizer, data)
                row[name] = {"ids": len(ids), "fnv": fnv(ids)}
        rows.append(row)
    return {"made_by": {"script": "tests/golden/make/mixed_text.py", "tokenizers": tokenizers.__version__},
            "size": 3000, "blocks": rows}


def compare(file, program, made):
    """True if all ids are the same and every block comes back as its NFC; prints what was compared."""
    ours, tokenizer = Ours(program, file), peer(file)
    wrong, lost, count = [], [], 0
    for kind, name, data in made:
        _, _, ids, same = ours(data)
        count += len(ids)
        if not numpy.array_equal(ids, numpy.array(theirs(tokenizer, data), dtype="<i4")):
            wrong.append(name)
        if not same:
            lost.append(name)
    print(f"{file}: {sum(len(d) for *_, d in made):,} bytes in {len(made)} blocks, {count:,} ids, "
          f"{len(wrong)} blocks differ, {len(lost)} do not come back", *wrong[:5], *lost[:5])
    return not wrong and not lost


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--ours")
    parser.add_argument("--qwen", type=pathlib.Path, default=QWEN)
    options = parser.parse_args()
    made = golden(options.qwen)
    if not options.check:
        GOLDEN.write_text(json.dumps(made, indent=0) + "\n")
        return 0
    stored = json.loads(GOLDEN.read_text())
    same = all({k: row.get(k) for k in now} == now for row, now in zip(stored["blocks"], made["blocks"]))
    print("mixed.json:", "same" if same else "differs")
    text = blocks()
    kinds = {}
    for kind, _, data in text:
        kinds[kind] = kinds.get(kind, 0) + len(data)
    names = scripts(text)
    print("bytes:", kinds, f"{len(names)} scripts:", *names)
    with tempfile.TemporaryDirectory() as folder:
        program = options.ours or compiled(folder)
        same &= compare(SMALL, program, text)
        if options.qwen.exists():
            same &= compare(options.qwen, program, text)
        else:
            print(f"{options.qwen} is not here: the full vocabulary was not compared")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
