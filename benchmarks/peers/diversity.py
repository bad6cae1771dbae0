"""Clusters of questions: ours against nltk + scikit-learn on the same texts, in turns.

    .deps/oracle/bin/python benchmarks/peers/diversity.py [--ours PROGRAM]

The peer does what the authors' reward does: sentence_bleu (smoothing method 1) of every pair in
Python loops, then AgglomerativeClustering. It runs in full up to --full questions; above that BLEU
is timed on sampled pairs and scaled to all pairs, scikit-learn on random distances of 1,024 items
and scaled with n^2, and the line says "extrapolated". Labels are compared
wherever the peer ran in full. Without PROGRAM, benchmarks/reward/cluster_lines.cpp is compiled.
"""
import argparse
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile
import time

import nltk
import numpy
import sklearn
from lib.measure import record
from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu
from sklearn.cluster import AgglomerativeClustering

ROOT = pathlib.Path(__file__).resolve().parents[2]
WANTED = {4096: 2000}
METHOD = SmoothingFunction().method1
OBJECTS = [f"{size} {thing}" for size in ("small", "large", "red", "blue", "old")
           for thing in ("car", "tree", "chart bar", "window", "dog", "sign", "bottle", "person")]
FORMS = ["What color is the {a} in the picture near the {b}?", "How many {a}s are next to the {b} in this image?",
         "What shape is the {a} that stands left of the {b}?", "Is there a {a} above the {b}?"]


def words(draw):
    """12 to 40 words out of 61: nearly all pairs share words, none repeats another."""
    return " ".join(f"w{draw.randrange(61)}" for _ in range(draw.randint(12, 40)))


def formed(draw):
    """Questions from four forms: many near and equal ones, large clusters, ties."""
    return draw.choice(FORMS).format(a=draw.choice(OBJECTS), b=draw.choice(OBJECTS))


def pair(hypothesis, reference):
    return 1 - sentence_bleu([reference.split()], hypothesis.split(), smoothing_function=METHOD)


def cluster(matrix):
    found = AgglomerativeClustering(n_clusters=None, distance_threshold=0.5, metric="precomputed",
                                    linkage="average").fit_predict(matrix)
    seen = {}
    return [seen.setdefault(int(label), len(seen)) for label in found]


def peer(texts):
    n = len(texts)
    matrix = numpy.zeros((n, n))
    for i in range(n):
        for j in range(i + 1, n):
            matrix[i, j] = matrix[j, i] = pair(texts[i], texts[j])
    return cluster(matrix)


def timed(function, *arguments):
    wall, processor = time.perf_counter(), time.process_time()
    result = function(*arguments)
    return time.perf_counter() - wall, time.process_time() - processor, result


def peer_extrapolated(texts, draw, pairs, small=1024):
    """Seconds of wall clock and of processor for all pairs, from sampled ones."""
    sample = [sorted(draw.sample(range(len(texts)), 2)) for _ in range(pairs)]
    wall, processor, _ = timed(lambda: [pair(texts[i], texts[j]) for i, j in sample])
    scale = len(texts) * (len(texts) - 1) / 2 / pairs
    far = numpy.random.default_rng(1).random((small, small))
    cluster_wall, cluster_processor, _ = timed(cluster, (far + far.T) / 2 * (1 - numpy.eye(small)))
    again = (len(texts) / small) ** 2
    return wall * scale + cluster_wall * again, processor * scale + cluster_processor * again


class Ours:
    def __init__(self, program, threads):
        self.pipe = subprocess.Popen([program, str(threads)], stdin=subprocess.PIPE,
                                     stdout=subprocess.PIPE, text=True)

    def __call__(self, texts):
        self.pipe.stdin.write(f"{len(texts)}\n" + "".join(text + "\n" for text in texts))
        self.pipe.stdin.flush()
        wall, processor, *labels = map(int, self.pipe.stdout.readline().split())
        return wall * 1e-9, processor * 1e-9, labels


def compiled(folder):
    program = pathlib.Path(folder) / "cluster_lines"
    subprocess.run(["c++", "-std=c++20", "-O3", "-march=native", "-ffp-contract=off", "-DNDEBUG", "-DFMT_HEADER_ONLY",
                    "-DVISPLAY_HEADER_ONLY", f"-I{ROOT}/include", str(ROOT / "benchmarks/reward/cluster_lines.cpp"),
                    "-o", str(program), "-lpthread"], check=True)
    return program


def compare(kind, texts, ours, repeats, full, pairs, draw):
    """Ours with each number of threads, the peer, ours again: the median of ours against the peer."""
    n = len(texts)
    runs = {threads: [run(texts) for _ in range(repeats)] for threads, run in ours.items()}
    if n <= full:  # small batches often: the first call loads modules
        peers = [timed(peer, texts) for _ in range(20 if n < 100 else 1)]
        peer_wall, peer_processor = (statistics.median(run[i] for run in peers) for i in (0, 1))
        labels = peers[0][2]
    else:
        peer_wall, peer_processor = peer_extrapolated(texts, draw, pairs)
    for threads, run in ours.items():
        runs[threads] += [run(texts) for _ in range(repeats)]
    same = True
    for threads, found in runs.items():
        wall, processor = (statistics.median(run[i] for run in found) for i in (0, 1))
        same &= n > full or all(run[2] == labels for run in found)
        said = f"extrapolated from {pairs} pairs" if n > full else "same labels" if same else "LABELS DIFFER"
        print(f"{kind:6} n={n:4} threads={threads}: ours {wall * 1e3:8.3f} ms (processor {processor * 1e3:8.3f}), "
              f"peer {peer_wall:8.3f} s (processor {peer_processor:8.3f}), ratio {peer_wall / wall:6.0f} "
              f"(processor {peer_processor / processor:6.0f}), {max(found[0][2]) + 1} clusters, {said}", flush=True)
        record(f"diversity, {kind}, n={n}, {threads} threads", "nltk + scikit-learn", wall, peer_wall,
               wanted=WANTED.get(n), note=said)
    return same


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ours")
    parser.add_argument("--sizes", type=int, nargs="+", default=[8, 1024, 4096])
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--kinds", nargs="+", default=["words", "formed"], choices=["words", "formed"])
    parser.add_argument("--full", type=int, default=1024)
    parser.add_argument("--pairs", type=int, default=20000)
    options = parser.parse_args()
    print(f"nltk {nltk.__version__}, scikit-learn {sklearn.__version__}, Python {sys.version.split()[0]}")
    same = True
    with tempfile.TemporaryDirectory() as folder:
        program = options.ours or compiled(folder)
        for kind in options.kinds:
            for n in options.sizes:
                draw = random.Random(1)
                texts = [{"words": words, "formed": formed}[kind](draw) for _ in range(n)]
                ours = {threads: Ours(program, threads) for threads in options.threads}
                same &= compare(kind, texts, ours, 50 if n < 100 else 5, options.full, options.pairs, draw)
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
