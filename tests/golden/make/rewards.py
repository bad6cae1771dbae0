"""Golden rewards and labels of the three modes, from an own derivation.

    .deps/oracle/bin/python tests/golden/make/rewards.py                      writes tests/golden/rewards.json
    .deps/oracle/bin/python tests/golden/make/rewards.py --check              makes it again and compares
    .deps/oracle/bin/python tests/golden/make/rewards.py --official COT_VAL.PY   also runs the authors'
        own compute_score (bruno686/VisPlay, train_examples/reward_function/cot_val.py) on every batch
    .deps/oracle/bin/python tests/golden/make/rewards.py --scrl SCRL_UTILS.PY    also runs SCRL's own
        determine_pseudo_labels (Jasper-Yan/SCRL, verl/verl/trainer/ppo/scrl_utils.py)

Oracles: nltk's BLEU, scikit-learn's clusters, Python's re and exact fractions; TRL for the overlong
penalty. Nothing is shared with the C++ code.
"""
import importlib.util
import json
import math
import pathlib
import random
import re
import sys
import types
from fractions import Fraction

import nltk
import numpy
import sklearn
import trl
from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu
from sklearn.cluster import AgglomerativeClustering
from trl.rewards import get_soft_overlong_punishment

SEED = 20251123
OUT = pathlib.Path(__file__).resolve().parent.parent / "rewards.json"
METHOD = SmoothingFunction().method1
OFFICIAL_FORM = re.compile(r"<type>(.*?)</type>.*?<question>(.*?)</question>.*?<answer>(.*?)</answer>", re.DOTALL)
BANDS = {"paper": ("0.25", "0.75", None, "1"), "official": ("0.3", "0.8", None, "1"),
         "robust": ("0.4", "0.95", "0.1", "0.3")}


# ---- what a text says ----

def question_of(mode, text):
    if mode == "official":
        found = OFFICIAL_FORM.search(text)
        parts = [part.strip() for part in found.groups()] if found else []
        return parts[1] if parts and all(parts) else None
    best = None  # the balanced pair that opens last
    for start in [m.end() for m in re.finditer("<question>", text)]:
        end = text.find("</question>", start)
        if end >= 0 and "<question>" not in text[start:end]:
            best = text[start:end].strip()
    return best or None


def answer_of(text):
    """Content of the balanced box that opens last; None if there is none or a blank one."""
    found = None
    for start in [m.end() for m in re.finditer(r"\\boxed\{", text)]:
        depth, at = 1, start
        while at < len(text) and depth:
            depth += {"{": 1, "}": -1}.get(text[at], 0)
            at += 1
        if not depth:
            found = text[start:at - 1].strip()
    return found or None


def normal(answer):
    words = " ".join(answer.split()).lower()
    return words.rstrip(".").rstrip() or words


def count(votes):
    """[(first answer, votes)] in order of first votes, and the numbers of unparsed and truncated."""
    classes, unparsed, truncated = {}, 0, 0
    for text, cut in votes:
        answer = answer_of(text)
        if answer is None:
            truncated, unparsed = truncated + cut, unparsed + (not cut)
        else:
            classes.setdefault(normal(answer), []).append(answer)
    return [(answers[0], len(answers)) for answers in classes.values()], unparsed, truncated


# ---- clusters ----

def cluster(texts):
    n = len(texts)
    if n < 2:
        return list(range(n))
    distance = numpy.zeros((n, n))
    for i in range(n):
        for j in range(i + 1, n):
            like = sentence_bleu([texts[j].split()], texts[i].split(), smoothing_function=METHOD)
            distance[i, j] = distance[j, i] = 1 - like
    return [int(x) for x in AgglomerativeClustering(
        n_clusters=None, distance_threshold=0.5, metric="precomputed", linkage="average").fit_predict(distance)]


def clusters(mode, groups, questions):
    """(cluster or None, share) of each, numbered in order of first appearance."""
    raw, share = [None] * len(groups), [0.0] * len(groups)
    for group in [None] if mode == "official" else sorted(set(groups)):
        everyone = [i for i, g in enumerate(groups) if group is None or g == group]
        members = [i for i in everyone if group is None or questions[i]]
        labels = cluster([questions[i] or "" for i in members])
        for i, label in zip(members, labels):
            raw[i], share[i] = (group, label), labels.count(label) / len(everyone)
    numbers = {}
    return [None if r is None else numbers.setdefault(r, len(numbers)) for r in raw], share


# ---- the three modes ----

def verdict(mode, classes, unparsed, truncated):
    low, high, margin, most = [b and Fraction(b) for b in BANDS[mode]]
    m = sum(n for _, n in classes) + unparsed + truncated
    if not classes:
        return "no_answer"
    ranked = sorted((n for _, n in classes), reverse=True) + [0]
    over = m
    if mode == "official":
        over = m - unparsed - truncated
        if unparsed + truncated > ranked[0]:
            return "unparsed"
    if Fraction(unparsed, m) > most:
        return "unparsed"
    c = Fraction(ranked[0], over)
    if c < low:
        return "hard"
    if c > high:
        return "easy"
    return "tied" if margin is not None and Fraction(ranked[0] - ranked[1], over) <= margin else "kept"


def judge(mode, batch):
    weights = batch["weights"]
    questions = [question_of(mode, line["text"]) for line in batch["lines"]]
    ids, shares = clusters(mode, [line["group"] for line in batch["lines"]], questions)
    out = []
    for line, question, cluster_id, share in zip(batch["lines"], questions, ids, shares):
        classes, unparsed, truncated = count(line["votes"])
        m = len(line["votes"])
        top = max([n for _, n in classes], default=0)
        largest = max(top, unparsed + truncated) if mode == "official" else top
        c = Fraction(largest, m) if m else Fraction(0)
        blind, _, _ = count(line["blind_votes"])
        blind_c = max([n for _, n in blind], default=0) / max(1, len(line["blind_votes"]))
        penalty = weights["diversity"] * share
        if mode == "official":
            reward = (float(min(c, 1 - c)) if question else -1.0) - penalty
        else:
            reward = float(1 - abs(2 * c - 1)) - penalty
            if mode == "robust":
                reward -= weights["archive"] * line["archive_share"] + weights["blind"] * blind_c
                if m and Fraction(unparsed, m) > Fraction(BANDS[mode][3]):
                    reward = 0.0
            reward = max(0.0, reward) if question else 0.0
        out.append({
            "question": question, "kinds": [m - unparsed - truncated, unparsed, truncated],
            "label": next((a for a, n in classes if n == top), None),
            "why": verdict(mode, classes, unparsed, truncated),
            "confidence": float(c), "cluster": cluster_id, "share": share, "reward": reward,
            "entropy": -sum(n / sum(k for _, k in classes) * math.log(n / sum(k for _, k in classes)) for _, n in classes),
        })
    return out


# ---- random batches ----

SUBJECTS = ["the red circle", "a small dog", "the left sign", "the third bar", "every square in the top row"]
FORMS = ["What color is {s}?", "How many objects are near {s}?", "Is {s} larger than {t}?", "Where is {s}?",
         "What is written below {s} in the picture?", "{s}", "Which of {s} and {t} comes first on the page?"]


def text_of(draw):
    s, t = draw.sample(SUBJECTS, 2)
    question = draw.choice(FORMS).format(s=s, t=t)
    kind = draw.choice(["full"] * 8 + ["question", "question", "order", "empty", "plain", "noise", "twice", "open"])
    return {
        "full": f"<type>count</type>\n<question>{question}</question>\n<answer>two</answer>",
        "question": f"<question> {question} </question>",
        "order": f"<question>{question}</question><type>count</type><answer>two</answer>",
        "empty": "<type>count</type><question>  </question><answer>two</answer>",
        "plain": question,
        "noise": f"Sure. <type>count</type> or <question>{question}</question> so <answer>2</answer>. Done.",
        "twice": f"<question>{question}</question> no, <question>Is it?</question>",
        "open": f"<type>count</type><question>{question}<answer>two</answer>",
    }[kind]


def votes_of(draw):
    m = draw.choice([0, 1, 2, 5, 9, 10, 10, 10, 12])
    answers = draw.sample(["red", "blue", "7", "\\frac{1}{2}", "no circle", "no square", "None"], draw.choice([1, 2, 2, 3, 5]))
    bad = draw.choice([0, 0, 0.2, 0.5])
    votes = []
    for _ in range(m):
        if draw.random() < bad:
            votes.append([draw.choice(["I do not know", "\\boxed{}", "\\boxed{red", ""]), draw.random() < 0.3])
        else:
            said = draw.choice(answers)
            said = draw.choice([said, said, f" {said}. ", said.upper() if said.isalpha() else said])
            votes.append([f"<think>x</think>\\boxed{{{said}}}", draw.random() < 0.1])
    return votes


def batch_of(draw):
    groups, size = draw.choice([1, 2, 3]), draw.choice([2, 4, 8])
    lines = [{"group": g, "text": text_of(draw), "votes": votes_of(draw), "blind_votes": votes_of(draw)[:4],
              "archive_share": draw.choice([0, 0.25, 0.5])} for g in range(groups) for _ in range(size)]
    if draw.random() < 0.5:
        draw.shuffle(lines)
    weights = {"diversity": draw.choice([1, 1, 0.5, 0]), "archive": draw.choice([0, 0.5]), "blind": draw.choice([0, 0.3])}
    return {"weights": weights, "lines": lines}


# ---- the other rewards ----

def overlong_cases():
    cases = []
    for length, window in [(100, 20), (2048, 512), (64, 64)]:
        punish = get_soft_overlong_punishment(length, window)
        at = sorted({1, window, length - window - 1, length - window, length - window + 1, length - 1, length,
                     length + 1, 2 * length} - {0, -1})
        cases.append({"max_length": length, "window": window, "at": at,
                      "scores": punish(prompts=None, completions=None, completion_ids=[[0] * n for n in at])})
    return cases


def scrl_label(votes, entropy):
    """Positive class and negatives, by index in order of first votes; votes are words, '-' has no answer."""
    m, order = len(votes), list(dict.fromkeys(v for v in votes if v != "-"))
    size = {a: votes.count(a) for a in order}
    ranked = sorted(order, key=lambda a: -size[a])
    positive = None
    if ranked and Fraction(size[ranked[0]], m) >= Fraction(1, 2):
        second = size[ranked[1]] if len(ranked) > 1 else 0
        if Fraction(size[ranked[0]] - second, m) > Fraction("0.15"):
            positive = ranked[0]
    mean = float(numpy.mean(entropy))
    negatives = [a for a in order if a != positive and Fraction(size[a], m) < Fraction("0.15")
                 and float(numpy.mean([h for v, h in zip(votes, entropy) if v == a])) >= mean]
    return (-1 if positive is None else order.index(positive)), sorted(order.index(a) for a in negatives)


def scrl_cases(draw):
    cases = []
    for _ in range(60):
        m = draw.choice([8, 16, 20, 32])
        kinds = draw.choices("ABCDEF-", weights=[draw.choice([1, 4, 12]) for _ in "ABCDEF"] + [draw.choice([0, 2])], k=m)
        entropy = [round(draw.random(), 4) for _ in kinds]
        positive, negatives = scrl_label(kinds, entropy)
        cases.append({"votes": " ".join(kinds), "entropy": entropy, "positive": positive, "negatives": negatives})
    return cases


def make():
    draw = random.Random(SEED)
    batches = [batch_of(draw) for _ in range(24)]
    for batch in batches:
        batch["expected"] = {mode: judge(mode, batch) for mode in BANDS}
    return {
        "made_by": {"script": "tests/golden/make/rewards.py", "seed": SEED, "nltk": nltk.__version__,
                    "scikit-learn": sklearn.__version__, "numpy": numpy.__version__, "trl": trl.__version__},
        "batches": batches, "overlong": overlong_cases(), "scrl": scrl_cases(draw)}


# ---- the authors' own functions ----

def load(path, **stubs):
    for name, content in stubs.items():
        parts = name.split("__")
        for i in range(1, len(parts) + 1):
            sys.modules.setdefault(".".join(parts[:i]), types.ModuleType(".".join(parts[:i])))
        sys.modules[".".join(parts)].__dict__.update(content)
    spec = importlib.util.spec_from_file_location("peer", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run_official(path, golden):
    """Their compute_score, with the answers of the model server replaced by our counts."""
    peer = load(path, requests={})
    worst, rewards = 0.0, 0
    for batch in golden["batches"]:
        wanted = judge("official", {**batch, "weights": {**batch["weights"], "diversity": 1}})
        counts = [float(w["confidence"]) for w in wanted]
        peer.generate_results = lambda data: [
            {"question": d["question"], "score": c if d["question"] else -1} for d, c in zip(data, counts)]
        texts = [line["text"] for line in batch["lines"]]
        got = peer.compute_score(texts, [None] * len(texts), texts, texts)
        worst = max([worst] + [abs(g["overall"] - w["reward"]) for g, w in zip(got, wanted)])
        rewards += len(got)
    print(f"official compute_score: {rewards} rewards, largest difference {worst}")
    return worst < 1e-12


def run_scrl(path, golden):
    """Their thresholds compare doubles; cases whose margin or share lies on a threshold are left out."""
    peer = load(path, verl__utils__reward_score__ttrl_math={
        "extract_answer": lambda text: None if text == "-" else text,
        "simplify_expression_string": lambda text: text, "grade": lambda a, b: a == b})
    same, edge = 0, 0
    for case in golden["scrl"]:
        votes = case["votes"].split()
        order = list(dict.fromkeys(v for v in votes if v != "-"))
        positive, negatives, _ = peer.determine_pseudo_labels(votes, numpy.array(case["entropy"]), len(votes))
        sizes = sorted((votes.count(a) for a in order), reverse=True) + [0, 0]
        if Fraction(sizes[0] - sizes[1], len(votes)) == Fraction("0.15"):
            edge += 1
            continue
        ours = (None if case["positive"] < 0 else order[case["positive"]], [order[i] for i in case["negatives"]])
        if (positive[0], sorted(negatives[0])) != (ours[0], sorted(ours[1])):
            print("scrl differs:", case, positive, negatives)
            return False
        same += 1
    print(f"SCRL determine_pseudo_labels: {same} prompts equal, {edge} on the margin left out")
    return True


if __name__ == "__main__":
    sys.setrecursionlimit(10000)
    golden = make()
    text = json.dumps(golden).replace("}, {", "},\n {") + "\n"
    arguments = sys.argv[1:]
    good = True
    if "--official" in arguments:
        good &= run_official(arguments[arguments.index("--official") + 1], golden)
    if "--scrl" in arguments:
        good &= run_scrl(arguments[arguments.index("--scrl") + 1], golden)
    if "--check" in arguments:
        good &= OUT.read_text() == text
        print("rewards.json:", "equal" if OUT.read_text() == text else "DIFFERS")
    if not arguments:
        OUT.write_text(text)
    sys.exit(0 if good else 1)
