"""Golden values of BLEU, clusters, Student's t and boxed answers.

    .deps/oracle/bin/python tests/golden/make/text_and_clusters.py

writes tests/golden/{bleu,clusters,question_batches,student_t,boxed}.json. Oracles: nltk,
scikit-learn, scipy, mathruler.

    ... text_and_clusters.py --check [--ours PROGRAM --batches 50 --seed N]

makes the values again and compares them with the files; with PROGRAM (benchmarks/reward/
cluster_lines.cpp) it also compares clusters of that many batches that no file has.
"""
import argparse
import collections
import functools
import importlib.metadata
import json
import pathlib
import random
import subprocess
import sys
import warnings

import nltk
import numpy
import scipy
import scipy.stats
import sklearn
from mathruler.grader import extract_boxed_content
from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu
from sklearn.cluster import AgglomerativeClustering

SEED = 20251122
OUT = pathlib.Path(__file__).resolve().parent.parent
MADE_BY = {
    "script": "tests/golden/make/text_and_clusters.py",
    "seed": SEED,
    "nltk": nltk.__version__,
    "scikit-learn": sklearn.__version__,
    "scipy": scipy.__version__,
    "numpy": numpy.__version__,
    "mathruler": importlib.metadata.version("mathruler"),
}
METHODS = [getattr(SmoothingFunction(), f"method{i}") for i in range(8)]
warnings.filterwarnings("ignore", message=r"\s*The hypothesis contains 0 counts")


def as_text(content):
    text = json.dumps({"made_by": MADE_BY, **content}, ensure_ascii=True)
    return text.replace('], [', '],\n [').replace('}, {', '},\n {') + "\n"


@functools.lru_cache(maxsize=None)
def bleu(hypothesis, reference, method=1):
    """None where nltk refuses: method 6 without a 3-gram in common."""
    try:
        return float(sentence_bleu([reference.split()], hypothesis.split(), smoothing_function=METHODS[method]))
    except AssertionError:
        return None


def question(draw):
    form = draw.choice([
        "What color is the {s}?", "What shape is {c}?", "What is in the {p}?", "Is there a {c} {s}?",
        "How many {c} objects are there?", "Where is the {c} {s}?", "Is the {s} left of the {c} {s}?",
        "{s}", "{c} {s}", "the the the {s}", "",
    ])
    return form.format(c=draw.choice(["red", "blue", "green"]), s=draw.choice(["circle", "cross", "square"]),
                       p=draw.choice(["north", "south", "center"]))


def bleu_cases(draw):
    texts = [question(draw) for _ in range(24)] + [
        "a", "a b", "a b c", "a b c d", "a b c d e", "d c b a", "a a a a", "a a b b a a",
        "the\tcat \n sat  on\u00a0the\u3000mat", "the cat sat on the mat", "\u2003 \x1c", "caf\u00e9 au lait",
        "the quick brown fox jumps over the lazy dog and the quick brown fox sleeps",
    ]
    pairs = [[a, b] for a in range(len(texts)) for b in range(len(texts))]
    return {"texts": texts, "bleu": [[bleu(texts[a], texts[b], m) for a, b in pairs] for m in range(8)]}


def labels(distance, threshold):
    found = AgglomerativeClustering(n_clusters=None, distance_threshold=threshold, metric="precomputed",
                                    linkage="average").fit_predict(distance)
    seen = {}
    return [seen.setdefault(int(label), len(seen)) for label in found]


def symmetric(n, of):
    matrix = numpy.zeros((n, n))
    for i in range(n):
        for j in range(i + 1, n):
            matrix[i, j] = matrix[j, i] = of(i, j)
    return matrix


def upper(matrix):
    return [float(matrix[i, j]) for i in range(len(matrix)) for j in range(i + 1, len(matrix))]


def cluster_cases(draw):
    cases = []
    for case in range(120):
        n = draw.choice([2, 3, 4, 5, 6, 8, 12, 20])
        kind = draw.choice(["uniform", "tied", "duplicates", "points"])
        if kind == "uniform":
            matrix = symmetric(n, lambda i, j: round(draw.random(), 6))
        elif kind == "tied":  # few values, so ties everywhere, also at the threshold
            matrix = symmetric(n, lambda i, j: draw.choice([0.0, 0.25, 0.5, 0.75, 1.0]))
        elif kind == "duplicates":
            same = [draw.randrange(max(1, n // 2)) for _ in range(n)]
            matrix = symmetric(n, lambda i, j: 0.0 if same[i] == same[j] else 0.5 + 0.25 * ((same[i] + same[j]) % 3))
        else:
            at = [draw.randrange(9) / 8 for _ in range(n)]
            matrix = symmetric(n, lambda i, j: abs(at[i] - at[j]))
        threshold = draw.choice([0.25, 0.5, 0.5, 0.6])
        cases.append({"kind": kind, "items": n, "threshold": threshold, "upper": upper(matrix),
                      "labels": labels(matrix, threshold)})
    return cases


class SplitMix:
    """SplitMix64, as tests/support/question_batch.hpp has it."""

    def __init__(self, seed):
        self.state = seed

    def below(self, n):
        mask = (1 << 64) - 1
        self.state = (self.state + 0x9E3779B97F4A7C15) & mask
        z = self.state
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & mask
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB & mask
        return (z ^ (z >> 31)) % n


FORMS = ["What color is the {} {}?", "How many {} are left of the {}?", "{} {}", "Is there a {} in the picture near the {}?"]


def question_batch(seed):
    """Texts with duplicates, empty ones and tied distances; the same rule as question_batch.hpp."""
    draw = SplitMix(seed)
    n = [1, 2, 3, 5, 8, 17, 40, 100, 200, 300][draw.below(10)]
    vocabulary = [2, 5, 20, 200][draw.below(4)]
    longest = [3, 6, 14, 30][draw.below(4)]
    copied = [0, 10, 60][draw.below(3)]  # percent
    empty = [0, 5][draw.below(2)]
    formed = [0, 50, 100][draw.below(3)]
    texts = []
    for i in range(n):
        kind = draw.below(100)
        if i > 0 and kind < copied:
            texts.append(texts[draw.below(i)])
        elif draw.below(100) < empty:
            texts.append("")
        elif draw.below(100) < formed:
            form = FORMS[draw.below(4)]
            first = draw.below(vocabulary)
            texts.append(form.format(f"w{first}", f"w{draw.below(vocabulary)}"))
        else:
            texts.append(" ".join(f"w{draw.below(vocabulary)}" for _ in range(draw.below(longest + 1))))
    return texts


def question_labels(texts):
    """The authors' whole path: BLEU distances of questions, then clusters."""
    if len(texts) < 2:
        return [0] * len(texts)
    return labels(symmetric(len(texts), lambda i, j: 1 - bleu(texts[i], texts[j])), 0.5)


def shares(labels):
    """By cluster."""
    return [size / len(labels) for _, size in sorted(collections.Counter(labels).items())]


def question_clusters(draw):
    cases = []
    for _ in range(40):
        n = draw.choice([2, 4, 8, 8, 8, 16])
        texts = [question(draw) for _ in range(n)]
        cases.append({"texts": texts, "labels": question_labels(texts)})
    return cases


def batch_cases():
    cases = []
    for seed in range(100):
        found = question_labels(question_batch(seed))
        cases.append({"seed": seed, "labels": found, "shares": shares(found)})
    return cases


def boxed_cases(draw):
    pieces = ["\\boxed{", "{", "}", "a", " ", "\\frac{1}{2}", "\\boxed", "7", "\n", "\\boxed{red}", "}}", "\\{"]
    texts = ["".join(draw.choice(pieces) for _ in range(draw.randrange(1, 14))) for _ in range(300)]
    found = [[text, extract_boxed_content(text)] for text in texts]
    # Where the last box is cut off, mathruler finds none ("None") and ours an earlier one: left out.
    return [[text, content] for text, content in found if content != "None" or "\\boxed{" not in text]


def everything():
    """File name -> text."""
    draw = random.Random(SEED)
    files = {"bleu": bleu_cases(draw)}
    files["clusters"] = {"matrices": cluster_cases(draw), "questions": question_clusters(draw)}
    files["question_batches"] = {"batches": batch_cases()}
    freedom = [*range(1, 41), 60, 100, 1000, 100000]
    files["student_t"] = {"df": freedom, "quantile_975": [float(scipy.stats.t.ppf(0.975, v)) for v in freedom]}
    files["boxed"] = {"cases": boxed_cases(draw)}
    return {name: as_text(content) for name, content in files.items()}


def differing_files():
    """Names of files whose values are not those of today's oracles; their versions may differ."""
    wrong = []
    for name, text in everything().items():
        made, kept = json.loads(text), json.loads((OUT / f"{name}.json").read_text())
        made.pop("made_by"), kept.pop("made_by")
        wrong += [] if made == kept else [name]
    return wrong


def clusters_of(program, texts):
    """What benchmarks/reward/cluster_lines.cpp answers: two times, then the labels."""
    program.stdin.write(f"{len(texts)}\n" + "".join(text + "\n" for text in texts))
    program.stdin.flush()
    return [int(label) for label in program.stdout.readline().split()[2:]]


def differing_batches(command, seeds):
    wrong, items = [], 0
    with subprocess.Popen([command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as program:
        for seed in seeds:
            texts = question_batch(seed)
            items += len(texts)
            bleu.cache_clear()
            if clusters_of(program, texts) != question_labels(texts):
                wrong.append(seed)
        program.stdin.close()
    print(f"{len(seeds)} fresh batches, {items} questions: {len(wrong)} with other clusters {wrong}")
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--ours")
    parser.add_argument("--batches", type=int, default=50)
    parser.add_argument("--seed", type=int, default=None, help="of the first fresh batch; default: drawn")
    options = parser.parse_args()
    if not options.check:
        for name, text in everything().items():
            (OUT / f"{name}.json").write_text(text)
        return 0
    wrong = differing_files()
    print(f"files with other values: {wrong}")
    if options.ours:
        first = random.SystemRandom().randrange(1 << 40) if options.seed is None else options.seed
        print(f"first seed {first}")
        wrong += differing_batches(options.ours, range(first, first + options.batches))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
