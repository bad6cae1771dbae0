#!/usr/bin/env python3
"""Oracle of safetensors: files of the Python package read here, and ours read by it.

    safetensors_files.py             remakes tests/golden/mixed.safetensors
    safetensors_files.py --check     makes them again and compares; then compiles a small writer
                                     (g++, header-only) and reads its file with the package.

The test also writes the same tensors and expects the same bytes. Element i of a tensor is
(i * 37 + 11) % 251 - 125, halved for floats; bools are i % 3 == 0. Made with safetensors 0.8.0.
"""
import argparse
import pathlib
import subprocess
import sys
import tempfile

GOLDEN = pathlib.Path(__file__).resolve().parent.parent
ROOT = GOLDEN.parent.parent

TENSORS = [("a.f64", "float64", (3,)), ("b.i64", "int64", (2, 2)), ("c.f32", "float32", (2, 3, 4)),
           ("d.scalar", "float32", ()), ("e.i32", "int32", (5,)), ("f.bf16", "bfloat16", (3, 5)),
           ("g.f16", "float16", (7,)), ("h.i16", "int16", (1, 3)), ("i.bool", "bool", (5,)),
           ("j.u8", "uint8", (6,)), ("k.i8", "int8", (3,)), ("l.empty", "float32", (0, 4)),
           ("m.\u00e9\"q", "float32", (1,))]

WRITER = r"""
#define VISPLAY_HEADER_ONLY
#include <visplay/io/safetensors_writer.hpp>
int main(int, char** argv) {
  using namespace visplay;
  std::vector<float> values(60);
  for (int i = 0; i < 60; ++i) values[i] = float(i) / 8;
  std::vector<std::uint16_t> brief(60);
  for (int i = 0; i < 60; ++i) brief[i] = float_to_bfloat16(values[i]);
  const std::vector<TensorEntry> entries{
      {"layers.10.weight", DType::f32, {3, 4, 5}, std::as_bytes(std::span(values))},
      {"layers.2.weight", DType::bf16, {60}, std::as_bytes(std::span(brief))},
      {"none", DType::i64, {0}, {}}};
  write_safetensors(argv[1], entries, {.sync = true});
}
"""


def tensors():
    import torch
    out = {}
    for name, kind, shape in TENSORS:
        count = 1
        for side in shape:
            count *= side
        i = torch.arange(count, dtype=torch.int64)
        values = (i * 37 + 11) % 251 - 125
        dtype = getattr(torch, kind)
        values = i % 3 == 0 if kind == "bool" else values / 2 if dtype.is_floating_point else values
        out[name] = values.to(dtype).reshape(shape)
    return out


def file_bytes():
    from safetensors.torch import save
    return save(tensors(), metadata={"format": "pt"})


def check_writer():
    import torch
    from safetensors import safe_open
    with tempfile.TemporaryDirectory() as folder:
        source, program = pathlib.Path(folder, "w.cpp"), pathlib.Path(folder, "w")
        written = pathlib.Path(folder, "w.safetensors")
        source.write_text(WRITER)
        subprocess.run(["g++", "-std=c++20", f"-I{ROOT}/include", "-DFMT_HEADER_ONLY", source, "-o",
                        program], check=True)
        subprocess.run([program, written], check=True)
        values = torch.arange(60, dtype=torch.float32) / 8
        with safe_open(written, "pt") as file:
            assert file.metadata() == {"format": "pt"}
            assert sorted(file.keys()) == ["layers.10.weight", "layers.2.weight", "none"]
            assert torch.equal(file.get_tensor("layers.10.weight"), values.reshape(3, 4, 5))
            assert torch.equal(file.get_tensor("layers.2.weight"), values.to(torch.bfloat16))
            assert file.get_tensor("none").shape == (0,)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    if not arguments.check:
        (GOLDEN / "mixed.safetensors").write_bytes(file_bytes())
        return 0
    same = (GOLDEN / "mixed.safetensors").read_bytes() == file_bytes()
    check_writer()
    print(f"safetensors_files: {'ok' if same else 'mixed.safetensors differs'}")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
