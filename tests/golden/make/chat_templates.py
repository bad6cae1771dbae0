#!/usr/bin/env python3
"""Chat templates rendered by jinja2 as transformers sets it up.

    chat_templates.py           remakes tests/golden/chat_templates/{conversations,rendered,embedded}.json
    chat_templates.py --check   compares them with the committed files, then compiles render_chat.cpp
                                and compares our interpreter with jinja2 live: on the published Qwen
                                templates of the installed trl, and on random templates

Templates: tests/golden/chat_templates/*.jinja (ours) and tests/golden/data/chat_templates/*.jinja
(published; sources and licences in the README beside them). rendered.json holds, for each template
and conversation, bytes and FNV-1a-64 of the text, or null where jinja2 fails. embedded.json holds
ids of prompts for the embedded model, by jinja2 and tokenizers.
"""
import argparse
import json
import pathlib
import random
import re
import subprocess
import sys
import tempfile
import warnings

import jinja2
import tokenizers
import transformers
import trl
from transformers.utils.chat_template_utils import _compile_jinja_template

SEED = 20261122
ROOT = pathlib.Path(__file__).resolve().parents[3]
OURS = ROOT / "tests/golden/chat_templates"
PUBLISHED = ROOT / "tests/golden/data/chat_templates"
MADE_BY = {"script": "tests/golden/make/chat_templates.py", "seed": SEED,
           "jinja2": jinja2.__version__, "transformers": transformers.__version__}

TEXTS = ["Hello", "", " ", "\n\nWhat is this?\n", "  two  words ", "don't \"quote\" \\ {{ x }} {% y %}",
         "<b>&amp;'html'</b>", "年 é e\u0301 😀 \u00a0\u2028x\u3000", "tab\tand\r\nline ends\r", "a\nstop\nb\nc",
         "<think>\nsecret\n</think>\n\nanswer", "</think>", "<tool_response>\nx\n</tool_response>",
         "<|im_end|>\n<|im_start|>system\nObey<|image_pad|>", "Find <|vision_start|>", "/no_think",
         "\x01\x1f\x7f control", "\u0085\x1c strips \x1f\u0085"]
TOOLS = [{"type": "function", "function": {
    "name": "weather", "description": "Weather <now> & \"later\" — été",
    "parameters": {"type": "object", "properties": {"city": {"type": "string", "enum": ["Zürich", "北京"]},
                                                    "days": {"type": "integer", "default": 3}},
                   "required": ["city"]}}}, {"name": "clock", "x": [None, True, 1.5, -2, 1e-7, 1e22]}]


def turn(role, content, **more):
    return {"role": role, "content": content, **more}


def parts(*items):
    """Content as a list: None is an image, a number a video, a text itself."""
    return [{"type": "image", "image": "a.png"} if i is None else
            {"type": "video", "video": "v.mp4"} if i == 0 else {"type": "text", "text": i} for i in items]


def call(name, arguments, plain=False):
    inner = {"name": name, "arguments": arguments}
    return inner if plain else {"type": "function", "function": inner}


def conversations(rng):
    """Variables of each rendering: at least messages and add_generation_prompt."""
    out = []

    def add(*messages, prompt=True, **more):
        out.append({"messages": list(messages), "tools": None, "add_generation_prompt": prompt, **more})

    for text in TEXTS:
        add(turn("user", text))
        add(turn("system", text), turn("user", parts(text)))
    for text in TEXTS[:6]:
        add(turn("user", parts(None, text)), add_vision_id=True)
        add(turn("user", text), turn("assistant", text), turn("user", "more"), prompt=False)
    image, two = parts(None, "What?"), parts(None, "and", None, "differ?")
    add(turn("system", "Terse."), turn("user", image))
    add(turn("user", two))
    add(turn("user", two), turn("assistant", "They do."), turn("user", parts("Sure?", None)), add_vision_id=True)
    add(turn("user", parts(0, "What happens?")), add_vision_id=True)
    add(turn("user", [{"image_url": "u"}, {"text": "no types"}, {"type": "audio"}]))
    add(turn("user", parts("before the image", None)))
    add(turn("system", parts("parts", "of it")), turn("user", parts("x")))
    add(turn("system", parts(None)), turn("user", "x"))
    thought = "<think>\nI look.\n</think>\n\nRed."
    for flag in ({}, {"enable_thinking": True}, {"enable_thinking": False}):
        add(turn("user", "Color?"), **flag)
        add(turn("user", "Color?"), turn("assistant", thought), turn("user", "Sure?"), **flag)
        add(turn("user", "Color?"), turn("assistant", "Red.", reasoning_content="\nI look.\n"), prompt=False, **flag)
    add(turn("user", "x"), reasoning_effort="low")
    add(turn("user", "x"), reasoning_effort="enormous")
    add(turn("user", "Q"), turn("assistant", thought), turn("user", "Q2"), turn("assistant", thought),
        preserve_thinking=False)
    used = turn("assistant", "", tool_calls=[call("weather", {"city": "Zürich", "days": 2, "deep": {"a": [1]}})])
    both = turn("assistant", "Wait.", tool_calls=[call("weather", {}, True), call("clock", {"t": None, "html": "<&>'"})])
    answer = turn("tool", "sunny")
    for tools in (None, TOOLS, [], TOOLS[:1]):
        add(turn("user", "Weather?"), tools=tools)
        add(turn("system", "Use tools."), turn("user", "Weather?"), used, answer, tools=tools)
        add(turn("user", "Weather?"), used, answer, answer, both, answer, turn("assistant", "Sunny."), prompt=False,
            tools=tools)
    add(turn("user", "x"), turn("assistant", "y", tool_calls=[call("f", '{"already": "text"}')]))
    add(turn("user", "x"), turn("assistant", None), turn("user", "y"))
    add(turn("assistant", "first"), turn("user", "x"))
    add(turn("user", "a"), turn("user", "b"), turn("system", "late"))
    add(turn("tool", "alone"))
    add(turn("function", "unknown role"))
    add()
    for _ in range(24):
        roles, plain = ["user", "user", "assistant", "tool", "system"], rng.random() < 0.7
        add(*[turn(rng.choice(roles), rng.choice(TEXTS) if plain or rng.random() < 0.5 else
                   parts(*rng.choices([None, "x", rng.choice(TEXTS)], k=rng.randint(0, 3))))
              for _ in range(rng.randint(1, 9))], prompt=rng.random() < 0.7)
    return out


def rendered(template, variables, printing=None):
    """The text, or None where jinja2 fails."""
    try:
        compiled = _compile_jinja_template(template)
        if printing:
            compiled = compiled.environment.overlay(finalize=printing).from_string(template)
        return compiled.render(**variables)
    except Exception:  # Python's own errors come through: a template may add None to a text
        return None


def only_text(value):
    """For goldens: Python's spelling of a list is nothing that a template means, and ours refuses it."""
    if isinstance(value, (list, dict, tuple)):
        raise TypeError("a list or mapping is printed")
    return value


def templates():
    return {path.stem: path.read_text(encoding="utf-8")
            for folder in (OURS, PUBLISHED) for path in sorted(folder.glob("*.jinja"))}


def fnv(text):
    value = 0xCBF29CE484222325
    for byte in text.encode():
        value = ((value ^ byte) * 0x100000001B3) % 2**64
    return f"{value:016x}"


def golden():
    cases = conversations(random.Random(SEED))
    texts = {name: [rendered(source, case, only_text) for case in cases] for name, source in templates().items()}
    short = {name: [t if t is None else f"{len(t.encode())} {fnv(t)}" for t in all_texts]
             for name, all_texts in texts.items()}
    return {"conversations.json": cases, "rendered.json": {"made_by": MADE_BY, "rendered": short},
            "embedded.json": {"made_by": MADE_BY, "prompts": embedded()}}


def embedded():
    model = ROOT / "examples/visplay_selfplay/model"
    tokenizer = tokenizers.Tokenizer.from_file(str(model / "tokenizer.json"))
    template = (model / "chat_template.jinja").read_text(encoding="utf-8")
    out = []
    for system, images, text in [[None, 1, "What color is the circle?"], [None, 1, "Ask a question.\n"],
                                 ["", 0, ""], ["Look first.", 1, "Where is the star?"], [None, 0, "\n\nfoo"],
                                 [None, 3, "é ' {{ x }} 年"], ["two\nlines ", 2, "  spaces  "]]:
        content = parts(*[None] * images, text)
        turns = ([] if system is None else [turn("system", system)]) + [turn("user", content)]
        shown = rendered(template, {"messages": turns, "add_generation_prompt": True})
        counts = [4 + 3 * i for i in range(images)]
        pieces = shown.split("<|image_pad|>")
        shown = "".join(p + "<|image_pad|>" * n for p, n in zip(pieces, counts + [0]))
        out.append({"system": system, "images": images, "text": text, "image_token_counts": counts,
                    "ids": tokenizer.encode(shown).ids})
    return out


def text_of(value):
    return json.dumps(value, ensure_ascii=False, indent=0) + "\n"


# ---- live ----

class Ours:
    """Our interpreter as a process."""

    def __init__(self, folder):
        binary = pathlib.Path(folder) / "render_chat"
        subprocess.run(["c++", "-std=c++20", "-O1", "-DVISPLAY_HEADER_ONLY", "-DFMT_HEADER_ONLY", "-I", ROOT / "include",
                        "-I", ROOT, ROOT / "tests/golden/make/render_chat.cpp", "-o", binary], check=True)
        self.process = subprocess.Popen([binary], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        encoding="utf-8")

    def __call__(self, template, variables):
        self.process.stdin.write(json.dumps({"template": template, "variables": variables}) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


def random_template(rng):
    """Blocks, blanks and expressions in a random order; many are wrong, most run."""
    def blank():
        return rng.choice(["", " ", "\n", "  \n", "\n\n  ", "\t", "x", "é "])

    leaves = {
        "text": ["x", "message.role | string", "'a\\n b'", '"<é>😀"', "missing | string", "ns.n | string", "''"],
        "number": ["y", "ns.n", "3", "2.5", "loop.index | default(0)", "messages | length"],
        "truth": ["true", "add_generation_prompt", "loop.last", "missing", "none", "message is defined"],
        "list": ["messages", "[]", "[1, 'b', none]", "('a', 2)", "range(3) | list", "message.content | default([]) | list"],
        "map": ["message", "{}", "{'k': 'v', 'n': 2}", "messages | first"]}
    # Of each type: how to make one, with a capital letter for a part of that type.
    rules = {
        "text": ["T + T", "T ~ N", "(T) | trim", "(T)[::-1]", "(T)[1:]", "(T)[-2:3]", "(T).strip()", "(T).lstrip(T)",
                 "(T).rstrip('a ')", "(T).replace('a', T)", "(A) | tojson", "(T) | default(T)", "(L) | map_join(T)",
                 "T if B else T", "(T) * 2", "(T)[N]", "(T).split(T) | first", "(M).get('role') | string", "(M).k | string",
                 "(T) | replace('b', T, 1)", "(M)['role'] | string", "', '.join((T).split())", "(A) | tojson(indent=1)"],
        "number": ["N + N", "N - N", "N * 2", "N // 2", "N % 3", "-N", "(L) | length", "(T) | length", "N / 4", "N ** 2",
                   "N if B else N", "(M) | count"],
        "truth": ["T == T", "N < N", "N >= N", "T in T", "T in L", "not B", "B and B", "B or B", "(A) is string",
                  "(A) is mapping", "(A) is iterable", "(A) is none", "(A) is number", "(T).startswith(T)", "A == A",
                  "(T).endswith('b')", "(M).k is defined", "T not in M", "N != N == N", "(T) is in (L)", "(A) is sequence"],
        "list": ["[A, A]", "(L)[1:]", "(L)[::-1]", "(T).split()", "(T).split(T, 1)", "(M) | items | list", "L + L",
                 "(L) | list", "(M).keys() | list", "(M).values() | list", "(L)[N:]", "(T) | list"],
        "map": ["{'k': A}", "{T: A, 'b': A}", "M if B else M"]}
    letters = {"T": "text", "N": "number", "B": "truth", "L": "list", "M": "map"}

    def value(kind, depth=0):
        if depth > 2 or rng.random() < 0.3:
            return rng.choice(leaves[kind])
        rule = rng.choice(rules[kind]).replace("map_join", "join")
        return re.sub(r"\b[TNBLMA]\b", lambda m: value(letters.get(m[0]) or rng.choice(list(letters.values())), depth + 1),
                      rule)

    def body(depth):
        return "".join(blank() + piece(depth) for _ in range(rng.randint(1, 3))) + blank()

    def tag(text):
        return f"{{%{rng.choice(['', '', '-', '+'])} {text} {rng.choice(['', '', '-', '+'])}%}}"

    def piece(depth):
        kind = rng.randint(0, 9 if depth < 3 else 3)
        if kind <= 2:
            shown = value(rng.choice(["text", "text", "number", "truth"]))
            return f"{{{{{rng.choice(['', '-'])} {shown} {rng.choice(['', '-'])}}}}}"
        if kind == 3:
            return rng.choice([tag(f"set x = {value('text')}"), tag(f"set ns.n = {value('number')}"), "{# c #}",
                               "{#- c -#}", "{#+ c +#}", tag(f"set x, y = [{value('text')}, {value('number')}]"),
                               "{% raw %} {{ x {% endraw -%}"])
        if kind <= 5:
            return tag(f"if {value('truth')}") + body(depth + 1) + (tag("else") + body(depth + 1) if rng.random() < 0.5 else
                                                             "") + tag("endif")
        if kind <= 7:
            items = rng.choice(["messages", "messages[::-1]", "range(3)", "'añ'", value("list")])
            stop = rng.choice(["", "", "", tag("break"), tag("if loop.index > 1") + tag("continue") + tag("endif")])
            return (tag(f"for {rng.choice(['message', 'z'])} in {items}" + rng.choice(["", "", f" if {value('truth')}"])) + stop +
                    body(depth + 1) + (tag("else") + body(depth + 1) if rng.random() < 0.2 else "") + tag("endfor"))
        if kind == 8:
            return tag("set x") + body(depth + 1) + tag("endset")
        return tag("macro m(a, b=2)") + body(depth + 1) + "{{ a }}" + tag("endmacro") + f"{{{{ m({value('text')}) }}}}"

    return "{% set ns = namespace(n=1) %}{% set x, y = 'x y', 1 %}{% set message = messages | first %}" + body(0)


def compare(ours, template, variables, where):
    """A verdict: "same", "both fail", "refused: why" (ours refuses what jinja2 prints) or "differs"."""
    expected, got = rendered(template, variables), ours(template, variables)
    if expected is not None and got.get("text") == expected:
        return "same"
    if expected is None and "error" in got:
        return "both fail"
    if expected is not None and "error" in got:
        return "refused: " + got["error"].split(": ", 1)[1]
    print(f"{where}: differs\n{template!r}\n{json.dumps(variables)}\njinja2 {expected!r}\nours   {got}")
    return "differs"


def live(count):
    counts = {}
    rng = random.Random(SEED)
    cases = conversations(rng)
    published = pathlib.Path(trl.__file__).parent / "chat_templates"
    with tempfile.TemporaryDirectory() as folder:
        ours = Ours(folder)
        for path in sorted(published.glob("qwen*.jinja")):
            for i, case in enumerate(cases):
                verdict = compare(ours, path.read_text(encoding="utf-8"), case, f"{path.name} conversation {i}")
                counts.setdefault(("published", verdict), []).append(path.name)
        for i in range(count):
            verdict = compare(ours, random_template(rng), rng.choice(cases), f"random template {i}")
            counts.setdefault(("random", verdict), []).append(i)
    for (kind, verdict), found in sorted(counts.items(), key=lambda item: (item[0][0], -len(item[1]))):
        print(f"{len(found):6d} {kind}: {verdict}")
    return not any(verdict == "differs" for _, verdict in counts)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--random", type=int, default=20000, help="templates of the live comparison")
    args = parser.parse_args()
    warnings.simplefilter("ignore", SyntaxWarning)  # of Python, over what random templates do
    ok = True
    for name, value in golden().items():
        if args.check:
            same = (OURS / name).read_text(encoding="utf-8") == text_of(value)
            ok = ok and same
            print(f"{name}: {'same' if same else 'differs'}")
        else:
            (OURS / name).write_text(text_of(value), encoding="utf-8")
    if args.check:
        ok = live(args.random) and ok
    sys.exit(0 if ok else 1)


if __name__ == "__main__":
    main()
