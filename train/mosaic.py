"""MosaicML's family of GPT-2s: the generator its table came from, and where the table's columns part.

Source: mosaicml/composer, models/gpt2: scaling_laws_generator.py and gen_gpt2_yamls.sh of its history (parameters and
tokens), the first lines of yamls/models/gpt2_{52m,83m,125m}.yaml (perplexities), README.md (the table).
"""

import math
from dataclasses import dataclass

from train.gpt2 import Shape
from train.scaling import frontier_loss, frontier_tokens, frontier_weights

TFLOPS = 71.0  # "3090"
UTILISED = 0.25
VOCABULARY, CONTEXT = 50_257, 1024


@dataclass(frozen=True)
class Preset:
    """A row of the table.

    Args:
        hours: On the generator's GPU, for the shape that parameters and tokens are of.
        shipped: Layers, heads and width of the config that was trained, which the perplexity is of.
        steps: Of 524,288 tokens, that were trained.
        trained: The validation loss that came of it, in nats a token.
        took_h: On eight A100s.
    """

    hours: float
    shipped: tuple[int, int, int]
    steps: int
    trained: float
    took_h: float

    @property
    def generated(self) -> Shape:
        """The shape that the printed parameters are of."""
        return generate(pf_days(self.hours))

    @property
    def shape(self) -> Shape:
        """The shape that was trained."""
        n_layer, n_head, n_embd = self.shipped
        return Shape(VOCABULARY, CONTEXT, n_layer, n_head, n_embd, 4 * n_embd)

    @property
    def tokens(self) -> float:
        """What the generator asks for."""
        return frontier_tokens(pf_days(self.hours))

    @property
    def perplexity(self) -> float:
        """The frontier's, at the compute for which it asks for as many weights as the trained shape's matrices have."""
        n_layer, _, n_embd = self.shipped
        return math.exp(frontier_loss(compute_for(12 * n_layer * n_embd**2)))

    @property
    def trained_tokens(self) -> int:
        """What was trained on."""
        return self.steps * 512 * CONTEXT

    @property
    def utilised(self) -> float:
        """The share of an A100's 312 TFLOP/s that the training came to."""
        return self.shape.flops_per_token * self.trained_tokens / (self.took_h * 3600 * 8 * 312e12)


PRESETS = {
    "mosaic-52m": Preset(6, (8, 8, 512), 9_000, 3.4301, 2 + 44 / 60),
    "mosaic-83m": Preset(12, (10, 10, 640), 11_000, 3.2798, 4 + 52 / 60),
    "mosaic-125m": Preset(24, (12, 12, 768), 14_000, 3.1797, 8 + 25 / 60),
}


def pf_days(hours: float) -> float:
    """Compute of so many hours on the generator's GPU."""
    return TFLOPS * UTILISED * hours / 24 / 1000


def compute_for(weights: float) -> float:
    """`frontier_weights` the other way round."""
    return float((weights / 1.3e9) ** (1 / 0.73))


def generate(compute: float) -> Shape:
    """The shape for so much compute, as the generator rounds it."""
    wide = (100 * frontier_weights(compute) / 12) ** (1 / 3)
    n_layer, n_head = math.ceil(wide / 100), math.ceil(wide / 50)
    n_embd = round(wide / (8 * n_head)) * 8 * n_head
    return Shape(VOCABULARY, CONTEXT, n_layer, n_head, n_embd, 8 * round(4 * wide / 8))
