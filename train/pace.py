"""How long a training takes: an interval by the class of set-up, before anything is timed."""

from dataclasses import dataclass, replace

from train import cards, environment
from train.choose import MICRO_TOKENS
from train.errors import TrainError
from train.memory import USABLE
from train.model import Shape

# Shares of a GPU's peak that trainings of GPT-2s came to. Worked out from what was published of each:
REACHED = {
    "written-out attention, 2021 (MosaicML on 8 A100s: 6.8, 7.5, 8.3 %)": (0.05, 0.10),
    "SDPA in bf16, not compiled": (0.15, 0.30),
    "compiled, flash attention (nanoGPT on 8 A100s: 29 %)": (0.30, 0.45),
    "kernels of its own (llm.c: 63 % on A100s, 50 % on H100s)": (0.50, 0.60),
}
OURS = (0.15, 0.45)  # compiled or not; not yet held against a GPU
WIDE = 512  # narrower models leave a GPU waiting for its next kernel
OF_MAIN_MEMORY = 0.7


@dataclass(frozen=True)
class Place:
    """A device to train on.

    Args:
        memory: Bytes a step may take.
        flops: FLOP/s at least and at most, before what the model's width takes away.
        low: Bytes of a number in matrix products there.
    """

    name: str
    memory: int
    flops: tuple[float, float]
    on_gpu: bool
    low: int = 2

    def rates(self, shape: Shape) -> tuple[float, float]:
        """FLOP/s at least and at most with such a model."""
        share = min(1.0, shape.n_embd / WIDE) if self.on_gpu else 1.0
        return self.flops[0] * share, self.flops[1] * share

    def timed(self, flops: float) -> "Place":
        """The same at a rate that was timed here, with a model much like those it will be asked about."""
        return replace(self, flops=(0.9 * flops, 1.1 * flops))

    def most_rows(self, seq_len: int) -> int:
        """Rows of a micro-step beyond which more gain no speed."""
        return MICRO_TOKENS[self.on_gpu] // seq_len


def gpu(text: str) -> Place:
    """A GPU of so much memory, as a person types it; its rate is that of the cards we know with as much.

    Raises:
        TrainError: it is no memory.
    """
    gib = cards.gib_of(text)
    peaks = [card.flops for card in cards.with_memory(gib)] or [card.flops for card in cards.CARDS.values()]
    return Place(f"a GPU of {gib:g} GB", usable(gib), (OURS[0] * min(peaks), OURS[1] * max(peaks)), True)


def named(name: str) -> Place:
    """A device by name: cpu, this, or a GPU's.

    Raises:
        TrainError: it is not known.
    """
    if name.lower() == "cpu":
        return this(on_cpu=True)
    if name.lower() == "this":
        return this()
    card = cards.find(name)
    if card is None:
        raise TrainError(
            f"no device is known as {name!r}",
            hint=f"pass --gpu 24GB, or --device with one of: cpu, this, {', '.join(cards.CARDS)}",
            exit_code=2,
        )
    return Place(name, usable(card.gib), (OURS[0] * card.flops, OURS[1] * card.flops), True)


def this(*, on_cpu: bool = False) -> Place:
    """The machine at hand: its first GPU, or its processor."""
    import torch  # slow

    from train import device

    if torch.cuda.is_available() and not on_cpu:
        name, size = torch.cuda.get_device_name(0), torch.cuda.get_device_properties(0).total_memory
        card = cards.find(name)
        peak = card.flops if card else 60e12
        return Place(name, int(USABLE * size), (OURS[0] * peak, OURS[1] * peak), True)
    low = 2 if device.cpu_has_bf16() else 4
    rate = device.RATES["cpu", "bf16" if low == 2 else "fp32"] * device.threads()
    memory = int(OF_MAIN_MEMORY * environment.memory_bytes())
    return Place(f"this processor, {device.threads()} threads", memory, (rate / 2, rate * 2), False, low)


def usable(gib: float) -> int:
    """Bytes of a card's memory that a step may take."""
    return int(USABLE * gib * 2**30)
