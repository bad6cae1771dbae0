"""A model of exactly Qwen2.5-VL-3B's shapes on this machine: ours beside transformers, on the same file.

    .deps/oracle/bin/python benchmarks/full_size.py --tokenizer DIR --work DIR [--new 33] [--threads 2]

DIR of --tokenizer holds Qwen's tokenizer.json; the weights are random, made once by visplay_sft into the
folder of --work (7.5 GB). Each side answers one question about a picture of about 1,000 tokens, greedily,
in bfloat16, in a process of its own; then ours takes steps of LoRA training on four completions of that
prompt. Seconds are of wall clock, memory is the largest resident set.
"""
import argparse
import json
import os
import pathlib
import resource
import shutil
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
CONFIG = {
    "architectures": ["Qwen2_5_VLForConditionalGeneration"], "model_type": "qwen2_5_vl", "hidden_size": 2048,
    "num_hidden_layers": 36, "num_attention_heads": 16, "num_key_value_heads": 2, "intermediate_size": 11008,
    "vocab_size": 151936, "rms_norm_eps": 1e-6, "rope_theta": 1000000.0, "max_position_embeddings": 128000,
    "rope_scaling": {"type": "mrope", "mrope_section": [16, 24, 24]}, "tie_word_embeddings": True, "hidden_act": "silu",
    "use_sliding_window": False, "bos_token_id": 151643, "eos_token_id": 151645, "vision_start_token_id": 151652,
    "vision_end_token_id": 151653, "vision_token_id": 151654, "image_token_id": 151655, "video_token_id": 151656,
    "torch_dtype": "bfloat16",
    "vision_config": {
        "depth": 32, "hidden_size": 1280, "num_heads": 16, "intermediate_size": 3420, "out_hidden_size": 2048,
        "patch_size": 14, "spatial_merge_size": 2, "temporal_patch_size": 2, "window_size": 112, "in_channels": 3,
        "in_chans": 3, "hidden_act": "silu", "tokens_per_second": 2, "fullatt_block_indexes": [7, 15, 23, 31]},
}
PROCESSOR = {
    "image_processor_type": "Qwen2VLImageProcessor", "min_pixels": 3136, "max_pixels": 12845056, "patch_size": 14,
    "temporal_patch_size": 2, "merge_size": 2, "image_mean": [0.48145466, 0.4578275, 0.40821073],
    "image_std": [0.26862954, 0.26130258, 0.27577711]}
QUESTION = "What is in this picture?"
TEMPLATE = """{%- for message in messages -%}
<|im_start|>{{ message.role }}
{% for part in message.content %}{% if part.type == 'image' %}<|vision_start|><|image_pad|><|vision_end|>{% else %}{{ part.text }}{% endif %}{% endfor %}<|im_end|>
{% endfor -%}
<|im_start|>assistant
"""  # what `peer` writes by hand


def make(options, work):
    model = work / "model"
    if not (model / "config.json").exists():
        assets = work / "assets"
        assets.mkdir(parents=True, exist_ok=True)
        for file in options.tokenizer.glob("tokenizer*.json"):
            shutil.copy(file, assets)
        (assets / "preprocessor_config.json").write_text(json.dumps(PROCESSOR))
        (assets / "chat_template.jinja").write_text(TEMPLATE)
        (work / "config.json").write_text(json.dumps(CONFIG))
        subprocess.run([options.programs / "visplay_sft", "--new", work / "config.json", "--tokenizer", assets, "--dtype",
                        "bfloat16", "--steps", "0", "--out", model], check=True)
    picture = work / "picture.png"
    if not picture.exists():
        import numpy
        from PIL import Image
        y, x = numpy.mgrid[0:868, 0:896]
        Image.fromarray(numpy.stack([x % 256, y % 256, (x * y // 977) % 256], -1).astype("uint8")).save(picture)
    return model, picture


def measured(command):
    """Output, wall seconds and GiB of one process."""
    start = time.monotonic()
    with subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as child:
        text = child.stdout.read()
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"{command[0]} failed:\n{text[-2000:]}")
    return text, time.monotonic() - start, usage.ru_maxrss / 2**20


def timings(text):
    return next(line for line in text.splitlines() if line.startswith("loaded in"))


def peer(options, model, picture):
    import torch
    import transformers
    from PIL import Image
    torch.set_num_threads(options.threads)
    start = time.monotonic()
    network = transformers.Qwen2_5_VLForConditionalGeneration.from_pretrained(model, dtype=torch.bfloat16).eval()
    loaded = time.monotonic() - start
    tokenizer = transformers.AutoTokenizer.from_pretrained(model)
    images = transformers.Qwen2VLImageProcessorPil.from_pretrained(model)(images=[Image.open(picture)], return_tensors="pt")
    count = int(images["image_grid_thw"].prod()) // 4
    text = (f"<|im_start|>user\n<|vision_start|>{'<|image_pad|>' * count}<|vision_end|>{QUESTION}<|im_end|>\n"
            "<|im_start|>assistant\n")
    ids = torch.tensor([tokenizer(text)["input_ids"]])
    given = dict(input_ids=ids, attention_mask=torch.ones_like(ids), mm_token_type_ids=(ids == 151655).int(), **images)

    def seconds(new):
        start = time.monotonic()
        network.generate(**given, max_new_tokens=new, min_new_tokens=new, do_sample=False)
        return time.monotonic() - start

    with torch.inference_mode():
        first = seconds(1)
        rest = seconds(options.new) - first if options.new > 1 else 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"loaded in {loaded:.2f} s; prompt {ids.shape[1]} tokens in {first:.2f} s ({ids.shape[1] / first:.1f} tokens/s); "
          f"decoded {options.new - 1} tokens in {rest:.2f} s ({(options.new - 1) / (rest or 1):.2f} tokens/s); peak {peak:.2f} GiB")


def train(options, model, picture, work):
    lines = work / "lines.jsonl"
    answers = [" ".join(f"word{i * j}" for i in range(30)) for j in range(1, 5)]
    lines.write_text("".join(json.dumps({"image": str(picture), "prompt": QUESTION, "completion": answer}) + "\n"
                             for answer in answers))
    out = work / "adapter"
    shutil.rmtree(out, ignore_errors=True)
    text, seconds, memory = measured([
        options.programs / "visplay_sft", "--model", model, "--data", lines, "--out", out, "--steps", options.steps,
        "--batch", 4, "--lora.rank", 16, "--dtype", "bfloat16", "--gradient_checkpointing", "--freeze_vision",
        "--threads", options.threads, "--print_every", 1])
    print(f"ours, {options.steps} LoRA steps on 4 completions: {seconds:.1f} s with loading and saving, peak {memory:.2f} GiB")
    print("  " + "\n  ".join(text.strip().splitlines()[-options.steps - 2:]))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokenizer", type=pathlib.Path, required=True)
    parser.add_argument("--work", type=pathlib.Path, required=True)
    parser.add_argument("--programs", type=pathlib.Path, default=ROOT / "build/bin")
    parser.add_argument("--new", type=int, default=33)
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--side", choices=["both", "ours", "peer", "train"], default="both")
    options = parser.parse_args()
    model, picture = make(options, options.work)
    if options.side == "peer":
        return peer(options, model, picture)
    generate = [options.programs / "visplay_generate", "--model", model, "--image", picture, "--prompt", QUESTION, "--greedy",
                "--system", "", "--max_new_tokens", options.new, "--dtype", "bfloat16", "--threads", options.threads, "--timings"]
    for _ in range(options.rounds):
        if options.side in ("both", "ours"):
            print("ours         ", timings(measured(generate)[0]), flush=True)
        if options.side == "both":
            command = [sys.executable, __file__, "--side", "peer", "--tokenizer", options.tokenizer, "--work", options.work,
                       "--new", options.new, "--threads", options.threads]
            print("transformers ", timings(measured(command)[0]), flush=True)
    if options.side in ("both", "train") and options.steps:
        train(options, model, picture, options.work)


if __name__ == "__main__":
    main()
