"""Attention on a CPU in bf16: written out against SDPA, forward and backward, by length: where the choice turns.

Example: python benchmarks/attention.py --threads 1
"""

import argparse
import time
from collections.abc import Callable
from statistics import median

import torch

from benchmarks.machine import describe
from train import attention

TOKENS, HEADS, WIDTH = 2048, 4, 64
LENGTHS = (64, 128, 256, 384, 512, 896)


def step(explicit: bool) -> Callable[[torch.Tensor, bool], None]:
    """Forward and backward, compiled, as in a training step."""

    def attend(x: torch.Tensor, positions: torch.Tensor | None) -> torch.Tensor:
        q, k, v = x.unbind(0)
        look = attention.Look(pieces=None if positions is None else attention.pieces(positions))
        return attention.attend(q, k, v, look.prepared(q[:, 0, :, 0], in_blocks=False))

    compiled = torch.compile(attend, dynamic=False)

    def run(x: torch.Tensor, is_shared: bool) -> None:
        attention.EXPLICIT_UP_TO = 10**6 if explicit else 0
        rows, length = x.shape[1], x.shape[3]
        positions = torch.cat([torch.arange(length // 2), torch.arange(length - length // 2)]).expand(rows, length)
        mixed = compiled(x, positions if is_shared else None)
        torch.autograd.backward(mixed, torch.ones_like(mixed))
        x.grad = None

    return run


def main() -> None:
    """Time both by turns and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(f"{describe()}\n\n{TOKENS:,} tokens, {HEADS} heads of {WIDTH}, {options.threads} thread(s)")
    print(f"phon writes it out up to {attention.EXPLICIT_UP_TO} tokens a row\n")
    print("| tokens a row | written out, ms | SDPA, ms | rows shared: written out, ms | rows shared: SDPA, ms |")
    print("|---|---|---|---|---|")
    for length in LENGTHS:
        x = torch.randn(3, TOKENS // length, HEADS, length, WIDTH, dtype=torch.bfloat16, requires_grad=True)
        cells: list[float] = [length]
        for is_shared in (False, True):
            seen: dict[bool, list[float]] = {True: [], False: []}
            steps = {explicit: step(explicit) for explicit in seen}
            for _ in range(options.rounds + 3):
                for explicit, run in steps.items():
                    start = time.process_time()
                    run(x, is_shared)
                    seen[explicit].append(time.process_time() - start)
            cells += [round(1e3 * median(seen[explicit][3:]), 1) for explicit in (True, False)]
        print("| " + " | ".join(map(str, cells)) + " |", flush=True)


if __name__ == "__main__":
    main()
