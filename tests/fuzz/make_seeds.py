#!/usr/bin/env python3
"""Seeds of the fuzz targets, made from a few lines of code and from files of the repository.

    python3 tests/fuzz/make_seeds.py OUT      writes OUT/<target>/*
"""
import json
import pathlib
import struct
import sys
import zlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests" / "golden"


def safetensors(header, data=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def safetensors_seeds():
    entry = dict(dtype="F32", shape=[1, 2], data_offsets=[0, 8])
    yield safetensors({})
    yield safetensors({"__metadata__": {"format": "pt"}, "a": entry}, bytes(8))
    yield safetensors({"a": entry, "b.1": dict(dtype="BF16", shape=[], data_offsets=[8, 10]),
                       "b.10": dict(dtype="I64", shape=[0, 7], data_offsets=[10, 10])}, bytes(10))
    yield safetensors({"a": dict(dtype="U8", shape=[2**62, 4], data_offsets=[0, 0])})
    yield (GOLDEN / "mixed.safetensors").read_bytes()
    yield json.dumps({"metadata": {"total_size": 8, "total_parameters": 2}, "weight_map": {
        "a": "model-00001-of-00002.safetensors", "b": "../model.safetensors"}}).encode()


def config_seeds():
    for folder in ("tiny_qwen", "tiny_mimo"):
        yield (GOLDEN / folder / "config.json").read_bytes()
    config = json.loads((GOLDEN / "tiny_mimo" / "config.json").read_text())
    text = config["text_config"]
    text["rope_parameters"] = dict(rope_type="default", rope_theta=1e6,
                                   mrope_section=text.pop("rope_scaling")["mrope_section"])
    config["dtype"] = config.pop("torch_dtype", "float32")
    yield json.dumps(config).encode()
    yield b'{"vision_config":{"depth":1e999},"text_config":null,"layer_types":[["x"]]}'


def png(width, height, color, depth=8, extra=b""):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    row = min(width, 1000) * {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[color] * depth // 8 or 1
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color,
                                                               0, 0, 0)) +
            (chunk(b"PLTE", bytes(range(12))) if color == 3 else b"") + extra +
            chunk(b"IDAT", zlib.compress((b"\0" + bytes(row)) * min(height, 64))) + chunk(b"IEND", b""))


def image_header_seeds():
    for color in (0, 2, 3, 4, 6):
        yield png(5, 3, color)
    yield png(8, 2, 0, depth=1)
    yield png(2**31 - 1, 2**31 - 1, 2)
    yield png(300, 300, 6, depth=16)
    for folder in ("images", "codec"):
        for path in sorted((GOLDEN / folder).iterdir()):
            if path.is_file() and path.stat().st_size < 6000:
                yield path.read_bytes()


def small_files(folder, *patterns):
    for pattern in patterns:
        for path in sorted((GOLDEN / folder).glob(pattern)):
            if path.stat().st_size < 60000:
                yield path.read_bytes()


def tokenizer_json_seeds():
    yield from small_files(".", "tiny_*/tokenizer.json")
    yield from small_files("tokenizer", "*.json")


def chat_template_seeds():
    yield from small_files(".", "**/*.jinja")


SEEDS = dict(safetensors=safetensors_seeds, config=config_seeds, image_header=image_header_seeds,
             tokenizer_json=tokenizer_json_seeds, chat_template=chat_template_seeds)


def main():
    for path in sorted(pathlib.Path(__file__).parent.glob("*_fuzz.cpp")):
        name = path.stem.removesuffix("_fuzz")
        folder = pathlib.Path(sys.argv[1]) / path.stem
        folder.mkdir(parents=True, exist_ok=True)
        seeds = SEEDS[name]() if name in SEEDS else [b""]
        for n, seed in enumerate(seeds):
            (folder / f"seed-{n:02}").write_bytes(seed)


if __name__ == "__main__":
    main()
