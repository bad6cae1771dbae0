"""The fused head: ours against the ways that Python systems go from hidden states to log-probs, in turns.

    .deps/oracle/bin/python benchmarks/peers/linear_log_probs.py [--level LEVEL] [--type TYPE] [--rounds 5]

Log-prob of the chosen token and entropy, without gradient:
  GEMM       torch.mm into a tensor that is already there: what writing the logits alone costs
  TRL        F.linear, selective_log_softmax, entropy_from_logits
  verl       FusedLinearForPPO, chunks of 512 tokens
With the gradients of hidden states and head for a coefficient per token:
  F.linear_cross_entropy    reduction "none"; options at their defaults, and the fastest of a few settings
  autograd                  F.linear, float32 cross entropy
Ours with gradients: without memory for logits, and with --kept MiB of it (LinearLogProbsOutput::kept).
All on the same inputs, in one process that takes turns with ours, with the same number of threads, freed memory kept
and huge pages on for the peers. A level (the processor's best unless one is named) holds oneDNN to that instruction
set too. A ratio is the median over rounds of peer / ours of the same round. The type is bfloat16, but float32 at levels
without products of bfloat16, where ATen's take minutes. Memory is the peak beyond inputs and results. Sixteen tokens
are checked against float64.
"""
import argparse
import ctypes
import importlib.metadata
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

LEVELS = {"portable": 0, "avx2": 1, "avx512": 2, "avx512_bf16": 3, "amx": 4}
ONEDNN = {"avx2": "AVX2", "avx512": "AVX512_CORE", "avx512_bf16": "AVX512_CORE_BF16"}
# Wanted ratios by level, issue 6: (row, peer) -> ratio.
WANTED = {
    "amx": {"GEMM": 1.25, "TRL": 6, "verl": 6, "linear_cross_entropy": 8, "linear_cross_entropy tuned": 8,
            "autograd": 2.5},
    "avx512_bf16": {"GEMM": 0.95, "TRL": 1.5, "verl": 1.5, "linear_cross_entropy": 1.05,
                    "linear_cross_entropy tuned": 1.05, "autograd": 1.2},
}


def best_level():
    flags = set(next((line for line in open("/proc/cpuinfo") if line.startswith("flags")), "").split())
    needs = {"amx": {"amx_bf16", "avx512_bf16"}, "avx512_bf16": {"avx512_bf16"}, "avx512": {"avx512bw", "avx512vl", "avx512dq"},
             "avx2": {"avx2", "fma"}}
    return next((level for level, these in needs.items() if these <= flags), "portable")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    root = pathlib.Path(__file__).resolve().parents[2]
    parser.add_argument("--ours", default=str(root / "build/bin/visplay_linear_log_probs"))
    parser.add_argument("--level", default=best_level(), choices=LEVELS)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--type", choices=("bfloat16", "float32"))
    parser.add_argument("--kept", type=int, default=224)
    parser.add_argument("--shape", type=int, nargs=3, default=(1024, 2048, 151936), metavar=("N", "H", "V"))
    options = parser.parse_args()
    options.type = options.type or ("bfloat16" if options.level in WANTED else "float32")
    return options


def best_settings(level):
    """The environment that is best for the peers has to be there before torch is."""
    settings = {"MALLOC_MMAP_THRESHOLD_": str(1 << 33), "MALLOC_TRIM_THRESHOLD_": str(1 << 34),
                "THP_MEM_ALLOC_ENABLE": "1"}
    if level in ONEDNN:
        settings["ONEDNN_MAX_CPU_ISA"] = ONEDNN[level]
    if any(os.environ.get(name) != value for name, value in settings.items()):
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **settings})


OPTIONS = arguments()
best_settings(OPTIONS.level)
sys.modules["wandb"] = None  # nothing here logs, and importing it takes packages of its own

import numpy
import torch
import torch.nn.functional as F
from lib.measure import record
from torch.nn import LinearCrossEntropyOptions
from trl.trainer.utils import entropy_from_logits, selective_log_softmax
from verl.utils.experimental.torch_functional import FusedLinearForPPO

TYPE = getattr(torch, OPTIONS.type)


class Batch:
    def __init__(self, tokens, depth, vocabulary):
        torch.manual_seed(1)
        self.hidden = torch.randn(tokens, depth).to(TYPE)
        self.head = torch.empty(vocabulary, depth, dtype=TYPE).normal_(0, 2 / depth**0.5)
        self.targets = torch.randint(vocabulary, (tokens,))
        self.coefficients = torch.randn(tokens) / tokens
        self.hidden.requires_grad_()
        self.head.requires_grad_()

    def write(self, folder):
        for name, tensor in (("hidden", self.hidden), ("head", self.head)):
            tensor.detach().view(torch.uint8).numpy().tofile(f"{folder}/{name}.bin")
        self.targets.numpy().tofile(f"{folder}/targets.bin")
        self.coefficients.numpy().tofile(f"{folder}/coefficients.bin")


def forward_peers(batch):
    hidden, head, targets = batch.hidden.detach(), batch.head.detach(), batch.targets
    logits = torch.empty(len(hidden), len(head), dtype=TYPE)
    completions = lambda x: x.view(8, -1, *x.shape[1:])  # TRL's [B, T]

    def trl():
        each = completions(F.linear(hidden, head))
        return selective_log_softmax(each, completions(targets)), entropy_from_logits(each)

    verl = FusedLinearForPPO(chunk_size=512)
    return {"GEMM": lambda: torch.mm(hidden, head.t(), out=logits), "TRL": trl,
            "verl": lambda: verl(hidden, head, targets)}


def gradient_peers(batch):
    hidden, head, targets = batch.hidden, batch.head, batch.targets

    def cross_entropy(options, precision):
        def step():
            torch.set_float32_matmul_precision(precision)
            each = F.linear_cross_entropy(hidden, head, targets, reduction="none", options=options)
            each.backward(-batch.coefficients.to(each.dtype))
            torch.set_float32_matmul_precision("highest")
        return step

    def autograd():
        each = F.cross_entropy(F.linear(hidden, head).float(), targets, reduction="none")
        each.backward(-batch.coefficients)

    settings = {f"compact, chunks of {chunk}, float32 products at precision {precision}": cross_entropy(
        LinearCrossEntropyOptions(acc_policy="compact", batch_chunk_size=chunk), precision)
        for chunk in (256, 1024) for precision in ("medium", "highest")}
    return {"linear_cross_entropy": cross_entropy(LinearCrossEntropyOptions(), "highest"), "autograd": autograd}, settings


def status(name):
    for line in open("/proc/self/status"):
        if line.startswith(name):
            return int(line.split()[1]) * 1024


def timed(step, batch):
    """Wall and processor seconds, and bytes beyond what was there before and the gradients."""
    batch.hidden.grad = batch.head.grad = None
    ctypes.CDLL("libc.so.6").malloc_trim(0)
    pathlib.Path("/proc/self/clear_refs").write_text("5")
    resident = status("VmRSS:")
    wall, processor = time.perf_counter(), time.process_time()
    step()
    times = time.perf_counter() - wall, time.process_time() - processor
    gradients = sum(t.grad.nbytes for t in (batch.hidden, batch.head) if t.grad is not None)
    return *times, status("VmHWM:") - resident - gradients


def seconds(step, batch):
    """Of the faster of two calls, or of one that takes more than a minute."""
    first = timed(step, batch)[0]
    return first if first > 60 else min(first, timed(step, batch)[0])


class Ours:
    def __init__(self, folder, threads, level, shape):
        self.process = subprocess.Popen(
            [OPTIONS.ours, folder, *map(str, shape), str(threads), str(LEVELS[level]), OPTIONS.type],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise SystemExit("linear_log_probs: our program ended")
        return answer.split()

    def timed(self, line):
        return tuple(map(float, self.ask(line)))


def check(batch, folder, some=16):
    """Of the first tokens, in float64: the largest differences of log-prob and entropy; of their hidden gradient in
    units of the sizes of what is summed in it: bfloat16 rounds each logit's gradient and each result by at most 2^-8 of it."""
    read = lambda name, type: numpy.fromfile(f"{folder}/{name}.bin", dtype=type)
    ours = torch.from_numpy(read("log_probs", numpy.float32))[:some], torch.from_numpy(read("entropy", numpy.float32))[:some]
    gradient = torch.from_numpy(read("hidden_gradient", numpy.uint8)).view(TYPE).view_as(batch.hidden)[:some]
    hidden = batch.hidden.detach()[:some].double()
    parts = batch.head.detach().split(16384)
    log_p = torch.log_softmax(torch.cat([hidden @ part.double().t() for part in parts], 1), 1)
    chosen = log_p.gather(1, batch.targets[:some, None]).squeeze(1)
    entropy = -(log_p.exp() * log_p).sum(1)
    by_logit = -log_p.exp()
    by_logit[range(some), batch.targets[:some]] += 1
    by_logit *= batch.coefficients[:some, None].double()
    pairs = list(zip(by_logit.split(16384, 1), parts))
    exact = sum(g @ part.double() for g, part in pairs)
    sizes = sum(g.abs() @ part.double().abs() for g, part in pairs)
    return ((ours[0] - chosen).abs().max().item(), (ours[1] - entropy).abs().max().item(),
            ((gradient.double() - exact).abs() / (sizes + exact.abs())).max().item())


def compare(ours, lines, peers, batch, rounds):
    """Prints medians and the median of ratios of each of our lines and each peer. A peer that takes more than a minute
    is called only once."""
    times, memory = {name: {} for name in (*lines, *peers)}, {}
    for round in range(rounds + 1):  # the first warms up; it alone shows what memory is new
        for name in times:
            if name in peers and times[name].get(0, (0,))[0] > 60:
                continue
            wall, processor, extra = ours.timed(name) if name in lines else timed(peers[name], batch)
            memory[name] = max(memory.get(name, 0), extra)
            times[name][round] = wall, processor
    for of_rounds in times.values():
        if len(of_rounds) > 1:
            del of_rounds[0]
    for line in lines:
        report(line, peers, times, memory)


def report(line, peers, times, memory):
    median = lambda values: statistics.median(values)
    own = list(times[line].values())
    print(f"{line}: ours {median(w for w, _ in own):.2f} s (processor {median(p for _, p in own):.2f}), "
          f"{memory[line] / 2**20:.1f} MiB beyond inputs and results", flush=True)
    for name in peers:
        # A peer's only call was in the first round, of which ours warmed up: the first of ours that counts stands in.
        pairs = [(of_round, times[line].get(round, own[0])) for round, of_round in times[name].items()]
        wall, ratio = median(w for (w, _), _ in pairs), median(a[0] / b[0] for a, b in pairs)
        wanted = WANTED.get(OPTIONS.level, {}).get(name) if OPTIONS.type == "bfloat16" else None
        print(f"  {name:27} {wall:6.2f} s, ratio {ratio:5.2f} "
              f"(processor {median(a[1] / b[1] for a, b in pairs):5.2f}, wanted {wanted or '-'}), "
              f"memory {memory[name] / 2**20:7.1f} MiB, ratio {memory[name] / max(memory[line], 1):.1f}", flush=True)
        record(f"fused head, {line}, {OPTIONS.type}, {OPTIONS.level}", name, median(w for w, _ in own), wall, ratio, wanted,
               f"{memory[name] / 2**20:.0f} MiB, ours {memory[line] / 2**20:.1f}")


def main():
    torch.set_num_threads(OPTIONS.threads)
    print(", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("torch", "trl", "verl")),
          f"level {OPTIONS.level}, {OPTIONS.type}, {OPTIONS.threads} threads, N H V = {OPTIONS.shape}, load {os.getloadavg()[0]:.1f}", flush=True)
    batch = Batch(*OPTIONS.shape)
    with tempfile.TemporaryDirectory() as folder:
        batch.write(folder)
        ours = Ours(folder, OPTIONS.threads, OPTIONS.level, OPTIONS.shape)
        with torch.no_grad():
            compare(ours, ["forward"], forward_peers(batch), batch, OPTIONS.rounds)
        peers, settings = gradient_peers(batch)
        tuned = min(settings, key=lambda name: seconds(settings[name], batch))
        print(f"linear_cross_entropy tuned: {tuned}", flush=True)
        peers["linear_cross_entropy tuned"] = settings[tuned]
        compare(ours, ["gradient 0", f"gradient {OPTIONS.kept}"], peers, batch, OPTIONS.rounds)
        ours.ask("write")
        log_prob, entropy, gradient = check(batch, folder)
        print(f"against float64: log-prob {log_prob:.1e}, entropy {entropy:.1e}, hidden gradient {gradient:.1e} of what is summed")
        if log_prob > 1e-5 or entropy > 3e-5 or gradient > 2**-8:
            raise SystemExit("linear_log_probs: not accurate enough")


if __name__ == "__main__":
    main()
