"""Image files to pixel_values: ours against Pillow + the image processors of transformers, in turns.

    .deps/oracle/bin/python benchmarks/peers/images.py [--ours PROGRAM] [--rounds N] [--sizes HxW ...]

Decode, resize and patchify of JPEG files made by rule (limits 3136 and 12845056), one thread each.
Path "pillow" against Qwen2VLImageProcessorPil, path "torchvision" against Qwen2VLImageProcessor (the
fast one). Processor time, the least of the rounds; the CRC-32 of pixel_values is compared. Without
PROGRAM, benchmarks/model/image_lines.cpp is compiled.
"""
import argparse
import os

os.environ["OMP_NUM_THREADS"] = "1"

import pathlib
import subprocess
import sys
import tempfile
import time
import zlib

import numpy
import PIL
import torch
import torchvision
import transformers
from lib.measure import record
from PIL import Image

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/golden/make"))
from image_processor import pixels  # noqa: E402

LIMITS = dict(shortest_edge=3136, longest_edge=12845056)


class Peer:
    def __init__(self, path):
        kind = transformers.Qwen2VLImageProcessorPil if path == "pillow" else transformers.Qwen2VLImageProcessor
        self.processor = kind(size=LIMITS)

    def __call__(self, file):
        start = time.process_time()
        image = Image.open(file).convert("RGB")
        decoded = time.process_time()
        values = self.processor(images=[image], return_tensors="pt")["pixel_values"]
        end = time.process_time()
        return end - start, decoded - start, zlib.crc32(numpy.ascontiguousarray(values.numpy()))


class Ours:
    def __init__(self, program):
        self.pipe = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __call__(self, path, file):
        self.pipe.stdin.write(f"{path} {file}\n")
        self.pipe.stdin.flush()
        whole, decode, crc = map(int, self.pipe.stdout.readline().split())
        return whole * 1e-9, decode * 1e-9, crc


def compiled(folder):
    program = pathlib.Path(folder) / "image_lines"
    subprocess.run(["c++", "-std=c++20", "-O3", "-march=native", "-ffp-contract=off", "-DNDEBUG", "-DFMT_HEADER_ONLY",
                    "-DVISPLAY_HEADER_ONLY", f"-I{ROOT}/include", str(ROOT / "benchmarks/model/image_lines.cpp"),
                    "-o", str(program), "-ljpeg", "-lpng", "-lwebpdemux", "-lwebp", "-lz"], check=True)
    return program


def compare(path, file, name, ours, peer, rounds):
    """Ours and the peer by turns: the least times of each."""
    runs = [(ours(path, file), peer(file)) for _ in range(rounds)]
    same = len({run[2] for pair in runs for run in pair}) == 1
    (whole, decode), (peer_whole, peer_decode) = ([min(pair[side][i] for pair in runs) * 1e3 for i in (0, 1)]
                                                   for side in (0, 1))
    print(f"{name:>9} {path:11}: ours {whole:7.1f} ms (decode {decode:6.1f}), transformers {peer_whole:7.1f} ms "
          f"(decode {peer_decode:6.1f}), ratio {peer_whole / whole:5.2f}, without decode "
          f"{(peer_whole - peer_decode) / (whole - decode):5.2f}, {'same bits' if same else 'BITS DIFFER'}", flush=True)
    record(f"image {name}, {path}", "transformers", whole * 1e-3, peer_whole * 1e-3,
           note=f"processor time, {'same bits' if same else 'BITS DIFFER'}")
    return same


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ours")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sizes", nargs="+", default=["480x640", "1080x1920", "2160x3840"])
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(f"transformers {transformers.__version__}, Pillow {PIL.__version__}, torchvision {torchvision.__version__}, "
          f"torch {torch.__version__}")
    same = True
    with tempfile.TemporaryDirectory() as folder:
        ours = Ours(options.ours or compiled(folder))
        for size in options.sizes:
            height, width = map(int, size.split("x"))
            file = pathlib.Path(folder) / f"{size}.jpg"
            Image.fromarray(pixels("photo", height, width)).save(file, quality=90)
            for path in "pillow", "torchvision":
                same &= compare(path, file, size, ours, Peer(path), options.rounds)
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
