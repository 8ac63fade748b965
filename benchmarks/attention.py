"""Attention on a CPU in bf16: written out, SDPA, and SDPA in float32, forward and backward: where the choice turns.

Example: python -m benchmarks.attention --width 16
"""

import argparse
import time
from collections.abc import Callable
from statistics import median
from unittest import mock

import torch

from benchmarks.machine import describe
from train import attention
from train import config as configs
from train.families import shape_of

TOKENS, HEADS = 2048, 4
LENGTHS = (64, 128, 256, 384, 512, 896)
ALL = 10**6
WAYS = {"written out": (ALL, 0), "SDPA": (0, 0), "SDPA in float32": (0, ALL)}  # up to which length, up to which width
VOCABULARY = 2048
MODELS: tuple[tuple[str, list[str], int], ...] = (
    ("tiny", [], 128),
    ("tiny", ["model.n_layer=10", "model.n_embd=240", "model.n_head=16"], 256),
    ("tiny", ["model.n_head=64"], 128),
    ("modern", ["model.n_head=8"], 256),
)


def step(way: str) -> Callable[[torch.Tensor, bool], None]:
    """Forward and backward, compiled, as in a training step."""

    def attend(x: torch.Tensor, positions: torch.Tensor | None) -> torch.Tensor:
        q, k, v = x.unbind(0)
        look = attention.Look(pieces=None if positions is None else attention.pieces(positions))
        return attention.attend(q, k, v, look.prepared(q[:, 0, :, 0], in_blocks=False))

    compiled = torch.compile(attend, dynamic=False)

    def run(x: torch.Tensor, is_shared: bool) -> None:
        attention.EXPLICIT_UP_TO, attention.NARROW = WAYS[way]
        attention.SMALL = ALL
        rows, length = x.shape[1], x.shape[3]
        positions = torch.cat([torch.arange(length // 2), torch.arange(length - length // 2)]).expand(rows, length)
        mixed = compiled(x, positions if is_shared else None)
        torch.autograd.backward(mixed, torch.ones_like(mixed))
        x.grad = None

    return run


def whole_steps(rounds: int) -> None:
    """Time forward and backward passes of whole models, narrow heads in float32 or not, and print the table."""
    print("| model | tokens a row | tokens/s, all in bf16 | narrow heads in float32 |\n|---|---|---|---|")
    for name, settings, length in MODELS:
        shape = shape_of(configs.load(name, settings), VOCABULARY, length)
        model = shape.build()
        tokens = torch.randint(0, VOCABULARY, (TOKENS // length, length))
        for is_compiled in (False, True):
            torch.compiler.reset()
            seen: dict[int, list[float]] = {0: [], attention.NARROW: []}
            run = {narrow: torch.compile(model, dynamic=False) if is_compiled else model for narrow in seen}
            for _ in range(rounds + 2):
                for narrow, forward in run.items():
                    with mock.patch.object(attention, "NARROW", narrow):
                        start = time.process_time()
                        with torch.autocast("cpu", torch.bfloat16):
                            loss = forward(tokens, tokens)
                        loss.sum().backward()
                        seen[narrow].append(time.process_time() - start)
                    model.zero_grad()
            speeds = [f"{tokens.numel() / median(times[2:]):,.0f}" for times in seen.values()]
            how = ", compiled" if is_compiled else ""
            print(f"| `{' '.join([name, *settings])}`{how} | {length} | {' | '.join(speeds)} |", flush=True)


def main() -> None:
    """Time all by turns and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--width", type=int, default=64, help="of a head")
    parser.add_argument("--steps", action="store_true", help="of whole models, by whether heads are in float32")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.steps:
        print(f"{describe()}\n")
        return whole_steps(options.rounds)
    limits = f"up to {attention.EXPLICIT_UP_TO} tokens a row; heads up to {attention.NARROW} wide go by SDPA in float32"
    print(f"{describe()}\n\n{TOKENS:,} tokens, {HEADS} heads of {options.width}, {options.threads} thread(s)")
    print(f"phon writes it out {limits}\n")
    print("| tokens a row | " + " | ".join(f"{kind}{way}, ms" for kind in ("", "rows shared: ") for way in WAYS) + " |")
    print("|---" * (1 + 2 * len(WAYS)) + "|")
    for length in LENGTHS:
        size = (3, TOKENS // length, HEADS, length, options.width)
        x = torch.randn(size, dtype=torch.bfloat16, requires_grad=True)
        cells: list[float] = [length]
        for is_shared in (False, True):
            torch.compiler.reset()
            seen: dict[str, list[float]] = {way: [] for way in WAYS}
            steps = {way: step(way) for way in WAYS}
            for _ in range(options.rounds + 3):
                for way, run in steps.items():
                    start = time.process_time()
                    run(x, is_shared)
                    seen[way].append(time.process_time() - start)
            cells += [round(1e3 * median(times[3:]), 1) for times in seen.values()]
        print("| " + " | ".join(map(str, cells)) + " |", flush=True)


if __name__ == "__main__":
    main()
