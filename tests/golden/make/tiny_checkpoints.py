#!/usr/bin/env python3
"""Tiny random Qwen2.5-VL checkpoints as Hugging Face folders, weights made from a rule.

    tiny_checkpoints.py                       remakes tests/golden/tiny_{qwen,mimo} (without weights)
    tiny_checkpoints.py --out DIR --seed N    writes a random shape with model.safetensors into DIR
    tiny_checkpoints.py --out DIR --shape qwen|mimo    the committed shape with model.safetensors

The rule, in integers modulo 2^64, repeated by tests/support/tiny_checkpoint.hpp:
    state = FNV-1a-64 of "SEED/NAME"
    z     = splitmix64 output for state + (i + 1) * 0x9E3779B97F4A7C15     (i: flat index)
    value = float32(base + scale * ((z >> 40) / 2^23 - 1))                 in double
weights.json in the folder lists seed and [name, shape, base, scale] of every tensor.
Made with tokenizers 0.23.3, safetensors 0.8.0, numpy 2.4.6.
"""
import argparse
import json
import pathlib
import random

import numpy as np

GOLDEN = pathlib.Path(__file__).resolve().parent.parent

ADDED = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|object_ref_start|>",
         "<|object_ref_end|>", "<|box_start|>", "<|box_end|>", "<|quad_start|>", "<|quad_end|>",
         "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>", "<|image_pad|>", "<|video_pad|>",
         "<tool_call>", "</tool_call>", "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>",
         "<|fim_pad|>", "<|repo_name|>", "<|file_sep|>"]
SPECIAL = 14  # the first 14 are special tokens, the others ordinary added tokens

PATTERN = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}|"
           r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")

# Qwen2.5-VL's rules in our own words: what write_chat_template of the library writes.
TEMPLATE = (pathlib.Path(__file__).parents[1] / "tokenizer" / "chat_template.jinja").read_text(
    encoding="utf-8").replace("You are a helpful assistant.", "DEFAULT_SYSTEM")

CORPUS = """What color is the circle? The circle is red. Where is the blue cross? It is in the center.
How many green squares are there? There are two. Is the triangle above the star? No, it is below.
Describe this picture. Ask a question about this picture. You are a helpful assistant.
<think>red circle northwest, blue cross center</think>\\boxed{red} <think></think>\\boxed{yes}
<type>color</type><question>What color is the circle?</question> The answer is \\boxed{42}.
north south east west northeast southwest yellow purple square triangle one three five none many
system user assistant
"""

# Shapes of the two committed checkpoints. Vision: window 112, patch 14, merge 2 as in all releases.
SHAPES = {
    "qwen": dict(seed=1, layout="flat", hidden=64, intermediate=128, layers=3, heads=4, kv_heads=2,
                 section=[2, 3, 3], eps=1e-6, theta=1e6, tied=True, extra_rows=0, merges=200,
                 merge_style="string", min_pixels=3136, max_pixels=28224, limits="pixels",
                 system="You are a helpful assistant.",
                 vision=dict(depth=4, hidden=32, heads=2, intermediate=48, full=[1, 3])),
    "mimo": dict(seed=2, layout="nested", hidden=96, intermediate=112, layers=2, heads=6,
                 kv_heads=2, section=[2, 3, 3], eps=1e-5, theta=640000.0, tied=False,
                 extra_rows=37, merges=150, merge_style="array", min_pixels=3136, max_pixels=50176,
                 limits="size", system="You are MiMo, an AI assistant developed by Xiaomi.",
                 vision=dict(depth=4, hidden=48, heads=2, intermediate=54, full=[1, 3])),
}


def random_shape(seed):
    """A shape nobody tuned for. Head dims: text 2*sum(section), vision a multiple of 4."""
    r = random.Random(seed)
    section = r.choice([[2, 3, 3], [1, 1, 2], [2, 2, 2], [4, 6, 6], [1, 2, 3]])
    kv_heads = r.choice([1, 2, 3])
    heads = kv_heads * r.choice([1, 2, 4])
    depth = r.choice([2, 3, 4, 5])
    vision_heads = r.choice([1, 2, 4])
    return dict(seed=1000 + seed, layout=r.choice(["flat", "nested", "nested5"]),
                hidden=heads * 2 * sum(section), intermediate=r.choice([40, 77, 128]),
                layers=r.choice([1, 2, 3, 4]), heads=heads, kv_heads=kv_heads, section=section,
                eps=r.choice([1e-6, 1e-5]), theta=r.choice([1e6, 640000.0, 10000.0]),
                tied=r.random() < 0.5, extra_rows=r.choice([0, 5, 64]), merges=r.choice([0, 60, 190]),
                merge_style=r.choice(["string", "array"]), min_pixels=r.choice([3136, 12544]),
                max_pixels=r.choice([28224, 50176, 100352]), limits=r.choice(["pixels", "size"]),
                system=r.choice([SHAPES["qwen"]["system"], SHAPES["mimo"]["system"]]),
                vision=dict(depth=depth, hidden=vision_heads * r.choice([4, 8, 20]),
                            heads=vision_heads, intermediate=r.choice([27, 48, 54]),
                            full=sorted(r.sample(range(depth), r.choice([1, 1, 2])))))


def raw_bits(seed, name, count):
    """The 64-bit outputs behind tensor_values."""
    state = 0xCBF29CE484222325
    for byte in f"{seed}/{name}".encode():
        state = ((state ^ byte) * 0x100000001B3) % 2**64
    with np.errstate(over="ignore"):
        z = np.uint64(state) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(
            0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


def tensor_values(seed, name, count, base, scale):
    z = raw_bits(seed, name, count)
    unit = (z >> np.uint64(40)).astype(np.float64) / 2**23 - 1
    return (base + scale * unit).astype(np.float32)


def tensor_rules(shape, vocab_rows):
    """[name, shape, base, scale] in hub names; all scales are exact in float32."""
    d, i, v = shape["hidden"], shape["intermediate"], shape["vision"]
    e, iv = v["hidden"], v["intermediate"]
    kv = d // shape["heads"] * shape["kv_heads"]
    rules = []

    def matrix(name, *dims, scale=0.25):
        rules.append([name, list(dims), 0.0, scale])

    def bias(name, n):
        rules.append([name, [n], 0.0, 0.1875])

    def norm(name, n):
        rules.append([name, [n], 1.0, 0.1875])

    def linear(name, out, width):
        matrix(name + ".weight", out, width)
        bias(name + ".bias", out)

    matrix("visual.patch_embed.proj.weight", e, 3, 2, 14, 14, scale=0.0625)
    for n in range(v["depth"]):
        block = f"visual.blocks.{n}."
        norm(block + "norm1.weight", e)
        norm(block + "norm2.weight", e)
        linear(block + "attn.qkv", 3 * e, e)
        linear(block + "attn.proj", e, e)
        linear(block + "mlp.gate_proj", iv, e)
        linear(block + "mlp.up_proj", iv, e)
        linear(block + "mlp.down_proj", e, iv)
    norm("visual.merger.ln_q.weight", e)
    linear("visual.merger.mlp.0", 4 * e, 4 * e)
    linear("visual.merger.mlp.2", d, 4 * e)
    matrix("model.embed_tokens.weight", vocab_rows, d)
    for n in range(shape["layers"]):
        layer = f"model.layers.{n}."
        norm(layer + "input_layernorm.weight", d)
        norm(layer + "post_attention_layernorm.weight", d)
        linear(layer + "self_attn.q_proj", d, d)
        linear(layer + "self_attn.k_proj", kv, d)
        linear(layer + "self_attn.v_proj", kv, d)
        matrix(layer + "self_attn.o_proj.weight", d, d)
        matrix(layer + "mlp.gate_proj.weight", i, d)
        matrix(layer + "mlp.up_proj.weight", i, d)
        matrix(layer + "mlp.down_proj.weight", d, i)
    norm("model.norm.weight", d)
    if not shape["tied"]:
        matrix("lm_head.weight", vocab_rows, d)
    return rules


def make_tokenizer(shape):
    """tokenizer.json as a dict: byte-level BPE trained on CORPUS, then the 22 added tokens."""
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(PATTERN), behavior="isolated", invert=False),
        pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=False, use_regex=False)])
    trainer = trainers.BpeTrainer(vocab_size=256 + shape["merges"], show_progress=False,
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    tokenizer.train_from_iterator(CORPUS.splitlines(keepends=True), trainer)
    tokenizer.decoder = decoders.ByteLevel()
    made = json.loads(tokenizer.to_str())
    model = made["model"]
    merges = model["merges"]
    if shape["merge_style"] == "string":
        merges = [" ".join(pair) for pair in merges]
    first = len(model["vocab"])
    added = [dict(id=first + n, content=text, single_word=False, lstrip=False, rstrip=False,
                  normalized=False, special=n < SPECIAL) for n, text in enumerate(ADDED)]
    byte_level = dict(type="ByteLevel", add_prefix_space=False, trim_offsets=False, use_regex=False)
    return dict(
        version="1.0", truncation=None, padding=None, added_tokens=added,
        normalizer=dict(type="NFC"),
        pre_tokenizer=dict(type="Sequence", pretokenizers=[
            dict(type="Split", pattern=dict(Regex=PATTERN), behavior="Isolated", invert=False),
            byte_level]),
        post_processor=byte_level, decoder=byte_level,
        model=dict(type="BPE", dropout=None, unk_token=None, continuing_subword_prefix="",
                   end_of_word_suffix="", fuse_unk=False, byte_fallback=False, ignore_merges=False,
                   vocab=model["vocab"], merges=merges))


def make_config(shape, ids, vocab_rows):
    v = shape["vision"]
    vision = dict(depth=v["depth"], hidden_act="silu", hidden_size=v["hidden"],
                  intermediate_size=v["intermediate"], num_heads=v["heads"],
                  out_hidden_size=shape["hidden"], patch_size=14, spatial_merge_size=2,
                  temporal_patch_size=2, tokens_per_second=2, window_size=112,
                  fullatt_block_indexes=v["full"])
    text = dict(hidden_size=shape["hidden"], intermediate_size=shape["intermediate"],
                num_hidden_layers=shape["layers"], num_attention_heads=shape["heads"],
                num_key_value_heads=shape["kv_heads"], hidden_act="silu", vocab_size=vocab_rows,
                rms_norm_eps=shape["eps"], max_position_embeddings=4096, use_cache=True,
                use_sliding_window=False, attention_dropout=0.0)
    tokens = dict(bos_token_id=ids["<|endoftext|>"], eos_token_id=ids["<|im_end|>"],
                  vision_start_token_id=ids["<|vision_start|>"],
                  vision_end_token_id=ids["<|vision_end|>"], image_token_id=ids["<|image_pad|>"],
                  video_token_id=ids["<|video_pad|>"], tie_word_embeddings=shape["tied"])
    head = dict(architectures=["Qwen2_5_VLForConditionalGeneration"], model_type="qwen2_5_vl")
    if shape["layout"] == "flat":  # as on the hub
        return dict(**head, **tokens, **text, rope_theta=shape["theta"],
                    rope_scaling=dict(type="mrope", mrope_section=shape["section"]),
                    torch_dtype="float32", vision_token_id=ids["<|vision_pad|>"],
                    sliding_window=4096, max_window_layers=shape["layers"],
                    vision_config=dict(vision, in_chans=3, spatial_patch_size=14))
    text["model_type"] = "qwen2_5_vl_text"
    text["layer_types"] = ["full_attention"] * shape["layers"]
    text["sliding_window"] = None
    if shape["layout"] == "nested":  # as 4.52 - 4.57 wrote it
        text.update(rope_theta=shape["theta"], image_token_id=None, video_token_id=None,
                    rope_scaling=dict(type="default", rope_type="default",
                                      mrope_section=shape["section"]))
        return dict(**head, **tokens, torch_dtype="float32", text_config=text,
                    vision_config=dict(vision, model_type="qwen2_5_vl", in_channels=3))
    text["rope_parameters"] = dict(rope_type="default", rope_theta=shape["theta"],
                                   mrope_section=shape["section"])
    return dict(**head, **tokens, dtype="float32", text_config=text,
                vision_config=dict(vision, model_type="qwen2_5_vl_vision", in_channels=3))


def write_json(path, value, indent=1):
    path.write_text(json.dumps(value, indent=indent, ensure_ascii=False) + "\n", encoding="utf-8")


def write_folder(out, shape, weights):
    """The HF folder of a shape; model.safetensors only if asked for."""
    out = pathlib.Path(out)
    out.mkdir(parents=True, exist_ok=True)
    tokenizer = make_tokenizer(shape)
    ids = {token["content"]: token["id"] for token in tokenizer["added_tokens"]}
    vocab_rows = max(ids.values()) + 1 + shape["extra_rows"]
    write_json(out / "config.json", make_config(shape, ids, vocab_rows))
    write_json(out / "tokenizer.json", tokenizer, indent=None)
    write_json(out / "tokenizer_config.json", dict(
        add_bos_token=False, add_prefix_space=False, bos_token=None,
        clean_up_tokenization_spaces=False, eos_token="<|im_end|>", errors="replace",
        model_max_length=131072, pad_token="<|endoftext|>", split_special_tokens=False,
        tokenizer_class="Qwen2Tokenizer", unk_token=None))
    template = TEMPLATE.replace("DEFAULT_SYSTEM", shape["system"])
    if shape["layout"] == "flat":
        write_json(out / "chat_template.json", dict(chat_template=template))
    else:
        (out / "chat_template.jinja").write_text(template, encoding="utf-8")
    write_json(out / "generation_config.json", dict(
        bos_token_id=ids["<|endoftext|>"], pad_token_id=ids["<|endoftext|>"], do_sample=True,
        eos_token_id=[ids["<|im_end|>"], ids["<|endoftext|>"]], repetition_penalty=1.05,
        temperature=1e-06))
    low, high = shape["min_pixels"], shape["max_pixels"]
    limits = (dict(min_pixels=low, max_pixels=high) if shape["limits"] == "pixels" else
              dict(size=dict(shortest_edge=low, longest_edge=high)))
    write_json(out / "preprocessor_config.json", dict(
        **limits, patch_size=14, temporal_patch_size=2, merge_size=2,
        image_mean=[0.48145466, 0.4578275, 0.40821073],
        image_std=[0.26862954, 0.26130258, 0.27577711],
        image_processor_type="Qwen2VLImageProcessor", processor_class="Qwen2_5_VLProcessor"))
    rules = tensor_rules(shape, vocab_rows)
    lines = ",\n  ".join(json.dumps(rule) for rule in rules)
    (out / "weights.json").write_text(
        f'{{"seed": {shape["seed"]},\n "tensors": [\n  {lines}]}}\n', encoding="utf-8")
    if weights:
        from safetensors.numpy import save_file
        save_file({name: tensor_values(shape["seed"], name, int(np.prod(dims)), base, scale)
                   .reshape(dims) for name, dims, base, scale in rules},
                  out / "model.safetensors", metadata={"format": "pt"})
    return ids


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path)
    parser.add_argument("--shape", choices=SHAPES)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    if args.out:
        write_folder(args.out, SHAPES[args.shape] if args.shape else random_shape(args.seed), True)
        return
    for name, shape in SHAPES.items():
        write_folder(GOLDEN / f"tiny_{name}", shape, weights=False)


if __name__ == "__main__":
    main()
