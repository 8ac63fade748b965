"""What shared heads and a sliding window save in generation: time a token and the size of the cache, by context.

The same decoder (4 layers, width 256, 8 heads) with heads of keys and values of its own, with one for all (MQA), with a
window, and with both; interleaved, one thread, random weights.

Example: python benchmarks/decoding.py --batch 1
"""

import argparse
import time
from statistics import median
from typing import Any

import torch

from benchmarks.machine import describe
from train.decoder import Decoder, Shape
from train.options import Options
from train.recall import Memory

V, LENGTH, WINDOW = 8192, 8192, 512
CONTEXTS = (1024, 4096, 8000)
MAKES: dict[str, dict[str, Any]] = {
    "8 heads of keys and values": {},
    "one for all (MQA)": {"n_kv_head": 1},
    f"window of {WINDOW}": {"window": WINDOW},
    f"MQA and window of {WINDOW}": {"n_kv_head": 1, "window": WINDOW},
}


def cache_bytes(memory: Memory) -> int:
    """Of all keys and values."""
    return sum(room.kv.nbytes for room in memory.rooms)


@torch.inference_mode()
def main() -> None:
    """Time by turns and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--tokens", type=int, default=16, help="of a turn")
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(f"{describe()}\n\nbatch {options.batch}, one thread, CPU time, median of {options.rounds} turns\n")
    print("| keys and values | cache, MB | " + " | ".join(f"ms a token after {n:,}" for n in CONTEXTS) + " |")
    print("|---|---|" + "---|" * len(CONTEXTS))
    found: dict[str, list[float]] = {name: [] for name in MAKES}
    sizes = {}
    for context in CONTEXTS:
        at: dict[str, tuple[Decoder, Memory]] = {}
        for name, make in MAKES.items():
            o = Options(n_layer=4, n_head=8, n_embd=256, position="rotary", **make)
            model = Decoder(Shape(V, LENGTH, o)).eval()
            model.initialise(torch.Generator().manual_seed(0))
            memory = model.start(options.batch, LENGTH)
            for _ in range(context // 500):
                model.read(torch.zeros(options.batch, 500, dtype=torch.long), memory)
            at[name], sizes[name] = (model, memory), cache_bytes(memory)
        seen: dict[str, list[float]] = {name: [] for name in MAKES}
        for _ in range(options.rounds):
            for name, (model, memory) in at.items():
                start = time.process_time()
                for _ in range(options.tokens):
                    model.read(torch.zeros(options.batch, 1, dtype=torch.long), memory)
                seen[name].append((time.process_time() - start) / options.tokens)
        for name, times in seen.items():
            found[name].append(1e3 * median(times))
    for name, times in found.items():
        print(f"| {name} | {sizes[name] / 2**20:.0f} | " + " | ".join(f"{ms:.1f}" for ms in times) + " |")


if __name__ == "__main__":
    main()
