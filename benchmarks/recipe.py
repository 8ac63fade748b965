"""How much sooner `modern` learns: GPT-2 with AdamW against it, same batches, three seeds, curves and a table.

The text is ../shared/data's Shakespeare and one pass (the work of the published comparison), or with --long all of its
text and a smaller model: twenty times the tokens for each weight. Finished runs are kept in DIR.

Example: python benchmarks/recipe.py /tmp/recipe
"""

import argparse
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from statistics import mean, stdev

import numpy as np

from benchmarks.machine import describe
from benchmarks.train_step import make_shards

ROOT = Path(__file__).resolve().parent.parent
TEXT = ROOT.parent / "shared" / "data"
V = 1024
GPT2 = ("--config", "tiny", "optim.name=adamw", "optim.lr=1.5e-3", "optim.min_lr=1.5e-4", "optim.weight_decay=0.1")
CONTENDERS = {
    "gpt2, AdamW, cosine": GPT2,
    "gpt2, Muon, cosine": (*GPT2, "optim.name=muon", "optim.lr=6e-3", "optim.min_lr=6e-4"),
    "modern (tied)": ("--config", "modern"),
    "modern, untied": ("--config", "modern", "model.tied=false", "optim.adamw_scale=1"),
}
SIZES = {False: ("n_layer=4", "n_embd=128", "n_head=4"), True: ("n_layer=4", "n_embd=64", "n_head=2")}
STEPS = {False: 395, True: 2300}
SHARED = ("data.seq_len=128", "data.packing=stream", "train.global_batch=1024", "train.micro_batch=8")
REST = ("model.dropout=0", "train.epochs=none", "train.patience=0", "train.keep=last", "train.compile=never")


def tokens(place: Path, *, long: bool) -> None:
    """Shards of the text in 1,024 byte-level BPE tokens trained on its first nine tenths; the rest is validation."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    files = sorted(TEXT.glob("t*/**/*.txt")) if long else [TEXT / "text" / "shakespeare.txt"]
    if not files or not files[0].is_file():
        sys.exit(f"error: no text in {TEXT}\nhint: this benchmark needs the shared data")
    parts: dict[str, list[str]] = {"train": [], "validation": []}
    for file in files:
        text = file.read_text(errors="replace")
        cut = int(len(text) * 0.9)
        parts["train"].append(text[:cut])
        parts["validation"].append(text[cut:])
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=V - 3, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(parts["train"], trainer)
    streams = {}
    for split, texts in parts.items():
        ids = np.concatenate([np.array(tokenizer.encode(text).ids) for text in texts]) + 3
        streams[split] = (ids, sum(len(text.encode()) for text in texts))
        print(f"{split}: {len(ids):,} tokens of {streams[split][1]:,} bytes", file=sys.stderr)
    make_shards(place, vocab_size=V, text=streams)


def run(place: Path, name: str, seed: int, *, long: bool) -> Path:
    """The log of a finished run."""
    folder = f"{re.sub(r'[^a-z0-9]+', '-', name.lower()).strip('-')}-{seed}"
    log = place / "runs" / folder / "log.jsonl"
    if not (place / "runs" / folder / "model").is_dir():
        steps = STEPS[long]
        settings = [*CONTENDERS[name], *(f"model.{size}" for size in SIZES[long]), *SHARED, *REST]
        settings += [f"train.max_steps={steps}", f"optim.warmup_steps={steps // 20}", f"log.eval_every={steps // 20}"]
        settings += ["log.sample_every=0", "log.save_every=0", f"log.name={folder}", f"train.seed={seed}"]
        command = [sys.executable, str(ROOT / "train" / "run.py"), "--workspace", str(place), "--plain", *settings]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(done.stderr)
        print(f"{name}, seed {seed}: {done.stderr.split('validation loss ')[-1].split(' ')[0]}", file=sys.stderr)
    return log


def main() -> None:
    """Run what is missing, print the table, draw the curves."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--long", action="store_true", help="Twenty times the tokens for each weight.")
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    place = options.folder / ("long" if options.long else "short")
    if not (place / "data" / "shards" / "manifest.json").is_file():
        tokens(place, long=options.long)
    curves: dict[str, list[list[tuple[int, float]]]] = {name: [] for name in CONTENDERS}
    for seed in range(options.seeds):
        for name in CONTENDERS:
            records = [json.loads(line) for line in run(place, name, seed, long=options.long).read_text().splitlines()]
            curves[name].append([(r["step"], r["val_loss"]) for r in records if "val_loss" in r])
    last = STEPS[options.long]
    baseline = [curve[-1][1] for curve in curves["gpt2, AdamW, cosine"]]
    print(f"{describe()}\n")
    print("| recipe | loss at 20 % | 40 % | 60 % | 80 % | the end, nats a token | tokens to the first row's end |")
    print("|---|---|---|---|---|---|---|")
    for name, of_name in curves.items():
        at = [mean(curve[len(curve) * k // 5 - 1][1] for curve in of_name) for k in range(1, 5)]
        ends = [curve[-1][1] for curve in of_name]
        reached = [
            next((step for step, loss in curve if loss <= goal), None)
            for curve, goal in zip(of_name, baseline, strict=True)
        ]
        share = "never" if None in reached else f"{100 * mean(step or 0 for step in reached) / last:.0f} %"
        spread = f" ± {stdev(ends):.3f}" if len(ends) > 1 else ""
        print(f"| {name} | {' | '.join(f'{x:.3f}' for x in at)} | {mean(ends):.3f}{spread} | {share} |")
    draw(curves, options.folder / f"recipe-{'long' if options.long else 'short'}.png")


def draw(curves: dict[str, list[list[tuple[int, float]]]], path: Path) -> None:
    """All curves, a colour for each recipe."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4), layout="constrained")
    for number, (name, of_name) in enumerate(curves.items()):
        for i, curve in enumerate(of_name):
            axes.plot(*zip(*curve, strict=True), color=f"C{number}", alpha=0.8, label=name if i == 0 else None)
    axes.set(xlabel="steps of 1,024 tokens", ylabel="validation loss, nats a token")
    axes.legend()
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main()
