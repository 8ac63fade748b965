"""GPUs: the rate they reach at most in bf16 or fp16, and their memory."""

import re
from typing import NamedTuple

from train.errors import TrainError


class Card(NamedTuple):
    """A GPU.

    Args:
        flops: FLOP/s of dense bf16 or fp16 matrix products, summed up in fp32.
        gib: Memory, in GiB as the makers count.
    """

    flops: float
    gib: int


# From the makers' data sheets; the first that a device's name holds is it.
CARDS = {
    "B200": Card(2250e12, 180),
    "H200": Card(989e12, 141),
    "H100 PCIe": Card(756e12, 80),
    "H100": Card(989e12, 80),
    "A100-SXM4-40GB": Card(312e12, 40),
    "A100": Card(312e12, 80),
    "L40S": Card(362e12, 48),
    "RTX 4090": Card(165.2e12, 24),
    "RTX 4080": Card(97.5e12, 16),
    "RTX 3090": Card(71e12, 24),
    "RTX 3080": Card(59.5e12, 10),
    "V100": Card(125e12, 16),
    "T4": Card(65e12, 16),
}


def find(name: str) -> Card | None:
    """The card of a device's name, as the driver gives it or a person types it; None if it is not known."""
    typed = _plain(name)
    return next((card for key, card in CARDS.items() if _plain(key) in typed), None)


def gib_of(text: str) -> float:
    """GiB of a memory as a person types it: 24GB, 24, 11.5GiB.

    Raises:
        TrainError: it is no such.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(?:g|gb|gib)?", text.strip().lower())
    if not match or not 0 < float(match[1]) < 1e5:
        raise TrainError(f"--gpu {text!r} is no memory of a GPU", hint="as in --gpu 24GB", exit_code=2)
    return float(match[1])


def with_memory(gib: float) -> list[Card]:
    """The cards that have about as much."""
    return [card for card in CARDS.values() if abs(card.gib - gib) <= 0.05 * gib]


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
