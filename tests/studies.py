"""Ledgers of studies that were never run: losses by a law, with noise that a seed shares among cells."""

import itertools
import json
import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from train.ledger import Record

Losses = Callable[[Mapping[str, int]], float]


def write_study(
    path: Path,
    axes: Mapping[str, Sequence[int]],
    baseline: Mapping[str, int],
    bits: Losses,
    *,
    seeds: int = 3,
    noise: float = 0.002,
    draw: int = 0,
    **more: Any,
) -> Path:
    """Write a ledger: every cell's bits per byte are `bits` of its axes, and what seed and chance add."""
    study = {
        "kind": "study",
        "name": path.stem,
        "title": "Layers against heads",
        "question": "With all other values the same: more layers, or more heads?",
        "axes": axes,
        "hold": ["params", "tokens"],
        "baseline": baseline,
        "seeds": [*range(seeds)],
        "config": "small",
        "machine": "2 cores",
        "versions": {"torch": "2.99"},
        "corpus": {"tokens": 1_200_000, "bytes": 4_200_000, "vocab_size": 512, "sha256": "5" * 64},
    }
    lines: list[Record] = [study | more]
    chance = random.Random(draw)
    by_seed = [chance.gauss(0, 3 * noise) for _ in range(seeds)]
    for number, values in enumerate(itertools.product(*axes.values())):
        at = dict(zip(axes, values, strict=True))
        name = "-".join(f"{axis.rpartition('_')[2]}{value}" for axis, value in at.items())
        overrides = [f"{axis}={value}" for axis, value in at.items()]
        sizes: dict[str, Any] = {"params": 1_000_000 + 997 * number, "params_without_embeddings": 900_000, "lr": 0.003}
        sizes |= {"flops_per_token": 6_000_000 + 10**5 * number, "tokens": 10**7, "mismatch": {"params": number / 1000}}
        flops = (6_000_000 + 10**5 * number) * 10**7
        lines.append({"kind": "cell", "cell": name, "axes": at, "overrides": overrides, "flops": flops, **sizes})
        for seed in range(seeds):
            end = bits(at) + by_seed[seed] + chance.gauss(0, noise)
            curve = [
                [step, 10_000 * step, end * (1 + 9 / step) / 0.7, end * (1 + 9 / step)] for step in range(50, 1001, 50)
            ]
            came: dict[str, Any] = {
                "val_loss": curve[-1][2],
                "bits_per_byte": curve[-1][3],
                "curve": curve,
                "steps": 1000,
            }
            came |= {
                "tokens_per_s": 6000 - 50 * number + seed,
                "peak_memory": 10**9 + 10**7 * number,
                "elapsed_s": 60.0,
            }
            lines.append({"kind": "run", "cell": name, "seed": seed, "state": "finished", **came})
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path
