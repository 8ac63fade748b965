"""What is known of each choice of a model's shape and training, a line each with its source."""

import math
from dataclasses import dataclass

from train import laws, scaling
from train.model import Shape

NARROW, USUAL = 32, 64  # widths of a head
FREE_TOKENS_A_WEIGHT = 20


@dataclass(frozen=True)
class Advice:
    """A choice, what to know of it, and who says so."""

    about: str
    text: str
    source: str


@dataclass(frozen=True)
class Choice:
    """A model and a training, as far as advice depends on it.

    Args:
        unique: Tokens of the corpus.
        batch: Tokens a step.
    """

    shape: Shape
    unique: float
    epochs: float
    batch: float

    @property
    def bare(self) -> int:
        """Weights without embeddings."""
        return self.shape.n_parameters - self.shape.n_embeddings


def levine_depth(bare: float) -> tuple[float, float]:
    """Layers and width that spend so many weights best.

    Source: Levine et al. 2020 (arXiv 2006.12467): ln d = 5.039 + 0.0555·L, with 12·L·d² weights; it gives the width of
        30,000 that the abstract has for 10^12 weights. Fitted on 6 to 48 layers.
    """
    low, high = 0.01, 500.0
    for _ in range(60):
        layers = (low + high) / 2
        low, high = (layers, high) if 12 * layers * width_for(layers) ** 2 < bare else (low, layers)
    return layers, width_for(layers)


def width_for(layers: float) -> float:
    """The least width that so many layers do not outgrow. Source: as `levine_depth`."""
    return math.exp(5.039 + 0.0555 * layers)


def step_law_rate(bare: float, tokens: float) -> float:
    """Peak learning rate of AdamW. Source: Li et al. 2025 (StepLaw, arXiv 2503.04715): 1.79·N^-0.713·D^0.307."""
    return float(1.79 * bare**-0.713 * tokens**0.307)


def step_law_batch(tokens: float) -> float:
    """Tokens a step. Source: Li et al. 2025 (StepLaw, arXiv 2503.04715): 0.58·D^0.571."""
    return float(0.58 * tokens**0.571)


def advise(choice: Choice) -> list[Advice]:
    """A line for each choice."""
    return [
        heads(choice),
        depth(choice),
        vocabulary(choice),
        size(choice),
        batch(choice),
        rate(choice),
        repetition(choice),
    ]


def heads(choice: Choice) -> Advice:
    """On the width of heads."""
    width = choice.shape.n_embd / max(1, choice.shape.n_head)
    text = f"heads of {width:.0f}"
    if width < NARROW:
        text += f": too narrow, a head cannot tell many positions apart; {choice.shape.n_embd // USUAL or 1} heads of "
        text += f"{USUAL} cost no weight, no memory and no time more"
    elif width <= 2 * USUAL:
        text += ": as usual; more heads of less width take nothing less with SDPA, fewer than 32 wide lose"
    else:
        text += f": wide; {round(choice.shape.n_embd / USUAL)} of {USUAL} cost nothing more"
    return Advice("heads", text, "Bhojanapalli et al. 2020, arXiv 2002.07028")


def depth(choice: Choice) -> Advice:
    """On layers against width."""
    layers, width = levine_depth(choice.bare)
    here = choice.shape.n_layer
    text = f"{here} layers of {choice.shape.n_embd}; the law for as many weights: {layers:.0f} of {width:.0f}"
    if layers < 6:
        text = f"{here} layers of {choice.shape.n_embd}; the law begins at 6 layers; loss changes little with the shape"
        return Advice("depth", text, "Kaplan et al. 2020, arXiv 2001.08361")
    if here < 0.6 * layers:
        text += ": shallow, but the optimum is flat and shallow models step faster"
    elif here > 1.5 * layers:
        text += ": deep for its width; wider would be faster and no worse"
    else:
        text += ": near it; the optimum is flat, so choose by speed within it"
    return Advice("depth", text, "Levine et al. 2020, arXiv 2006.12467")


def vocabulary(choice: Choice) -> Advice:
    """On the vocabulary."""
    V, share = choice.shape.vocab_size, choice.shape.n_embeddings / choice.shape.n_parameters
    text = f"{V:,} tokens; {share:.0%} of the weights are embeddings"
    text += "; a model 10 times as large bears 7 times as many; compare by bits per byte, never by loss a token"
    return Advice("vocabulary", text, "Tao et al. 2024, arXiv 2407.13623 (exponent 0.83)")


def size(choice: Choice) -> Advice:
    """On weights against tokens."""
    worth = scaling.MUENNIGHOFF.worth(choice.unique, choice.epochs)
    ratio = worth / choice.shape.n_parameters
    text = f"{ratio:.2g} tokens a weight, of fresh ones' worth; about {FREE_TOKENS_A_WEIGHT} are best for the compute"
    text += ": " + ("a larger model learns more in as much compute" if ratio > 40 else
                    "short of tokens: more text helps more than more weights" if ratio < 5 else "near it")  # fmt: skip
    return Advice("size", text, "Hoffmann et al. 2022, arXiv 2203.15556; Besiroglu et al. 2024, arXiv 2404.10102")


def batch(choice: Choice) -> Advice:
    """On tokens a step."""
    tokens = choice.unique * choice.epochs
    text = f"{choice.batch:,.0f} tokens a step; StepLaw {step_law_batch(tokens):,.0f}, DeepSeek "
    text += f"{0.2920 * (laws.flops_per_token(choice.shape) * tokens) ** 0.3271:,.0f}; what is too much grows with the "
    text += "tokens, hardly with the model (Zhang et al. 2024, arXiv 2410.21676)"
    return Advice("batch", text, "arXiv 2503.04715; arXiv 2401.02954")


def rate(choice: Choice) -> Advice:
    """On the learning rate."""
    tokens = choice.unique * choice.epochs
    of_step_law = min(laws.LARGEST_RATE, step_law_rate(choice.bare, tokens))
    text = (
        f"AdamW: {laws.learning_rate(choice.shape, tokens).value:.2g} by DeepSeek's law, {of_step_law:.2g} by StepLaw, "
    )
    text += f"neither above {laws.LARGEST_RATE:g}; the optimum is flat within a factor of 2"
    return Advice("learning rate", text, "arXiv 2401.02954; arXiv 2503.04715")


def repetition(choice: Choice) -> Advice:
    """On passes over the corpus."""
    worth = scaling.MUENNIGHOFF.worth(1, choice.epochs) / choice.epochs
    text = f"{choice.epochs:.2g} passes, of which a token is worth {worth:.0%} of a fresh one"
    if choice.epochs > laws.FREE_EPOCHS:
        decay = laws.weight_decay(choice.epochs).value
        text += (
            f"; learnt by heart from here on: weight decay {decay:g} (try 0.1 to 3), dropout 0.1, and let validation "
        )
        text += "decide"
        return Advice("passes", text, "Muennighoff et al. 2023, arXiv 2305.16264; arXiv 2509.14786")
    text += "; up to 4 cost next to nothing, weight decay 0.1"
    return Advice("passes", text, "Muennighoff et al. 2023, arXiv 2305.16264")
