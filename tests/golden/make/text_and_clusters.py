"""Golden values of BLEU, clusters, Student's t and boxed answers.

    .deps/oracle/bin/python tests/golden/make/text_and_clusters.py

writes tests/golden/{bleu,clusters,student_t,boxed}.json. Oracles: nltk, scikit-learn, scipy,
mathruler.
"""
import importlib.metadata
import json
import pathlib
import random

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
METHOD = SmoothingFunction().method1


def write(name, **content):
    text = json.dumps({"made_by": MADE_BY, **content}, ensure_ascii=True)
    (OUT / f"{name}.json").write_text(text.replace('], [', '],\n [').replace('}, {', '},\n {') + "\n")


def bleu(hypothesis, reference):
    return sentence_bleu([reference.split()], hypothesis.split(), smoothing_function=METHOD)


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
    return texts, [bleu(texts[a], texts[b]) for a, b in pairs]


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


def question_clusters(draw):
    """The authors' whole path: BLEU distances of questions, then clusters."""
    cases = []
    for _ in range(40):
        n = draw.choice([2, 4, 8, 8, 8, 16])
        texts = [question(draw) for _ in range(n)]
        matrix = symmetric(n, lambda i, j: 1 - bleu(texts[i], texts[j]))
        cases.append({"texts": texts, "labels": labels(matrix, 0.5)})
    return cases


def boxed_cases(draw):
    pieces = ["\\boxed{", "{", "}", "a", " ", "\\frac{1}{2}", "\\boxed", "7", "\n", "\\boxed{red}", "}}", "\\{"]
    texts = ["".join(draw.choice(pieces) for _ in range(draw.randrange(1, 14))) for _ in range(300)]
    found = [[text, extract_boxed_content(text)] for text in texts]
    # Where the last box is cut off, mathruler finds none ("None") and ours an earlier one: left out.
    return [[text, content] for text, content in found if content != "None" or "\\boxed{" not in text]


if __name__ == "__main__":
    draw = random.Random(SEED)
    texts, values = bleu_cases(draw)
    write("bleu", texts=texts, bleu=values)
    write("clusters", matrices=cluster_cases(draw), questions=question_clusters(draw))
    freedom = [*range(1, 41), 60, 100, 1000, 100000]
    write("student_t", df=freedom, quantile_975=[float(scipy.stats.t.ppf(0.975, v)) for v in freedom])
    write("boxed", cases=boxed_cases(draw))
