#!/usr/bin/env python3
"""Oracle of adapters: PEFT on transformers (eager, float32, CPU, one thread) on tiny checkpoints.

    adapter_parity.py                    remakes tests/golden/tiny_{qwen,mimo}/lora/
    adapter_parity.py --check [--programs DIR] [--seed N] [--random N]
                                         re-runs live: compares with the committed goldens, then
                                         visplay_score and visplay_sft (found in DIR, default build/)
                                         with PEFT on N random shapes and random adapters, both
                                         ways: theirs here, ours there. Exit 1 on any excess.

lora/ is a PEFT folder as PEFT writes it, its tensors from the rule of tiny_checkpoints.py (A: scale
0.25, B: 0.125, seed of the shape), and golden.safetensors, n the line of ../cases.jsonl:
    n/log_probs [T]  of the completion with the adapter      n/base_log_probs [T]  with it off
    grad/NAME        of the mean negative log-likelihood over all completion tokens of the file
    step/NAME        each adapter tensor after one step of torch.optim.AdamW (STEP) on it
    merged/NAME.digest   of every adapted weight after merge_and_unload()
NAME is the hub path of the layer and lora_A.weight or lora_B.weight.
"""
import argparse
import json
import pathlib
import random
import shutil
import sys
import tempfile

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import model_parity as parity  # noqa: E402
import tiny_checkpoints as tiny  # noqa: E402

GOLDEN = tiny.GOLDEN
STEP = dict(lr=1e-2, betas=(0.9, 0.99), eps=1e-8, weight_decay=0.1)
LANGUAGE = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
# PEFT's names of layers in a regular expression: they share leaves with the vision tower.
LORAS = {
    "qwen": dict(r=4, lora_alpha=6, use_rslora=False,
                 target_modules=r".*language_model.*\.(" + "|".join(LANGUAGE) + ")"),
    "mimo": dict(r=3, lora_alpha=5, use_rslora=True, rank_pattern={"layers.1.self_attn.q_proj": 2},
                 alpha_pattern={"layers.0.mlp.up_proj": 9},
                 target_modules=r".*language_model.*\.(q_proj|o_proj|up_proj)"
                                r"|.*visual.*\.(attn\.qkv|mlp\.down_proj|merger\.mlp\.0)"),
}


def random_lora(seed):
    r = random.Random(seed)
    leaves = r.sample(LANGUAGE, r.randint(1, 7))
    targets = r".*language_model.*\.(" + "|".join(leaves) + ")"
    if r.random() < 0.5:
        vision = r.sample(["attn.qkv", "attn.proj", "mlp.gate_proj", "merger.mlp.2"], 2)
        targets += r"|.*visual.*\.(" + "|".join(v.replace(".", r"\.") for v in vision) + ")"
    return dict(r=r.choice([1, 2, 5, 8]), lora_alpha=r.choice([1, 8, 16]),
                use_rslora=r.random() < 0.5, target_modules=targets)


def hub_name(key):
    """A PEFT or runtime name in hub spelling."""
    key = key.removeprefix("base_model.model.").replace(".default.weight", ".weight")
    key = key.replace("model.visual.", "visual.", 1)
    return key.replace("model.language_model.", "model.", 1)


class Adapted(parity.Reference):
    """The reference with an adapter that can be switched off."""

    def __init__(self, folder, settings=None, lora_folder=None, seed=0):
        import peft
        super().__init__(folder)
        if lora_folder:
            self.peft = peft.PeftModel.from_pretrained(self.model, lora_folder, is_trainable=True)
        else:
            self.peft = peft.get_peft_model(
                self.model, peft.LoraConfig(task_type="CAUSAL_LM", **settings))
            with self.torch.no_grad():
                for name, parameter in self.adapters():
                    scale = 0.25 if ".lora_A." in name else 0.125
                    values = tiny.tensor_values(seed, name, parameter.numel(), 0, scale)
                    parameter.copy_(self.torch.from_numpy(values).reshape(parameter.shape))
        self.peft.eval()

    def adapters(self):
        return [(hub_name(name), parameter) for name, parameter in self.model.named_parameters()
                if ".lora_" in name]

    def save(self, folder, base):
        self.peft.peft_config["default"].base_model_name_or_path = base
        self.peft.save_pretrained(folder, save_embedding_layers=False)
        (pathlib.Path(folder) / "README.md").unlink(missing_ok=True)

    def loss(self, cases, base):
        """Log-probs of every case and the mean negative log-likelihood with its graph."""
        scores, total, tokens = [], 0, 0
        for case in cases:
            score, loss = self.score(case, base, temperatures=(1.0,))
            scores.append(score["log_probs"])
            total, tokens = total + loss, tokens + len(score["completion_ids"])
        return scores, total / tokens

    def gradients_and_step(self, cases, base, clip=None, **step):
        """Scores, gradients of the adapters and what one AdamW step makes of them."""
        torch = self.torch
        parameters = self.adapters()
        optimizer = torch.optim.AdamW([p for _, p in parameters], **(step or STEP))
        before = [p.detach().clone() for _, p in parameters]
        scores, loss = self.loss(cases, base)
        optimizer.zero_grad()
        loss.backward()
        gradients = {name: p.grad.numpy().copy() for name, p in parameters}
        if clip:
            torch.nn.utils.clip_grad_norm_([p for _, p in parameters], clip)
        optimizer.step()
        stepped = {name: p.detach().numpy().copy() for name, p in parameters}
        with torch.no_grad():
            for (_, p), old in zip(parameters, before):
                p.copy_(old)
        return scores, gradients, stepped


    def exact_gradients(self, cases, base):
        """The gradients in float64; the model is in float32 again afterwards."""
        self.model.double()
        gradients = self.gradients_and_step(cases, base)[1]
        self.model.float()
        return gradients


def compare_gradients(report, ours, theirs, exact):
    """Against float64: off by no more than GRADIENT_BOUND, or twice what float32 costs transformers
    (a tower of hidden size 4 costs it 1.3e-4)."""
    report.exact("gradient names", sorted(ours), sorted(exact), "all")
    for name in set(ours) & set(exact):
        norm = np.linalg.norm(exact[name])
        error, peer = (np.linalg.norm(g[name].astype(np.float64) - exact[name]) / norm
                       for g in (ours, theirs))
        report.add("gradients, of allowed", error / max(parity.GRADIENT_BOUND, 2 * peer), 1, name)


def golden_tensors(name, lora_out=None):
    shape = tiny.SHAPES[name]
    folder = GOLDEN / f"tiny_{name}"
    cases = parity.read_cases(folder / "cases.jsonl")
    with tempfile.TemporaryDirectory() as temporary:
        tiny.write_folder(temporary, shape, weights=True)
        reference = Adapted(temporary, LORAS[name], seed=shape["seed"])
        if lora_out:
            reference.save(lora_out, f"tiny_{name}")
    made = {}
    scores, gradients, stepped = reference.gradients_and_step(cases, folder)
    with reference.peft.disable_adapter(), reference.torch.no_grad():
        base_scores, _ = reference.loss(cases, folder)
    for n, (with_it, without) in enumerate(zip(scores, base_scores)):
        made[f"{n}/log_probs"], made[f"{n}/base_log_probs"] = with_it, without
    made |= {"grad/" + key: value for key, value in gradients.items()}
    made |= {"step/" + key: value for key, value in stepped.items()}
    adapted = {key.rsplit(".lora_", 1)[0] for key in gradients}
    merged = reference.peft.merge_and_unload()
    for key, parameter in merged.named_parameters():
        if hub_name(key).removesuffix(".weight") in adapted and key.endswith(".weight"):
            made[f"merged/{hub_name(key)}.digest"] = parity.digest(parameter.detach().numpy())
    return {key: np.ascontiguousarray(value) for key, value in made.items()}


def versions():
    import peft
    return dict(parity.versions(), peft=peft.__version__)


def make():
    from safetensors.numpy import save_file
    for name in LORAS:
        out = GOLDEN / f"tiny_{name}" / "lora"
        shutil.rmtree(out, ignore_errors=True)
        made = golden_tensors(name, out)
        save_file(made, out / "golden.safetensors", metadata=versions())
        print(f"{out}: {len(made)} tensors")


# ---- check -------------------------------------------------------------------------------------

def check_golden(name):
    from safetensors.numpy import load_file
    report = parity.Report(f"committed adapter goldens of tiny_{name}")
    committed = load_file(GOLDEN / f"tiny_{name}" / "lora" / "golden.safetensors")
    live = golden_tensors(name)
    report.exact("names", sorted(live), sorted(committed), "all")
    for key in sorted(set(live) & set(committed)):
        report.close("floats", live[key], committed[key], 1e-4, key, parity.top(committed[key]))
    return report.show()


def respelled(folder, out):
    """The same adapter in the spelling before transformers 4.52."""
    from safetensors.numpy import load_file, save_file
    shutil.copytree(folder, out)
    file = out / "adapter_model.safetensors"
    tensors = {key.replace("base_model.model.model.language_model.", "base_model.model.model.", 1)
                  .replace("base_model.model.model.visual.", "base_model.model.visual.", 1): value
               for key, value in load_file(file).items()}
    save_file(tensors, file, metadata={"format": "pt"})
    return out


def check_scores(report, lines, scores, where):
    report.exact("score lines", len(lines), len(scores), where)
    for n, (line, theirs) in enumerate(zip(lines, scores)):
        report.close("log_probs " + where, line["log_probs"], theirs, 1e-4, f"case {n}",
                     parity.unit(theirs))


def read_adapter(folder):
    from safetensors.numpy import load_file
    return {hub_name(key): value
            for key, value in load_file(folder / "adapter_model.safetensors").items()}


def check_programs(title, shape, settings, cases_file, programs):
    """Theirs here and ours there on one checkpoint."""
    from safetensors.numpy import load_file
    score, sft = (parity.program(programs, f"visplay_{name}") for name in ("score", "sft"))
    if not score or not sft:
        raise SystemExit(f"{programs}: visplay_score and visplay_sft are not built")
    report, cases, base = parity.Report(title), parity.read_cases(cases_file), cases_file.parent
    with tempfile.TemporaryDirectory() as temporary:
        root = pathlib.Path(temporary)
        model, theirs, stepped = root / "model", root / "theirs", root / "stepped"
        tiny.write_folder(model, shape, weights=True)
        reference = Adapted(model, settings, seed=shape["seed"])
        reference.save(theirs, str(model))
        run = [score, "--data", cases_file]

        # Theirs here: log-probs in both spellings, gradients, one clipped AdamW step.
        scores, gradients, after = reference.gradients_and_step(cases, base, clip=1.0)
        for where, arguments in (
                ("theirs", ["--model", theirs, "--gradients", root / "grads"]),
                ("respelled", ["--model", model, "--adapter", respelled(theirs, root / "old")])):
            check_scores(report, parity.run([*run, *arguments]), scores, where)
        compare_gradients(report, load_file(root / "grads"), gradients,
                          reference.exact_gradients(cases, base))
        # printed lines are no JSON: run() reads none, only the folder counts
        rate = ["--learning_rate", STEP["lr"], "--beta1", STEP["betas"][0], "--beta2",
                STEP["betas"][1], "--weight_decay", STEP["weight_decay"], "--warmup_steps", 0]
        parity.subprocess.run([str(part) for part in (
            sft, "--model", model, "--adapter", theirs, "--data", cases_file, "--out", stepped,
            "--steps", 1, "--batch", len(cases), "--end_of_turn", "false", *rate)],
            check=True, capture_output=True)
        ours = read_adapter(stepped)
        report.exact("step names", sorted(ours), sorted(after), "step")
        for key in set(ours) & set(after):
            # Adam's first step is lr times the gradient's sign, which is known where the gradient
            # exceeds what compare_gradients allows it to be off.
            clear = np.abs(gradients[key]) > parity.GRADIENT_BOUND * np.linalg.norm(gradients[key])
            report.close("AdamW step", ours[key] * clear, after[key] * clear, 2e-5, key)

        # Ours there: new adapters trained here for three steps.
        grown = root / "grown"
        patterns = ["q_proj", "mlp.*", "visual.blocks.0.attn.*"]
        parity.subprocess.run([str(part) for part in (
            sft, "--model", model, "--data", cases_file, "--out", grown, "--steps", 3, "--batch",
            len(cases), "--lora.rank", 3, "--lora.alpha", 7, "--lora.rslora", "true",
            "--lora.targets", *patterns, "--learning_rate", 1e-2)],
            check=True, capture_output=True)
        loaded = Adapted(model, lora_folder=grown)
        ours = read_adapter(grown)
        report.exact("adapter names", sorted(name for name, _ in loaded.adapters()), sorted(ours),
                     "ours")
        for name, parameter in loaded.adapters():
            report.exact("adapter tensors", parameter.detach().numpy(), ours[name], name)
        with loaded.torch.no_grad():
            scores, _ = loaded.loss(cases, base)
        check_scores(report, parity.run([*run, "--model", grown]), scores, "ours")
    return report.show()


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--programs", type=pathlib.Path, default=GOLDEN.parent.parent / "build")
    parser.add_argument("--seed", type=int, default=200)
    parser.add_argument("--random", type=int, default=12)
    args = parser.parse_args()
    if not args.check:
        return make()
    failed = sum(check_golden(name) for name in LORAS)
    for name, settings in LORAS.items():
        failed += check_programs(f"adapters on tiny_{name}", tiny.SHAPES[name], settings,
                                 GOLDEN / f"tiny_{name}" / "cases.jsonl", args.programs)
    for seed in range(args.seed, args.seed + args.random):
        with tempfile.TemporaryDirectory() as temporary:
            cases = parity.random_cases(pathlib.Path(temporary), seed)
            failed += check_programs(f"adapters on random shape {seed}", tiny.random_shape(seed),
                                     random_lora(seed), cases, args.programs)
    if failed:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
