#!/usr/bin/env python3
"""Oracle of the model: transformers (eager attention, float32, CPU, one thread) on tiny checkpoints.

    model_parity.py                      remakes tests/golden/tiny_{qwen,mimo}/golden.safetensors,
                                         cases.jsonl and tests/golden/images/
    model_parity.py --check [--programs DIR] [--seed N] [--random N]
                                         re-runs live: compares with the committed goldens, then
                                         visplay_generate and visplay_score (found in DIR, default
                                         build/) on both committed checkpoints and on N random
                                         shapes, images and prompts. Exit 1 on any excess.
    model_parity.py --check --model DIR  the same for an HF folder of yours

Golden tensors, n the line of cases.jsonl (float32; ids int64):
    n/input_ids [L]  n/position_ids [3, L]  n/image_grid_thw [images, 3]  n/image_features [rows, D]
    n/hidden [L, D]  n/logits.last [V]  n/greedy_ids [<= 24]  n/greedy_gap (smallest top-2 gap)
    n/completion_ids [T]  n/log_probs [T]  n/entropy [T]; n/log_probs_0.7, n/entropy_0.7 at T = 0.7
    n/pixel_values.digest  n/logits.digest  and, for the gradient of the mean negative
    log-likelihood over all completion tokens of the file, grad/NAME (up to 256 elements) or
    grad/NAME.digest
A digest has 73 numbers: Frobenius norm, 8 projections, 64 samples. With values() the rule of
tiny_checkpoints.py for seed 0, base 0, scale 1: projection k is the sum of x[i] * sign(values(
"projection/k")[i]) (0 counts as +), sample s is x[z % size] for the s-th 64-bit z of "samples".
If g has error e, a projection is off by about |e|: so digests bound the relative error of tensors.
"""
import argparse
import json
import pathlib
import random
import subprocess
import sys
import tempfile

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import tiny_checkpoints as tiny  # noqa: E402

GOLDEN = tiny.GOLDEN
NEW_TOKENS = 24
SMALL = 256

# name: (height, width, mode). Modes other than RGB try the conversions of the image decoder.
IMAGES = {"4x6.png": (56, 84, "RGBA"), "10x12.png": (133, 171, "RGB"), "8x8.png": (104, 121, "P"),
          "10x6.png": (140, 84, "L"), "2x40.png": (28, 560, "RGB"), "large.png": (250, 301, "P"),
          "photo.jpg": (97, 150, "RGB"), "small.png": (9, 13, "RGB")}

CASES = [
    dict(prompt="What is 2 + 2?", completion="<think>two and two</think>\\boxed{4}<|im_end|>"),
    dict(image="4x6.png", prompt="What color is the circle?", completion="\\boxed{red}<|im_end|>"),
    dict(image="10x12.png", prompt="Describe this picture.\n",
         completion="<type>color</type><question>Where is the star?</question><|im_end|>"),
    dict(image="8x8.png", prompt="Where is the blue cross?", system="Answer in one word.",
         completion="center"),
    dict(images=["4x6.png", "10x6.png"], prompt="Which is larger, caf\u00e9 or \u4e00?",
         completion="The first one.<|im_end|>\n"),
    dict(image="2x40.png", prompt="How many?", completion="There are 12.<|im_end|>"),
    dict(image="large.png", prompt="  Ask a question  ", completion="What's that?<|im_end|>"),
    dict(images=["photo.jpg", "small.png", "8x8.png"], prompt="", completion="none<|im_end|>"),
]


# ---- images ------------------------------------------------------------------------------------

def draw(height, width, mode, seed):
    """Smooth waves and a few shapes: compresses well, differs everywhere."""
    from PIL import Image, ImageDraw
    r = random.Random(seed)
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    waves = [127 + 90 * np.sin(x / r.uniform(5, 40) + y / r.uniform(5, 40) + r.uniform(0, 6))
             for _ in range(3)]
    image = Image.fromarray(np.stack(waves, -1).astype(np.uint8), "RGB")
    pen = ImageDraw.Draw(image)
    for _ in range(3):
        cx, cy, size = r.randrange(width), r.randrange(height), r.randrange(3, 30)
        color = tuple(r.randrange(256) for _ in range(3))
        (pen.ellipse if r.random() < 0.5 else pen.rectangle)(
            [cx - size, cy - size, cx + size, cy + size], fill=color)
    if mode == "RGBA":
        alpha = Image.fromarray(((x * 7 + y * 3) % 256).astype(np.uint8), "L")
        image.putalpha(alpha)
        return image
    return image.quantize(32) if mode == "P" else image.convert(mode)


def write_images(folder, images, seed):
    folder.mkdir(parents=True, exist_ok=True)
    for n, (name, (height, width, mode)) in enumerate(images.items()):
        picture = draw(height, width, mode, seed + n)
        picture.save(folder / name, **(dict(quality=90) if name.endswith("jpg") else
                                       dict(optimize=True)))


def with_paths(case, prefix):
    case = dict(case)
    if "image" in case:
        case["image"] = prefix + case["image"]
    if "images" in case:
        case["images"] = [prefix + name for name in case["images"]]
    return case


def image_paths(case, folder):
    return [folder / name for name in case.get("images", [case["image"]] if "image" in case else [])]


# ---- reference ---------------------------------------------------------------------------------

def chat_template(folder, tokenizer):
    """chat_template.json, else chat_template.jinja, else the tokenizer's, as the processor does."""
    if (folder / "chat_template.json").exists():
        return json.loads((folder / "chat_template.json").read_text())["chat_template"]
    if (folder / "chat_template.jinja").exists():
        return (folder / "chat_template.jinja").read_text(encoding="utf-8")
    return tokenizer.chat_template


def to_numpy(tensor):
    return (tensor.float() if tensor.is_floating_point() else tensor).contiguous().numpy()


class Reference:
    """transformers on one folder, in float32 or bfloat16; what comes back is float32."""

    def __init__(self, folder, dtype="float32"):
        import torch
        import transformers
        torch.set_num_threads(1)
        torch.use_deterministic_algorithms(True)
        transformers.logging.set_verbosity_error()
        transformers.utils.logging.disable_progress_bar()
        self.torch = torch
        self.model, info = transformers.Qwen2_5_VLForConditionalGeneration.from_pretrained(
            folder, dtype=getattr(torch, dtype), attn_implementation="eager", output_loading_info=True)
        for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"):
            if info[kind]:
                raise SystemExit(f"{folder}: {kind}: {info[kind]}")
        self.model.eval()
        self.tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
        self.template = chat_template(pathlib.Path(folder), self.tokenizer)
        self.image_processor = transformers.Qwen2VLImageProcessorPil.from_pretrained(folder)

    def encode(self, case, folder):
        """Token ids of the prompt, pixel_values and grids (none without images)."""
        from PIL import Image
        messages = []
        if "system" in case:
            messages.append(dict(role="system", content=case["system"]))
        paths = image_paths(case, folder)
        messages.append(dict(role="user", content=[dict(type="image") for _ in paths] +
                             [dict(type="text", text=case["prompt"])]))
        text = self.tokenizer.apply_chat_template(
            messages, chat_template=self.template, tokenize=False, add_generation_prompt=True)
        inputs = {}
        if paths:
            # VisPlay's conversion: alpha is dropped. Left to itself, transformers 5.23 would put
            # transparent images on white.
            inputs = dict(self.image_processor([Image.open(p).convert("RGB") for p in paths],
                                               return_tensors="pt"))
            for grid in inputs["image_grid_thw"]:
                text = text.replace("<|image_pad|>", "<placeholder>" * (int(grid.prod()) // 4), 1)
            text = text.replace("<placeholder>", "<|image_pad|>")
        return self.ids(text), inputs

    def ids(self, text):
        return self.torch.tensor([self.tokenizer(text, add_special_tokens=False)["input_ids"]],
                                 dtype=self.torch.int64)

    def forward(self, ids, images):
        return dict(input_ids=ids, attention_mask=self.torch.ones_like(ids),
                    mm_token_type_ids=(ids == self.model.config.image_token_id).int(), **images)

    def positions(self, ids, images):
        if not images:
            return self.torch.arange(ids.shape[1]).expand(3, -1)
        inputs = self.forward(ids, images)
        inputs.pop("pixel_values")
        return self.model.model.get_rope_index(**inputs)[0][:, 0]

    def prompt(self, case, folder):
        """What `visplay_generate --dump` writes, and the greedy continuation."""
        torch = self.torch
        ids, images = self.encode(case, folder)
        with torch.no_grad():
            self.model.model.rope_deltas = None
            output = self.model.model(**self.forward(ids, images), use_cache=False)
            logits = self.model.lm_head(output.last_hidden_state[0])
            made = dict(input_ids=ids[0], position_ids=self.positions(ids, images),
                        hidden=output.last_hidden_state[0], logits=logits)
            if images:
                features = self.model.model.get_image_features(
                    images["pixel_values"], images["image_grid_thw"]).pooler_output
                made.update(images, image_features=torch.cat(tuple(features)))
            self.model.model.rope_deltas = None
            grown = self.model.generate(
                **self.forward(ids, images), do_sample=False, repetition_penalty=1.0,
                temperature=None, max_new_tokens=NEW_TOKENS, use_cache=True,
                return_dict_in_generate=True, output_logits=True)
        top = torch.stack([row[0].topk(2).values for row in grown.logits])
        made["greedy_ids"] = grown.sequences[0, ids.shape[1]:]
        made["greedy_gaps"] = top[:, 0] - top[:, 1]
        return {name: to_numpy(value) for name, value in made.items()}

    def score(self, case, folder, temperatures=(1.0, 0.7)):
        """Log-probs and entropies of the completion; the summed NLL at T = 1 with its graph."""
        torch = self.torch
        ids, images = self.encode(case, folder)
        completion = self.ids(case["completion"])
        whole = torch.cat([ids, completion], 1)
        self.model.model.rope_deltas = None
        logits = self.model(**self.forward(whole, images), use_cache=False).logits
        logits = logits[0, ids.shape[1] - 1:-1].float()
        made, loss = dict(completion_ids=completion[0]), None
        for temperature in temperatures:
            log_probs = torch.log_softmax(logits / temperature, -1)
            chosen = log_probs.gather(1, completion[0][:, None])[:, 0]
            loss = -chosen.sum() if temperature == 1 else loss
            end = "" if temperature == 1 else f"_{temperature:g}"
            made["log_probs" + end] = chosen
            made["entropy" + end] = -(log_probs.exp() * log_probs).sum(-1)
        return {name: value.detach().numpy() for name, value in made.items()}, loss

    def gradients(self, cases, folder):
        """Scores of every case; gradient of the mean NLL over all completion tokens, hub names."""
        self.model.zero_grad()
        scores, tokens = [], 0
        for case in cases:
            score, loss = self.score(case, folder)
            loss.backward()
            scores.append(score)
            tokens += len(score["completion_ids"])
        made = {}
        for name, parameter in self.model.named_parameters():
            name = name.replace("model.visual.", "visual.", 1)
            name = name.replace("model.language_model.", "model.", 1)
            gradient = parameter.grad
            if gradient is None:  # the tower, in a file without images
                gradient = self.torch.zeros_like(parameter)
            made[name] = to_numpy(gradient / tokens)
        return scores, made


def digest(tensor):
    flat = tensor.reshape(-1).astype(np.float64)
    made = [np.sqrt((flat * flat).sum())]
    for k in range(8):
        signs = np.where(tiny.raw_bits(0, f"projection/{k}", flat.size) >> np.uint64(63), 1.0, -1.0)
        made.append((flat * signs).sum())
    samples = tiny.raw_bits(0, "samples", 64) % np.uint64(flat.size)
    return np.concatenate([made, flat[samples.astype(np.int64)]]).astype(np.float32)


def golden_tensors(shape, cases, base):
    """Every golden tensor of a shape; image names of the cases are relative to base."""
    with tempfile.TemporaryDirectory() as folder:
        tiny.write_folder(folder, shape, weights=True)
        reference = Reference(folder)
    made = {}
    scores, gradients = reference.gradients(cases, base)
    for n, case in enumerate(cases):
        tensors = reference.prompt(case, base)
        tensors["logits.last"] = tensors["logits"][-1]
        tensors["logits.digest"] = digest(tensors.pop("logits"))
        if "pixel_values" in tensors:
            tensors["pixel_values.digest"] = digest(tensors.pop("pixel_values"))
        tensors["greedy_gap"] = tensors.pop("greedy_gaps").min(keepdims=True)
        for name, tensor in {**tensors, **scores[n]}.items():
            made[f"{n}/{name}"] = np.ascontiguousarray(tensor)
    for name, gradient in gradients.items():
        small = gradient.size <= SMALL
        made["grad/" + name + ("" if small else ".digest")] = (
            np.ascontiguousarray(gradient) if small else digest(gradient))
    return made


def versions():
    import PIL
    import tokenizers
    import torch
    import transformers
    return dict(transformers=transformers.__version__, torch=torch.__version__,
                tokenizers=tokenizers.__version__, pillow=PIL.__version__, numpy=np.__version__)


def write_cases(path, cases):
    path.write_text("".join(json.dumps(case) + "\n" for case in cases), encoding="utf-8")


def read_cases(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def make():
    from safetensors.numpy import save_file
    write_images(GOLDEN / "images", IMAGES, seed=7)
    cases = [with_paths(case, "../images/") for case in CASES]
    for name, shape in tiny.SHAPES.items():
        folder = GOLDEN / f"tiny_{name}"
        write_cases(folder / "cases.jsonl", cases)
        made = golden_tensors(shape, cases, folder)
        save_file(made, folder / "golden.safetensors", metadata=versions())
        print(f"{folder.name}: {len(made)} tensors, smallest top-2 gap",
              min(float(value[0]) for key, value in made.items() if key.endswith("/greedy_gap")))


# ---- check -------------------------------------------------------------------------------------

class Report:
    """Largest error of each quantity against its bound (qwen25vl.md 10.5)."""

    def __init__(self, title):
        self.title, self.worst, self.failed = title, {}, 0

    def add(self, name, error, bound, where):
        error = float(error)
        if name not in self.worst or not error <= self.worst[name][0]:
            self.worst[name] = (error, bound, where)
        self.failed += not error <= bound

    def exact(self, name, ours, theirs, where):
        same = np.shape(ours) == np.shape(theirs) and np.array_equal(ours, theirs)
        self.add(name, 0 if same else np.inf, 0, where)

    def close(self, name, ours, theirs, bound, where, scale=1.0):
        if np.shape(ours) != np.shape(theirs):
            self.add(name, np.inf, bound, f"{where}: shape {np.shape(ours)} {np.shape(theirs)}")
            return
        difference = np.abs(np.asarray(ours, np.float64) - np.asarray(theirs, np.float64))
        self.add(name, difference.max(initial=0.0) / scale, bound, where)

    def show(self):
        print(("ok    " if not self.failed else "FAILED"), self.title)
        for name, (error, bound, where) in self.worst.items():
            mark = "  " if error <= bound else "* "
            print(f"  {mark}{name:16} {error:10.3g}  bound {bound:8.2g}  at {where}")
        return self.failed


def unit(tensor):
    """At least 1: bounds are stated at unit scale."""
    return max(1.0, float(np.sqrt(np.mean(np.square(tensor, dtype=np.float64)))))


def top(tensor):
    return float(np.abs(tensor).max()) or 1.0


def compare_prompt(report, ours, theirs, greedy, where):
    for name in ("input_ids", "position_ids", "image_grid_thw"):
        if name in theirs:
            report.exact(name, ours.get(name), theirs[name], where)
    if "pixel_values" in theirs:
        report.close("pixel_values", ours["pixel_values"], theirs["pixel_values"], 5e-7, where)
        report.close("image_features", ours["image_features"], theirs["image_features"], 3e-5,
                     where, top(theirs["image_features"]))
    report.close("hidden", ours["hidden"], theirs["hidden"], 1e-4, where, unit(theirs["hidden"]))
    report.close("logits", ours["logits"], theirs["logits"], 1e-4, where, unit(theirs["logits"]))
    expected, gaps = list(theirs["greedy_ids"]), theirs["greedy_gaps"]
    for n, token in enumerate(expected):
        if n >= len(greedy) or greedy[n] != token:
            report.add("greedy_ids", 0 if gaps[n] < 1e-4 else np.inf, 0, f"{where} token {n}")
            return
    report.add("greedy_ids", 0 if len(greedy) == len(expected) else np.inf, 0, where)


GRADIENT_BOUND = 1e-4  # of the error of a tensor's gradient, as a share of its norm


def compare_gradients(report, ours, theirs):
    report.exact("gradient names", sorted(ours), sorted(theirs), "all")
    largest = max(float(np.linalg.norm(g)) for g in theirs.values())
    for name, gradient in theirs.items():
        if name not in ours or ours[name].shape != gradient.shape:
            report.add("gradients", np.inf, GRADIENT_BOUND, name)
            continue
        norm = float(np.linalg.norm(gradient.astype(np.float64)))
        error = float(np.linalg.norm(ours[name].astype(np.float64) - gradient))
        if norm < 1e-4 * largest:  # e.g. k_proj.bias: exactly zero in exact arithmetic
            report.add("tiny gradients", error / (norm + 1e-5 * largest), 1e-3, name)
        else:
            report.add("gradients", error / norm, GRADIENT_BOUND, name)


def program(folder, name):
    found = [path for path in [folder / name, *folder.rglob(name)] if path.is_file()]
    return found[0] if found else None


def run(command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, command))}: exit {done.returncode}\n{done.stderr}")
    return [json.loads(line) for line in done.stdout.splitlines() if line.strip()]


def check_programs(title, folder, cases_file, programs):
    """Our two programs against the reference on every case of a file."""
    from safetensors.numpy import load_file
    generate, score = (program(programs, name) for name in ("visplay_generate", "visplay_score"))
    if not generate or not score:
        raise SystemExit(f"{programs}: visplay_generate and visplay_score are not built")
    cases, reference, report = read_cases(cases_file), Reference(folder), Report(title)
    base = cases_file.parent
    with tempfile.TemporaryDirectory() as temporary:
        dump, grads = (pathlib.Path(temporary) / name for name in ("dump", "gradients"))
        for n, case in enumerate(cases):
            images = [part for path in image_paths(case, base) for part in ("--image", path)]
            system = ["--system=" + case["system"]] if "system" in case else []
            lines = run([generate, "--model", folder, *images, "--prompt=" + case["prompt"], *system,
                         "--greedy", "--max-new-tokens", NEW_TOKENS, "--json", "--dump", dump])
            theirs = reference.prompt(case, base)
            compare_prompt(report, load_file(dump), theirs, lines[0]["token_ids"], f"case {n}")
        for temperature in (1.0, 0.7):
            end = "" if temperature == 1 else "_0.7"
            extra = ["--gradients", grads] if temperature == 1 else []
            lines = run([score, "--model", folder, "--data", cases_file, "--temperature",
                         temperature, *extra])
            report.exact("score lines", len(lines), len(cases), "all")
            if temperature == 1:
                scores, gradients = reference.gradients(cases, base)
                compare_gradients(report, load_file(grads), gradients)
            for n, (line, theirs) in enumerate(zip(lines, scores)):
                where = f"case {n} T {temperature}"
                report.exact("completion_ids", line["token_ids"], theirs["completion_ids"], where)
                report.close("log_probs", line["log_probs"], theirs["log_probs" + end], 1e-4, where,
                             unit(theirs["log_probs" + end]))
                report.close("entropy", line["entropy"], theirs["entropy" + end], 1e-4, where)
    return report.show()


def check_golden(name, shape):
    """The committed golden file against this machine's transformers."""
    from safetensors.numpy import load_file
    folder, report = GOLDEN / f"tiny_{name}", Report(f"committed goldens of tiny_{name}")
    committed = load_file(folder / "golden.safetensors")
    live = golden_tensors(shape, read_cases(folder / "cases.jsonl"), folder)
    report.exact("names", sorted(live), sorted(committed), "all")
    for key in sorted(set(live) & set(committed)):
        if live[key].dtype == np.int64:
            report.exact("integers", live[key], committed[key], key)
        elif not key.endswith("greedy_gap"):
            report.close("floats", live[key], committed[key], 1e-4, key, top(committed[key]))
    return report.show()


def random_cases(folder, seed):
    """Random images of random modes and sizes, prompts and completions of random pieces."""
    r = random.Random(seed)
    names = {f"{n}.{'jpg' if mode == 'RGB' and r.random() < 0.4 else 'png'}":
             (r.randrange(20, 330), r.randrange(20, 330), mode)
             for n, mode in enumerate(r.choice(["RGB", "RGB", "RGBA", "P", "L"]) for _ in range(6))}
    write_images(folder / "images", names, seed)
    words = tiny.CORPUS.split() + ["\n", "  ", "12345", "na\u00efve", "\u4f60\u597d", "x=1;", "'LL",
                                   "\u0915\u093f", "\U0001f600", "e\u0301"]

    def text(low, high):
        return "".join(r.choice(["", " "]) + r.choice(words) for _ in range(r.randint(low, high)))

    cases = []
    for n in range(5):
        count = [0, 1, 1, 2, 3][n]
        case = dict(prompt=text(0, 12), completion=text(1, 10) + r.choice(["", "<|im_end|>"]))
        if count == 1:
            case["image"] = r.choice(list(names))
        elif count:
            case["images"] = [r.choice(list(names)) for _ in range(count)]
        if r.random() < 0.3:
            case["system"] = text(1, 5)
        cases.append(with_paths(case, "images/"))
    write_cases(folder / "cases.jsonl", cases)
    return folder / "cases.jsonl"


def check(args):
    failed = 0
    if args.model:
        with tempfile.TemporaryDirectory() as temporary:
            cases = random_cases(pathlib.Path(temporary), args.seed)
            return check_programs(str(args.model), args.model, cases, args.programs)
    for name, shape in tiny.SHAPES.items():
        failed += check_golden(name, shape)
    for name, shape in tiny.SHAPES.items():
        with tempfile.TemporaryDirectory() as temporary:
            folder = pathlib.Path(temporary)
            tiny.write_folder(folder, shape, weights=True)
            failed += check_programs(f"programs on tiny_{name}", folder,
                                     GOLDEN / f"tiny_{name}" / "cases.jsonl", args.programs)
    for seed in range(args.seed, args.seed + args.random):
        with tempfile.TemporaryDirectory() as temporary:
            folder = pathlib.Path(temporary)
            tiny.write_folder(folder, tiny.random_shape(seed), weights=True)
            failed += check_programs(f"programs on random shape {seed}", folder,
                                     random_cases(folder, seed), args.programs)
    return failed


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--programs", type=pathlib.Path, default=GOLDEN.parent.parent / "build")
    parser.add_argument("--model", type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=100)
    parser.add_argument("--random", type=int, default=12)
    args = parser.parse_args()
    if not args.check:
        make()
    elif check(args):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
