#!/usr/bin/env python3
"""Oracle of loading and saving: the same tiny model in every layout that is found on disk.

    layout_parity.py --check [--programs DIR] [--seed N]     exit 1 on any excess

One reference per shape: transformers (float32, eager) on the model as tiny_checkpoints.py writes
it. Then, with the logits of one prompt with an image:
    ours(variant)              names A-D and wrappers x configs flat, 4.57 and 5.x x tied flags x
                               shards x BF16, F16, F32 (the reference has the rounded weights)
    ours(theirs saved)         save_pretrained of transformers 5.x and of 4.57.6
    theirs(ours saved)         visplay_sft --steps 0, whole, in shards and in BF16, read by both
transformers 4.57.6 runs in a process of its own, from .deps/oracle-4.57 (made if absent).
"""
import argparse
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import model_parity as parity  # noqa: E402
import tiny_checkpoints as tiny  # noqa: E402

ROOT = tiny.GOLDEN.parent.parent
OLD = ROOT / ".deps" / "oracle-4.57"
OLD_PINS = ["transformers==4.57.6", "huggingface_hub==0.36.0", "tokenizers==0.22.1"]
CASE = dict(image="../images/10x12.png", prompt="What color is the circle?")
BASE = tiny.GOLDEN / "tiny_qwen"
BOUND = 1e-4  # qwen25vl.md 10.5, at unit scale

# name -> (vision prefix, text prefix, wrapper)
NAMES = {"A": ("visual.", "model.", ""), "B": ("model.visual.", "model.language_model.", ""),
         "C": ("model.visual.", "model.", ""), "D": ("visual.", "language_model.", ""),
         "B module.": ("model.visual.", "model.language_model.", "module."),
         "A fsdp": ("visual.", "model.", "_fsdp_wrapped_module."),
         "4.52 language_model.model.": ("visual.", "language_model.model.", "_orig_mod.")}


def spelled(name, variant):
    vision, text, wrapper = NAMES[variant]
    if name.startswith("visual."):
        name = vision + name[len("visual."):]
    elif name.startswith("model."):
        name = text + name[len("model."):]
    return wrapper + name


def rounded(tensor, dtype):
    """float32 values that the type holds."""
    import torch
    return torch.from_numpy(tensor).to(getattr(torch, dtype)).float().numpy()


def write_weights(folder, tensors, dtype, shards):
    import torch
    from safetensors.torch import save_file
    tensors = {name: torch.from_numpy(t.copy()).to(getattr(torch, dtype))
               for name, t in tensors.items()}
    names = sorted(tensors)
    if shards == 1:
        save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
        return
    files = {n: f"model-{n + 1:05}-of-{shards:05}.safetensors" for n in range(shards)}
    for n, file in files.items():
        save_file({name: tensors[name] for name in names[n::shards]}, folder / file)
    index = dict(metadata=dict(total_size=sum(t.nbytes for t in tensors.values())),
                 weight_map={name: files[i % shards] for i, name in enumerate(names)})
    (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=2) + "\n")


def values(shape, folder):
    rules = json.loads((folder / "weights.json").read_text())
    return {name: tiny.tensor_values(rules["seed"], name, int(np.prod(dims)), base, scale)
            .reshape(dims) for name, dims, base, scale in rules["tensors"]}


def variant_folder(out, shape, variant, dtype, shards, tied_in, stored_head):
    """The model of a shape as some tool may have left it; returns its float32 values."""
    tiny.write_folder(out, shape, weights=False)
    tensors = {name: rounded(t, dtype) for name, t in values(shape, out).items()}
    config = json.loads((out / "config.json").read_text())
    if tied_in == "text_config" and "text_config" in config:
        config["text_config"]["tie_word_embeddings"] = config.pop("tie_word_embeddings")
    (out / "config.json").write_text(json.dumps(config, indent=1))
    stored = dict(tensors)
    if stored_head and shape["tied"]:
        stored["lm_head.weight"] = tensors["model.embed_tokens.weight"]
    write_weights(out, {spelled(n, variant): t for n, t in stored.items()}, dtype, shards)
    return tensors


def our_logits(programs, folder):
    from safetensors.numpy import load_file
    with tempfile.TemporaryDirectory() as temporary:
        dump = pathlib.Path(temporary) / "dump"
        parity.run([parity.program(programs, "visplay_generate"), "--model", folder, "--image",
                    BASE / CASE["image"], "--prompt", CASE["prompt"], "--greedy",
                    "--max-new-tokens", 1, "--json", "--dump", dump])
        return load_file(dump)["logits"]


def their_logits(folder):
    return parity.Reference(folder).prompt(CASE, BASE)["logits"]


# Run by 4.57.6: argv are folder, ids and pixels in, logits out, folder to save to.
OLD_SCRIPT = """
import sys, torch, transformers
from safetensors.torch import load_file, save_file
folder, source, result, saved = sys.argv[1:]
assert transformers.__version__ == "4.57.6", transformers.__version__
transformers.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()
model, info = transformers.Qwen2_5_VLForConditionalGeneration.from_pretrained(
    folder, dtype=torch.float32, attn_implementation="eager", output_loading_info=True)
assert not info["missing_keys"] and not info["unexpected_keys"], info
inputs = load_file(source)
with torch.no_grad():
    logits = model(**inputs, use_cache=False).logits[0]
save_file({"logits": logits.contiguous()}, result)
model.save_pretrained(saved)
"""


def old_transformers(folder, saved):
    """Logits of 4.57.6 on a folder; saves the model with it to `saved`."""
    from safetensors.torch import load_file, save_file
    if not OLD.exists():
        subprocess.run([sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", OLD,
                        *OLD_PINS], check=True)
    reference = parity.Reference(folder)
    ids, images = reference.encode(CASE, BASE)
    with tempfile.TemporaryDirectory() as temporary:
        source, result = (str(pathlib.Path(temporary) / name) for name in ("in", "out"))
        save_file({"input_ids": ids, **{k: v for k, v in images.items()}}, source)
        subprocess.run([sys.executable, "-c", OLD_SCRIPT, folder, source, result, saved], check=True,
                       env={"PYTHONPATH": str(OLD), "PATH": "/usr/bin:/bin"})
        return load_file(result)["logits"].numpy()


def copy_rest(source, target):
    """The files that save_pretrained of a model leaves to the processor."""
    for file in pathlib.Path(source).iterdir():
        if file.suffix in (".json", ".jinja") and not (pathlib.Path(target) / file.name).exists() \
                and file.name != "model.safetensors.index.json":
            shutil.copy(file, target)


def compare(report, name, ours, theirs):
    report.close("logits", ours, theirs, BOUND, name, parity.unit(theirs))


def check_variants(programs, seed, work):
    report = parity.Report("layouts that ours loads")
    count = 0
    for n, variant in enumerate(NAMES):
        for m, layout in enumerate(("flat", "nested", "nested5")):
            dtype = ("float32", "bfloat16", "float16")[(n + m) % 3]
            shape = dict(tiny.random_shape(seed + n), layout=layout, tied=variant == "D" or m == 1)
            folder, plain = work / f"v{n}{m}", work / f"p{n}{m}"
            tensors = variant_folder(folder, shape, variant, dtype, shards=1 + (n + m) % 3,
                                     tied_in=("root", "text_config")[(n + m) % 2],
                                     stored_head=variant != "D" and n % 2 == 0)
            tiny.write_folder(plain, shape, weights=False)
            write_weights(plain, tensors, "float32", 1)
            compare(report, f"names {variant}, {layout}, {dtype}", our_logits(programs, folder),
                    their_logits(plain))
            count += 1
    report.title = f"{count} {report.title}"
    return report.show()


def check_saves(programs, seed, work):
    report = parity.Report("saved by one, loaded by another")
    sft = parity.program(programs, "visplay_sft")
    for n, layout in enumerate(("flat", "nested", "nested5")):
        shape = dict(tiny.random_shape(seed + 50 + n), layout=layout, tied=n != 1)
        folder = work / f"s{n}"
        tiny.write_folder(folder, shape, weights=True)
        expected = their_logits(folder)
        olds = layout != "nested5"  # 4.57.6 reads no 5.x config: it finds neither tie nor rotary
        if olds:
            compare(report, f"4.57.6, {layout}", old_transformers(folder, work / f"old{n}"),
                    expected)
        reference = parity.Reference(folder)
        reference.model.save_pretrained(work / f"new{n}")
        for saved in ("old", "new") if olds else ("new",):
            copy_rest(folder, work / f"{saved}{n}")
            compare(report, f"ours(saved by {saved}), {layout}",
                    our_logits(programs, work / f"{saved}{n}"), expected)
        for kind, flags in dict(whole=[], shards=["--max_shard_bytes", 60000],
                                half=["--dtype", "bfloat16"]).items():
            out = work / f"{kind}{n}"
            parity.run([sft, "--model", folder, "--steps", 0, "--out", out, *flags])
            logits = their_logits(out)
            compare(report, f"5.x({kind} by ours), {layout}", our_logits(programs, out), logits)
            if olds:
                compare(report, f"4.57.6({kind} by ours), {layout}",
                        old_transformers(out, work / f"again-{kind}{n}"), logits)
            if kind != "half":
                compare(report, f"{kind} by ours, {layout}", logits, expected)
    return report.show()


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", required=True)
    parser.add_argument("--programs", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--seed", type=int, default=300)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        work = pathlib.Path(temporary)
        failed = check_variants(args.programs, args.seed, work)
        failed += check_saves(args.programs, args.seed, work)
    raise SystemExit(1 if failed else 0)


if __name__ == "__main__":
    main()
