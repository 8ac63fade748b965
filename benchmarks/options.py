"""What each option of the decoder costs and gives: the tiny model on samples/corpus, three seeds, against GPT-2.

Each run is a process of its own; the runs of one seed see the same rows in the same order. Finished runs are kept in
DIR/results.jsonl, so the study can be stopped and gone on with.

Example: python benchmarks/options.py /tmp/options
"""

import argparse
import json
import os
import re
import resource
import subprocess
import sys
from pathlib import Path
from statistics import mean, stdev

from benchmarks.machine import describe

ROOT = Path(__file__).resolve().parent.parent
SIZE = ("model.n_layer=4", "model.n_head=4", "model.n_embd=128", "model.dropout=0", "data.seq_len=256")
LENGTH = (
    "train.global_batch=2048",
    "train.max_steps=150",
    "train.patience=0",
    "train.keep=last",
    "train.compile=never",
)
QUIET = ("log.eval_every=150", "log.sample_every=0", "log.save_every=0", "log.log_every=50")
OPTIONS = (
    "", "position=sinusoidal", "position=rotary", "position=xpos", "position=alibi", "position=none",
    "position=rotary alibi_heads=2", "norm=rms", "norm_at=post", "norm_at=sandwich", "norm_at=deepnorm",
    "feed_forward=relu2", "feed_forward=swiglu", "feed_forward=geglu", "feed_forward=reglu", "n_inner=1024",
    "bias=false", "n_kv_head=2", "n_kv_head=1", "head_width=64", "qk_norm=true", "attn_softcap=30",
    "logit_softcap=15", "window=64", "token_shift=true", "value_residual=true", "embedding_norm=true",
    "zero_init=true", "types=true", "tied=false", "dropout=0.1", "attn_dropout=0.1",
)  # fmt: skip


def trained(place: Path, option: str, seed: int) -> dict[str, float]:
    """Bits per byte, parameters and CPU seconds of a run."""
    name = "-".join([*(re.findall(r"[a-z0-9_]+", option) or ["plain"]), str(seed)])
    settings = [f"model.{one}" for one in option.split()]
    command = [sys.executable, str(ROOT / "train" / "run.py"), "--config", "tiny", "--plain"]
    settings = ["model.family=decoder", *SIZE, *settings, *LENGTH, *QUIET, f"train.seed={seed}", f"log.name={name}"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    done = subprocess.run([*command, "--workspace", str(place), *settings], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    after = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    (run,) = [path for path in (place / "runs").glob(name) if path.is_dir()]
    records = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    shown = next(line for line in done.stderr.splitlines() if line.startswith("model:"))
    parameters = shown.split(" parameters")[0].rsplit(" ", 1)[1].replace(",", "")
    bits = [record["val_bits_per_byte"] for record in records if "val_bits_per_byte" in record][-1]
    return {"bits": bits, "parameters": int(parameters), "cpu_s": after - before}


def table(found: dict[tuple[str, int], dict[str, float]], seeds: range) -> str:
    """What is known so far, in Markdown."""
    lines = ["| option | parameters | bits per byte | against plain | CPU time |", "|---|---|---|---|---|"]
    for option in OPTIONS:
        runs = [found[option, seed] for seed in seeds if (option, seed) in found and ("", seed) in found]
        if not runs:
            continue
        plain = [found["", seed] for seed in seeds if (option, seed) in found and ("", seed) in found]
        gains = [one["bits"] - other["bits"] for one, other in zip(runs, plain, strict=True)]
        spread = f" ± {2.92 * stdev(gains) / len(gains) ** 0.5:.3f}" if len(gains) > 2 else ""  # t, 2 degrees, 90 %
        cost = mean(one["cpu_s"] for one in runs) / mean(one["cpu_s"] for one in plain)
        lines.append(
            f"| {option or 'plain (GPT-2)'} | {runs[0]['parameters']:,.0f} | {mean(one['bits'] for one in runs):.3f} | "
            + (f"{mean(gains):+.3f}{spread} | {cost:.2f}x |" if option else "| |")
        )
    return "\n".join(lines)


def main() -> None:
    """Run what is missing and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    place, seeds = options.folder, range(options.seeds)
    os.environ["OMP_NUM_THREADS"] = "1"
    if not (place / "data" / "shards").is_dir():
        for stage in (["prepare", str(ROOT / "samples" / "corpus")], ["tokenizer"]):
            subprocess.run([sys.executable, "-m", "pipeline.cli", *stage, "--workspace", str(place)], check=True)
    kept = place / "results.jsonl"
    found = {}
    for line in kept.read_text().splitlines() if kept.is_file() else []:
        record = json.loads(line)
        found[record.pop("option"), record.pop("seed")] = record
    for seed in seeds:
        for option in OPTIONS:
            if (option, seed) not in found:
                found[option, seed] = trained(place, option, seed)
                with kept.open("a") as file:
                    file.write(json.dumps({"option": option, "seed": seed, **found[option, seed]}) + "\n")
                print(f"seed {seed} · {option or 'plain'} · {found[option, seed]['bits']:.3f}", file=sys.stderr)
    print(f"{describe()}\n\n{table(found, seeds)}")


if __name__ == "__main__":
    main()
