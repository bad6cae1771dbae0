#!/usr/bin/env python3
"""Golden values of the tokenizer, the BPE trainer, Unicode and the chat template.

    .deps/oracle/bin/python tests/golden/make/tokenizer.py

writes tests/golden/tokenizer/{tokenizer,cases,unicode,chat}.json. Oracles: Hugging Face tokenizers
(BPE, training, NFC, pieces, decoding, character classes) and jinja2 with transformers' settings.
chat_template.jinja beside them is what our writer makes (a test compares the two); jinja2 runs it.
"""
import json
import pathlib
import random

import jinja2
import jinja2.sandbox
import tokenizers
from tokenizers import (AddedToken, Regex, Tokenizer, decoders, models, normalizers,
                        pre_tokenizers, processors, trainers)

from tiny_checkpoints import ADDED, PATTERN, SPECIAL

SEED = 20251122
OUT = pathlib.Path(__file__).resolve().parent.parent / "tokenizer"
MADE_BY = {
    "script": "tests/golden/make/tokenizer.py",
    "seed": SEED,
    "tokenizers": tokenizers.__version__,
    "jinja2": jinja2.__version__,
}

SENTENCES = """What color is the circle? The circle is red, I'm sure; it isn't blue.
Don't say they'd gone: we've 12 squares and 7 triangles, haven't we?
for (int i = 0; i < 10; ++i) {\n    total += values[i];\n}\n
La réponse est \\boxed{42}. Où est l'étoile ? Elle est à gauche.
Die grüne Fläche über dem Kreuz; straße, Übung, Öl.
Где находится красный круг? В центре, над звездой.
Πού είναι ο κύκλος; Στο κέντρο.
円は赤いです。星はどこですか。四角形は三つあります。
圆形是什么颜色？圆形是红色的。图片里有几个方块？
원은 빨간색입니다. 별은 어디에 있습니까?
चित्र में कितने वृत्त हैं? एक लाल वृत्त है।
ما لون الدائرة؟ الدائرة حمراء.
วงกลมสีอะไร วงกลมสีแดง
איפה הכוכב? הכוכב במרכז.
<think>red circle northwest, blue cross center</think>\\boxed{red}
\t\tx\t=\ty\r\n\r\n   indented   text   \n\n\n""".split("\n")

HAND = [
    "", " ", "  ", "\n", " \n \n", "\t\t", "Hello world", "  leading and trailing  ",
    "\n\n\nfoo\r\n\tbar", "1234567890 3.14", "don't DON'T we'LL I'm he's they'd you've",
    "'\u017f x", "a'\u017fb", "héllo é", "h\u00e9llo e\u0301", "\u2167 \u00bd \u00b2 \u4e00\u4e8c\u4e09",
    "こんにちは世界、テスト。", "안녕하세요", "\u1112\u1161\u11ab", "emoji \U0001F469\u200d\U0001F469\u200d\U0001F467\u200d\U0001F466 \U0001F1EB\U0001F1F7",
    "a\u00a0b\u3000c\u2003d\u180ee", "\\boxed{42}", "x=1;y+=2; // c++\n",
    "    if (a) {\n        b();\n    }\n", "<|endoftext|> <|fim_prefix|>", "<tool_call>x</tool_call>",
    "हिन्दी नमस्ते", "ไทย สวัสดี", "مرحبا بالعالم", "\x00\x01\x7f", "\ufb01 \u212b \u00c5 \u2126",
    "a'B'S's", "\ufffd\u200b\u200d", "\U0001E900\U00016A6F\U0001D7D8", "A\u030a\u0301", "       ",
    "!!!\n\n\n???", "/no_think", "<|image_pad|>< |image_pad|>", "<|im_start|><|im_start|>user\n",
    "Hello world <|im_start|>user\nIt's 2024 年!!  \n\n  a", "<|im_end", "<|im_end|", "<<|im_end|>>",
    "'", "''", "'s", "'S", "' s", "'re're", "'lL", "'vE'r", "x'll", "\n's", " 's", "!'s", "\u0301's",
    "\u0085\u2028\u2029a", "a\x1c\x1d b", " \u0301a", "\u0301\u0301", "\n\u0301", "q\u0323\u0307", "q\u0307\u0323",
    "\r", "\r\n", "\n\r\n", " \r", "a\r\n\r\nb", "!\r\n x", " !", "  !", "\t!", "\u3000!", " \u3000a",
    "1a", "a1", "1 a", "\u0661\u0662", "²³¹", "Ⅷ Ⅸ", "_a_b", "__", "-a", "--a", "$a", "a$", "\u00ada",
    "A" * 50, "ab" * 40, "\n" * 9, " " * 33 + "x", "-" * 20, "😀😀😀", "𠮷野家", "ﷺ", "ß ẞ ŉ ǰ",
]
FRAGMENTS = ["the", "red", "Circle", " is", "'s", "'LL", "'", "12", "3", " ", "  ", "\n", "\r\n", "\t",
             "!", "?!", "...", "é", "e\u0301", "日本", "語", "한", "\u1112\u1161", "क्षि", "น้ำ", "م", "ﬁ", "😀",
             "👩\u200d👧", "\u00a0", "\u2003", "½", "Ⅷ", "<|im_end|>", "<|image_pad|>", "<tool_call>", "<|",
             "|>", "\\boxed{", "}", "_", "-", "=", "\u200b", "\u0323", "\u0307", "Å", "\u212b", "\ufffd"]

PROMPTS = [
    [None, 1, "Describe."], [None, 0, "Hello"], ["You are terse.", 1, "What color is the circle?"],
    [None, 2, "Compare."], ["", 0, ""], [None, 0, "\n\nfoo"], [None, 1, "\n\nfoo\n"], [None, 3, "é ' \" \\ {{ x }}"],
    ["two\nlines\n", 0, "  spaces  "], [None, 1, "<think>\n</think> 年"], [None, 1, "{% raw %}"],
]


def build():
    t = Tokenizer(models.BPE())
    t.normalizer = normalizers.NFC()
    byte_level = dict(add_prefix_space=False, trim_offsets=False, use_regex=False)
    t.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(PATTERN), "isolated"),
        pre_tokenizers.ByteLevel(**byte_level)])
    t.post_processor = processors.ByteLevel(**byte_level)
    t.decoder = decoders.ByteLevel()
    return t


def corpus(rng):
    """Lines of the sentences' words in another order, some spelled by chance."""
    words = [w for s in SENTENCES for w in s.split(" ")]
    lines = list(SENTENCES)
    for _ in range(220):
        line = rng.choices(words, k=rng.randint(2, 12))
        line += ["".join(rng.choices("abeinorst", k=rng.randint(2, 9))) for _ in range(2)]
        lines.append(rng.choice(["", "", " ", "\n"]) + " ".join(line))
    return lines


def trained(lines):
    t = build()
    trainer = trainers.BpeTrainer(vocab_size=900, min_frequency=2, show_progress=False,
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    t.train_from_iterator(lines, trainer)
    layout = json.loads(t.to_str())  # what training resets, as Qwen's file has it
    layout["decoder"] = layout["pre_tokenizer"]["pretokenizers"][1]
    layout["model"].update(continuing_subword_prefix="", end_of_word_suffix="")
    t = Tokenizer.from_str(json.dumps(layout))
    t.add_special_tokens([AddedToken(s, normalized=False, special=True) for s in ADDED[:SPECIAL]])
    t.add_tokens([AddedToken(s, normalized=False) for s in ADDED[SPECIAL:]])
    return t


def pieces(t, text):
    split = pre_tokenizers.Split(Regex(PATTERN), "isolated")
    return [p for p, _ in split.pre_tokenize_str(t.normalizer.normalize_str(text))]


def cases(t, rng):
    texts = HAND + ["".join(rng.choices(FRAGMENTS, k=rng.randint(2, 12))) for _ in range(110)]
    plain = build()
    plain.model = t.model  # without added tokens
    out = [{"text": text, "ids": t.encode(text).ids, "plain": plain.encode(text).ids,
            "pieces": pieces(t, text)} for text in texts]
    decoded = []
    for _ in range(60):
        ids = [rng.randrange(t.get_vocab_size() + 5) for _ in range(rng.randint(1, 8))]
        ids += [rng.randrange(256) for _ in range(rng.randint(0, 6))]
        rng.shuffle(ids)
        decoded.append({"ids": ids, "text": t.decode(ids, skip_special_tokens=False),
                        "without_special": t.decode(ids, skip_special_tokens=True)})
    return out, decoded


def fnv(points):
    h = 0xCBF29CE484222325
    for c in points:
        h = ((h ^ c) * 0x100000001B3) % 2**64
    return h


def word_points(every):
    """The code points beside which an added token with single_word is not taken, in order."""
    t = Tokenizer(models.BPE({"<": 0}, []))  # knows nothing else: the rest gives no tokens
    t.add_tokens([AddedToken("|", single_word=True, normalized=False)])
    found = []
    for start in range(0, len(every), 4096):
        chunk = every[start:start + 4096]
        tokens = t.encode("".join(".|" + chr(c) for c in chunk))
        taken = {begin // 3 for i, (begin, _) in zip(tokens.ids, tokens.offsets) if i == 1}
        found += [c for i, c in enumerate(chunk) if i not in taken]
    return found


def unicode_values(rng):
    every = [c for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF]
    classes = {}
    for name, pattern in (("letter", r"\p{L}"), ("number", r"\p{N}"), ("space", r"\s")):
        keep = pre_tokenizers.Split(Regex("[^" + pattern[0:] + "]"), "removed")
        found = []
        for start in range(0, len(every), 4096):
            chunk = every[start:start + 4096]
            for _, (a, b) in keep.pre_tokenize_str("".join(map(chr, chunk))):
                found += chunk[a:b]
        classes[name] = {"count": len(found), "fnv": str(fnv(found))}
    beside = word_points(every)
    classes["word"] = {"count": len(beside), "fnv": str(fnv(beside))}
    normal = normalizers.NFC().normalize_str
    # Every code point alone, and after NFC of its parts beside marks that reorder.
    single = [ord(d) for c in every for d in normal(chr(c))]
    marks = [ord(d) for c in every for d in normal("a\u0301" + chr(c) + "\u0323")]
    bases = "aAeoUqгеあかはกअक한각" + "\u1100\u1161\u11a8" + "\u0915\u09c7\u0b47\u1025"
    tails = "\u0300\u0301\u0323\u0308\u0345\u0334\u093c\u3099\u309a\u09be\u0b56\u102e\u11a8\u1161\u05b0\u0655"
    samples = []
    for _ in range(150):
        text = "".join(rng.choice(bases) + "".join(rng.choices(tails, k=rng.randint(0, 4)))
                       for _ in range(rng.randint(1, 4)))
        samples.append([text, normal(text)])
    return {"made_by": MADE_BY, "classes": classes, "nfc_single": str(fnv(single)),
            "nfc_between_marks": str(fnv(marks)), "nfc": samples}


def render(template, messages, **more):
    env = jinja2.sandbox.ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    return env.from_string(template).render(messages=messages, **more)


def conversation(system, images, text):
    turns = [] if system is None else [{"role": "system", "content": system}]
    content = [{"type": "image", "image": "x.png"}] * images + [{"type": "text", "text": text}]
    return turns + [{"role": "user", "content": content}]


def chats(t):
    ours = (OUT / "chat_template.jinja").read_text()
    out = []
    for system, images, text in PROMPTS:
        rendered = render(ours, conversation(system, images, text), add_generation_prompt=True)
        counts = [4 + 3 * i for i in range(images)]
        expanded = rendered
        for n in counts:
            expanded = expanded.replace("<|image_pad|>", "<|hold|>" * n, 1)
        expanded = expanded.replace("<|hold|>", "<|image_pad|>")
        out.append({"system": system, "images": images, "text": text, "rendered": rendered,
                    "image_token_counts": counts, "ids": t.encode(expanded).ids})
    return {"made_by": MADE_BY, "prompts": out}


def write(name, value):
    (OUT / name).write_text(json.dumps(value, ensure_ascii=False, indent=0) + "\n")


def main():
    rng = random.Random(SEED)
    lines = corpus(rng)
    t = trained(lines)
    OUT.mkdir(exist_ok=True)
    t.save(str(OUT / "tokenizer.json"))
    encoded, decoded = cases(t, rng)
    write("cases.json", {"made_by": MADE_BY, "corpus": lines, "encode": encoded, "decode": decoded})
    write("unicode.json", unicode_values(rng))
    write("chat.json", chats(t))


if __name__ == "__main__":
    main()
