"""Training speed on one GPU: our whole loop, rows alone and shared by documents, against a hand-tuned Accelerate loop.

Each contender is a process of its own, run after the others; a GPU is quiet enough for that. MFU counts 6 operations a
weight of the matrices and 12·L·d·T for attention (PaLM, appendix B), over the card's dense bf16 peak.

Example: python benchmarks/gpu_step.py --config gpt2-125m --rows 32
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks.machine import describe
from benchmarks.train_step import make_shards, train

V, T = 50304, 1024
CONTENDERS = ("phon", "phon, documents sharing rows", "phon, Muon", "Accelerate loop, hand-tuned")


class Timer:
    """Seconds of each step after the warm-up, by the clock, with the device's work done."""

    def __init__(self, steps: int, warmup: int = 10) -> None:
        self.left, self.warmup = steps + warmup, warmup
        self.times: list[float] = []
        self.last = time.perf_counter()

    def __call__(self) -> None:
        """Called after each step; the last one writes the figures and ends the process."""
        import torch

        torch.cuda.synchronize()
        now = time.perf_counter()
        self.times.append(now - self.last)
        self.last = now
        self.left -= 1
        if not self.left:
            figures = {"seconds": median(self.times[self.warmup :]), "memory": torch.cuda.max_memory_allocated()}
            print(json.dumps(figures), flush=True)
            os._exit(0)


def ours(place: Path, config: str, rows: int, micro: int, step: Timer, *, packing: str, optimizer: str) -> None:
    """phon, as `accelerate launch train/run.py` runs it."""
    settings = (
        "model.dropout=0", "model.attn_dropout=0", f"data.seq_len={T}", f"data.packing={packing}",
        f"train.global_batch={rows * T}", f"train.micro_batch={micro}", "train.epochs=none", "train.max_steps=100000",
        f"optim.name={optimizer}", "optim.lr=6e-4", "optim.warmup_steps=10", "log.log_every=1", "log.eval_every=0",
        "log.sample_every=0", "log.save_every=0", "train.compile=always",
    )  # fmt: skip
    train(place, config, settings, step)


def peers(place: Path, config: str, rows: int, micro: int, step: Timer) -> None:
    """The same model by transformers: Accelerate, bf16, torch.compile, SDPA, fused AdamW, clipping, schedule."""
    import torch
    from accelerate import Accelerator
    from transformers import GPT2Config, GPT2LMHeadModel

    from train import config as configs
    from train.data import Rows, pack_rows
    from train.shards import open_split

    shape = configs.load(config).model
    shards = open_split(place / "data" / "shards", "train", verify=False)
    source = Rows(shards, pack_rows(shards, "stream", T), pad=2)
    accelerator = Accelerator(mixed_precision="bf16")
    settings = GPT2Config(
        vocab_size=V, n_positions=T, n_embd=shape.n_embd, n_layer=shape.n_layer, n_head=shape.n_head, embd_pdrop=0,
        attn_pdrop=0, resid_pdrop=0, bos_token_id=0, eos_token_id=1, pad_token_id=2, use_cache=False,
    )  # fmt: skip
    settings._attn_implementation = "sdpa"
    bare: Any = GPT2LMHeadModel(settings)
    model: Any = torch.compile(bare)
    optimizer = torch.optim.AdamW(bare.parameters(), lr=6e-4, fused=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 100_000)
    model, optimizer, schedule = accelerator.prepare(model, optimizer, schedule)
    at = 0
    while True:
        for i in range(rows // micro):
            ids = source.read([(at + j) % source.packing.n_rows for j in range(micro)])[0]
            at += micro
            batch = torch.from_numpy(ids).to(accelerator.device, non_blocking=True)
            with contextlib.nullcontext() if i == rows // micro - 1 else accelerator.no_sync(model):
                accelerator.backward(model(input_ids=batch, labels=batch).loss / (rows // micro))
        accelerator.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        step()


def compete(name: str, place: Path, config: str, rows: int, micro: int, steps: int) -> None:
    """Be one contender; the figures are the last line printed."""
    step = Timer(steps)
    if name.startswith("Accelerate"):
        peers(place, config, rows, micro, step)
    packing = "best-fit" if "documents" in name else "stream"
    ours(place, config, rows, micro, step, packing=packing, optimizer="muon" if "Muon" in name else "adamw")


def main() -> None:
    """Run the contenders one after the other and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--config", default="gpt2-125m")
    parser.add_argument("--rows", type=int, default=64, help="of 1,024 tokens, a step")
    parser.add_argument("--micro", type=int, default=32, help="of these, a micro-step")
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--contender", help=argparse.SUPPRESS)
    parser.add_argument("--place", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.contender:
        compete(options.contender, Path(options.place), options.config, options.rows, options.micro, options.steps)
    import torch

    if not torch.cuda.is_available():
        print("no CUDA device: nothing is measured")
        return
    from train import config as configs
    from train.device import peak_flops
    from train.families import shape_of

    shape = shape_of(configs.load(options.config), V, T)
    peak = peak_flops(torch.device("cuda"), "bf16")
    print(f"{describe()}; {torch.cuda.get_device_name()}, driver's CUDA {torch.version.cuda}\n")
    print(f"{options.config}: {shape.n_parameters:,} parameters; {options.rows} rows a step, {options.micro} at once\n")
    print("| loop | tokens/s | MFU | memory, GB | against the peers' loop |\n|---|---|---|---|---|")
    seen: dict[str, tuple[float, int]] = {}
    with tempfile.TemporaryDirectory(prefix="phon-gpu-") as folder:
        for kind, lengths in (("whole", None), ("documents", np.random.default_rng(0).integers(64, 700, 6000))):
            make_shards(Path(folder) / kind, vocab_size=V, lengths=lengths, n_tokens=4_000_000)
        for name in reversed(CONTENDERS):
            kind = "documents" if "documents" in name else "whole"
            done = subprocess.run(
                [sys.executable, __file__, "--config", options.config, "--rows", str(options.rows),
                 "--micro", str(options.micro), "--steps", str(options.steps), "--contender", name,
                 "--place", str(Path(folder) / kind)], stdout=subprocess.PIPE, text=True, check=False,
            )  # fmt: skip
            try:
                figures = json.loads(done.stdout.strip().splitlines()[-1])
            except (IndexError, ValueError):
                print(f"| {name} | failed with exit code {done.returncode} | | | |")
                continue
            seen[name] = options.rows * T / figures["seconds"], figures["memory"]
    base = seen.get(CONTENDERS[-1], (float("nan"), 0))[0]
    for name in CONTENDERS:
        if name in seen:
            rate, memory = seen[name]
            mfu = f"{100 * rate * shape.flops_per_token / peak:.1f} %" if peak else "not known"
            print(f"| {name} | {rate:,.0f} | {mfu} | {memory / 1e9:.1f} | {rate / base:.2f}x |")


if __name__ == "__main__":
    main()
