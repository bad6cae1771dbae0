"""Golden questions and answers of the procedural world, by a truth program of its own.

    .deps/oracle/bin/python tests/golden/make/world_truth.py

Written from the description of the grammar, not from the C++: scenes are drawn here, questions are
strings, and each truth is computed from the string alone. Writes tests/golden/world_truth.json.
"""
import json
import pathlib
import random
import re
import sys

SEED = 20261124
COLORS = "red orange yellow green blue purple".split()
SHAPES = "circle square triangle cross diamond".split()
PLACES = "northwest north northeast west center east southwest south southeast".split()
XY = {name: (i % 3, i // 3) for i, name in enumerate(PLACES)}
COLOR, PLACE = "|".join(COLORS), "|".join(PLACES)
NOUN = "|".join(SHAPES + ["shape"])
PLURAL = {("crosses" if s == "cross" else s + "s"): s for s in SHAPES + ["shape"]}
PHRASE = rf"((?:(?:{COLOR}) )?(?:{NOUN}))"


def pick(scene, phrase):
    found = scene
    for word in phrase.split():
        if word != "shape":
            found = [o for o in found if word in (o["color"], o["shape"])]
    return found


def one(found, value):
    return "none" if not found else "many" if len(found) > 1 else value(found[0])


def relation(scene, a, how, b):
    a, b = pick(scene, a), pick(scene, b)
    if not a or not b:
        return "none"
    if len(a) > 1 or len(b) > 1:
        return "many"
    (ax, ay), (bx, by) = XY[a[0]["place"]], XY[b[0]["place"]]
    holds = {"left of": ax < bx, "right of": ax > bx, "above": ay < by, "below": ay > by}[how]
    return "yes" if holds else "no"


def at(scene, place):
    return [o for o in scene if o["place"] == place]


RULES = [
    (rf"what color is the {PHRASE}", lambda s, p: one(pick(s, p), lambda o: o["color"])),
    (rf"what color is the shape in the ({PLACE})", lambda s, p: one(at(s, p), lambda o: o["color"])),
    (rf"what shape is ({COLOR})", lambda s, c: one(pick(s, c), lambda o: o["shape"])),
    (rf"what shape is in the ({PLACE})", lambda s, p: one(at(s, p), lambda o: o["shape"])),
    (rf"how many ((?:(?:{COLOR}) )?)({'|'.join(PLURAL)}) are there",
     lambda s, c, n: str(len(pick(s, c + PLURAL[n])))),
    (rf"is there an? {PHRASE}", lambda s, p: "yes" if pick(s, p) else "no"),
    (rf"where is the {PHRASE}", lambda s, p: one(pick(s, p), lambda o: o["place"])),
    (rf"is the {PHRASE} (left of|right of|above|below) the {PHRASE}", relation),
]


def truth(scene, question):
    text = " ".join(question.lower().split())
    text = text[:-1].strip() if text.endswith("?") else text
    for pattern, answer in RULES:
        match = re.fullmatch(pattern, text)
        if match:
            return answer(scene, *match.groups())
    return ""  # not of the grammar


def a_phrase(rng, scene, plural=False):
    """Of an object of the scene, mostly; else any."""
    shown = rng.choice(scene)
    color, noun = rng.choice([(shown["color"], shown["shape"])] * 3
                             + [(rng.choice(COLORS), rng.choice(SHAPES + ["shape"]))])
    if plural:
        noun = next(many for many, single in PLURAL.items() if single == noun)
    return noun if rng.random() < 0.3 else f"{color} {noun}"


def a_question(rng, scene):
    how = rng.choice(["left of", "right of", "above", "below"])
    an = rng.choice(["a", "an"])
    place = rng.choice(PLACES + [shown["place"] for shown in scene] * 2)
    return rng.choice([
        f"What color is the {a_phrase(rng, scene)}?",
        f"What color is the shape in the {place}?",
        f"What shape is {rng.choice(COLORS)}?",
        f"What shape is in the {place}?",
        f"How many {a_phrase(rng, scene, True)} are there?",
        f"Is there {an} {a_phrase(rng, scene)}?",
        f"Where is the {a_phrase(rng, scene)}?",
        f"Is the {a_phrase(rng, scene)} {how} the {a_phrase(rng, scene)}?",
    ])


def damaged(rng, question):
    """A word dropped, doubled, swapped or replaced; now and then still grammatical."""
    words = question.split()
    i = rng.randrange(len(words))
    kind = rng.randrange(5)
    if kind == 0:
        del words[i]
    elif kind == 1:
        words.insert(i, words[i])
    elif kind == 2:
        j = rng.randrange(len(words))
        words[i], words[j] = words[j], words[i]
    elif kind == 3:
        words[i] = rng.choice(COLORS + SHAPES + PLACES + ["the", "is", "pink", "?", "of"])
    else:
        return "  " + question.upper().replace(" ", " \t ").rstrip("?") + rng.choice(["", " ?", "?\n"])
    return " ".join(words)


def main():
    rng = random.Random(SEED)
    scenes, cases = [], []
    for index in range(60):
        places = rng.sample(PLACES, rng.randint(1, 6))
        scenes.append([{"color": rng.choice(COLORS[: rng.randint(2, 6)]),
                        "shape": rng.choice(SHAPES[: rng.randint(2, 5)]), "place": p} for p in places])
        for _ in range(20):
            question = a_question(rng, scenes[-1])
            if rng.random() < 0.3:
                question = damaged(rng, question)
            cases.append({"scene": index, "question": question, "answer": truth(scenes[-1], question)})
    out = pathlib.Path(__file__).parent.parent / "world_truth.json"
    lines = ",\n".join(json.dumps(case) for case in cases)
    scene_lines = ",\n".join(json.dumps(scene) for scene in scenes)
    out.write_text(f'{{"seed": {SEED}, "python": "{sys.version.split()[0]}",\n"scenes": [\n{scene_lines}],\n'
                   f'"cases": [\n{lines}]}}\n')


if __name__ == "__main__":
    main()
