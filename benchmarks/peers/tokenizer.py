"""Encoding of mixed text: ours against `tokenizers` on the same blocks, in turns, on one core.

    .deps/oracle/bin/python benchmarks/peers/tokenizer.py [--ours PROGRAM] [--file tokenizer.json]

The text is that of tests/golden/make/mixed_text.py --check, 10 MB of code, translations, marks, emoji
and damaged UTF-8. The peer runs without threads, by `encode` and by `encode_batch_fast` (which skips
offsets); its faster one counts. Ids are compared as well. Without the real vocabulary in ../shared the
small one of the tests is used, and the line says so.
"""
import argparse
import os
import pathlib
import statistics
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "golden" / "make"))
import mixed_text  # noqa: E402
import numpy  # noqa: E402
import tokenizers  # noqa: E402
from lib.measure import record  # noqa: E402


def timed(function, *arguments):
    wall, processor = time.perf_counter(), time.process_time()
    result = function(*arguments)
    return time.perf_counter() - wall, time.process_time() - processor, result


def ours_on(ours, data):
    """Wall and processor seconds of all blocks, and all ids."""
    runs = [ours(block) for block in data]
    return sum(r[0] for r in runs), sum(r[1] for r in runs), numpy.concatenate([r[2] for r in runs])


def peer_on(tokenizer, texts):
    single = timed(lambda: [tokenizer.encode(t, add_special_tokens=False) for t in texts])
    batch = timed(lambda: tokenizer.encode_batch_fast(texts, add_special_tokens=False))
    best = min(single, batch, key=lambda run: run[1])
    return best[0], best[1], numpy.concatenate([numpy.array(e.ids, dtype="<i4") for e in best[2]])


def compare(kind, data, ours, tokenizer, rounds):
    texts = [block.decode(errors="replace") for block in data]
    mine, others = [], []
    for _ in range(rounds):
        mine.append(ours_on(ours, data))
        others.append(peer_on(tokenizer, texts))
        mine.append(ours_on(ours, data))
    same = all(numpy.array_equal(mine[0][2], run[2]) for run in others)
    size = sum(map(len, data)) / 1e6
    wall, processor = (statistics.median(r[i] for r in mine) for i in (0, 1))
    other_wall, other_processor = (statistics.median(r[i] for r in others) for i in (0, 1))
    print(f"{kind:13} {size:6.2f} MB  ours {size / processor:7.1f} MB/s  tokenizers {size / other_processor:6.2f} MB/s  "
          f"ratio: processor {other_processor / processor:6.1f}, wall {other_wall / wall:6.1f}  "
          f"{'same ids' if same else 'IDS DIFFER'}", flush=True)
    record(f"tokenizer, {kind}, {size:.1f} MB", "tokenizers", processor, other_processor,
           note=f"processor time, {'same ids' if same else 'IDS DIFFER'}")
    return same


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--ours")
    parser.add_argument("--file", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--every", type=int, default=1, help="each how manieth block of the text")
    options = parser.parse_args()
    file = options.file or (mixed_text.QWEN if mixed_text.QWEN.exists() else mixed_text.SMALL)
    os.sched_setaffinity(0, [max(os.sched_getaffinity(0))])
    made = mixed_text.blocks()[::options.every]
    kinds = {}
    for kind, _, data in made:
        kinds.setdefault(kind, []).append(data)
    with tempfile.TemporaryDirectory() as folder:
        program = options.ours or mixed_text.compiled(folder)
        print(f"tokenizers {tokenizers.__version__}, Python {sys.version.split()[0]}, one core, {file}")
        loads = [(mixed_text.Ours(program, file).load, timed(mixed_text.peer, file)[:2]) for _ in range(options.rounds)]
        wall, processor = (statistics.median(ours[i] for ours, _ in loads) for i in (0, 1))
        others = statistics.median(peer[1] for _, peer in loads)
        print(f"loading: ours {processor:.3f} s of processor, {wall:.3f} s of wall clock; tokenizers {others:.3f} s of processor")
        ours, tokenizer = mixed_text.Ours(program, file), mixed_text.peer(file)
        same = [compare(kind, data, ours, tokenizer, options.rounds) for kind, data in kinds.items()]
        same.append(compare("all", [data for *_, data in made], ours, tokenizer, options.rounds))
    return 0 if all(same) else 1


if __name__ == "__main__":
    sys.exit(main())
