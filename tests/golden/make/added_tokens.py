#!/usr/bin/env python3
"""Golden ids of tokenizer files that differ in more than the vocabulary.

    added_tokens.py            writes tests/golden/tokenizer/added.json
    added_tokens.py --check    makes it again and compares

Each case changes the small tokenizer.json (tokenizer.py makes it): added tokens with every flag, no
normalizer, ignore_merges, and the ways in which older and newer writers spell the same. The oracle is
Hugging Face `tokenizers`: it loads each file and encodes the texts. A case is a list of changes, each
a path of keys and a value or what is done to the old one (see changed), so that the test in C++ makes
the same file.
"""
import json
import os
import pathlib
import random
import sys

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import tokenizers  # noqa: E402

GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "tokenizer"
FLAGS = ("special", "normalized", "lstrip", "rstrip", "single_word")
CONTENTS = ["<a>", "<a><b>", "<think>", "word", "the", "\u00e9t\u00e9", "e\u0301a", "\u212b", "\u65e5\u672c", " lead", "tail ",
            "x y", "'s", "|", "||", "\u0301", "12", "\ub8e8", "<|im_e", "a\u00a0b"]
FRAGMENTS = CONTENTS + [" ", "  ", "\n", "\t", "\u00a0", "\u3000", "a", "b", "_", "-", ".", "1", "the", "circle", "\u0301", "\u0323",
                        "e", "A\u030a", "\u65e5", "<|im_end|>", "<tool_call>", "!", "\u200d", "\u0660", "\u00bd"]


def flagged(draw):
    """Added tokens, in the order in which they are listed after the 22 of the file."""
    tokens = []
    for n, content in enumerate(draw.sample(CONTENTS, draw.randint(1, 6))):
        tokens.append({"id": 922 + n, "content": content, **{f: draw.random() < 0.4 for f in FLAGS}})
    return tokens


def layouts():
    """Other spellings and settings: name, changes."""
    strings = {"change": "join"}
    return [
        ("merges as strings", [["model", "merges", strings]]),
        ("an older writer: no ignore_merges, byte_fallback or prefix", [
            ["model", "merges", strings], ["model", "ignore_merges", {"change": "drop"}], ["model", "byte_fallback", {"change": "drop"}],
            ["model", "continuing_subword_prefix", None], ["model", "end_of_word_suffix", None]]),
        ("no type of the model", [["model", "type", {"change": "drop"}]]),
        ("no normalizer", [["normalizer", None]]),
        ("a sequence of one normalizer", [["normalizer", {"type": "Sequence", "normalizers": [{"type": "NFC"}]}]]),
        ("an empty sequence of normalizers", [["normalizer", {"type": "Sequence", "normalizers": []}]]),
        ("ignore_merges", [["model", "ignore_merges", True]]),
        ("ignore_merges, few merges", [["model", "ignore_merges", True], ["model", "merges", {"change": "first", "count": 40}]]),
        ("a pair listed twice", [["model", "merges", {"change": "repeat", "count": 20}]]),
        ("merges in another order", [["model", "merges", {"change": "reverse"}]]),
        ("byte_fallback and fuse_unk", [["model", "byte_fallback", True], ["model", "fuse_unk", True]]),
        ("an unk_token that is never used", [["model", "unk_token", "<|endoftext|>"]]),
        ("padding and truncation", [
            ["padding", {"strategy": "BatchLongest", "direction": "Right", "pad_to_multiple_of": None,
                         "pad_id": 900, "pad_type_id": 0, "pad_token": "<|endoftext|>"}]]),
        ("no post_processor", [["post_processor", None]]),
        ("no added tokens", [["added_tokens", []]]),
        ("Qwen3's four more", [["added_tokens", {"change": "append", "with": [
            {"id": 922 + n, "content": text, "single_word": False, "lstrip": False, "rstrip": False,
             "normalized": False, "special": False}
            for n, text in enumerate(["<tool_response>", "</tool_response>", "<think>", "</think>"])]}]]),
    ]


def changed(base, changes):
    root = json.loads(json.dumps(base))
    for *path, value in changes:
        node, key = root, path[-1]
        for step in path[:-1]:
            node = node[step]
        change = value.get("change") if isinstance(value, dict) else None
        if change == "drop":
            del node[key]
        elif change == "join":
            node[key] = [" ".join(pair) for pair in node[key]]
        elif change == "first":
            node[key] = node[key][:value["count"]]
        elif change == "repeat":
            node[key] = node[key] + node[key][:value["count"]]
        elif change == "reverse":
            node[key] = node[key][::-1]
        elif change == "append":
            node[key] = node[key] + value["with"]
        else:
            node[key] = value
    return root


def case(name, changes, base, texts):
    tokenizer = tokenizers.Tokenizer.from_str(json.dumps(changed(base, changes)))
    return {"name": name, "changes": changes,
            "texts": [[text, tokenizer.encode(text, add_special_tokens=False).ids] for text in texts]}


def made():
    draw = random.Random(11)
    base = json.loads((GOLDEN / "tokenizer.json").read_text())

    def texts(count, pool):
        return ["".join(draw.choices(pool, k=draw.randint(1, 14))) for _ in range(count)]
    cases = [case(name, changes, base, texts(12, FRAGMENTS)) for name, changes in layouts()]
    for n in range(40):
        tokens = flagged(draw)
        changes = [["added_tokens", {"change": "append", "with": tokens}]]
        if n % 5 == 4:
            changes.append(["normalizer", None])
        pool = [t["content"] for t in tokens] * 4 + FRAGMENTS
        # What is in the vocabulary keeps its id from there, and the ids after it move up.
        probe = tokenizers.Tokenizer.from_str(json.dumps(changed(base, changes)))
        for token in tokens:
            token["id"] = probe.token_to_id(token["content"])
        cases.append(case(f"flags {n}", changes, base, texts(12, pool)))
    return {"made_by": {"script": "tests/golden/make/added_tokens.py", "tokenizers": tokenizers.__version__},
            "cases": cases}


def main():
    text = json.dumps(made(), ensure_ascii=False, separators=(",", ":")).replace('{"name"', '\n{"name"') + "\n"
    file = GOLDEN / "added.json"
    if "--check" not in sys.argv[1:]:
        file.write_text(text)
        return 0
    same = file.read_text() == text
    print("added.json:", "same" if same else "differs")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
