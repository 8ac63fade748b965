"""What published measurements say about batch, learning rate, weight decay and dropout for a model and a corpus.

Source: the laws of batch and learning rate are DeepSeek LLM's (arXiv 2401.02954, section 3): with C = M·D, M operations
a token without embeddings and D tokens, batch = 0.2920·C^0.3271 tokens and rate = 0.3118·C^-0.125. Repeating a corpus
up to four times costs next to nothing (Muennighoff et al. 2023, arXiv 2305.16264); beyond, the best weight decay is up
to 30 times the usual 0.1 (arXiv 2509.14786).
"""

from dataclasses import dataclass

from train.model import Shape

LARGEST_RATE = 3e-3  # the law was fitted on larger models; it asks small ones for more than they bear
LEAST_STEPS = 400  # a batch that leaves fewer updates is too large, whatever the law says
FREE_EPOCHS = 4  # passes over a corpus that are worth about as much as fresh text
DECAY, LARGEST_DECAY = 0.1, 3.0
WARMUP_SHARE, LEAST_WARMUP = 0.02, 100
PAPER = "arXiv 2401.02954"


@dataclass(frozen=True)
class Rule:
    """A value and why."""

    value: float
    why: str


def flops_per_token(shape: Shape) -> int:
    """M of the law: operations a token, forward and backward, without embeddings: 72·L·d² + 12·L·d·T."""
    return 12 * shape.n_layer * shape.n_embd * (6 * shape.n_embd + shape.seq_len)


def batch(shape: Shape, tokens: float) -> Rule:
    """Tokens a step for a run over so many tokens."""
    c = flops_per_token(shape) * tokens
    by_law, most = 0.2920 * c**0.3271, tokens / LEAST_STEPS
    if by_law > most:
        return Rule(most, f"so that {LEAST_STEPS} steps are left; {PAPER} says {by_law:,.0f}")
    return Rule(by_law, f"{PAPER} for {c:.2g} operations")


def batch_for_steps(shape: Shape, steps: int) -> Rule:
    """Tokens a step for a run of so many steps, whose tokens follow from it."""
    found = Rule(16384.0, "")
    for _ in range(50):  # each round leaves a third of the error in the exponent
        found = Rule(0.2920 * (flops_per_token(shape) * found.value * steps) ** 0.3271, PAPER)
    return found


def learning_rate(shape: Shape, tokens: float) -> Rule:
    """The peak rate of a run over so many tokens."""
    c = flops_per_token(shape) * tokens
    by_law = 0.3118 * c**-0.125
    if by_law > LARGEST_RATE:
        return Rule(LARGEST_RATE, f"the most that small models bear; {PAPER} says {by_law:.2g}")
    return Rule(by_law, f"{PAPER} for {c:.2g} operations")


def warmup_steps(max_steps: int) -> Rule:
    """Steps of the rise: 2 % of the run, at least 100, but never more than a tenth of it."""
    share = max(LEAST_WARMUP, round(WARMUP_SHARE * max_steps))
    return Rule(min(share, max_steps // 10), "2 % of the steps, from 100 to a tenth")


def weight_decay(epochs: float) -> Rule:
    """0.1 up to four passes over the corpus; beyond, growing with the square of the passes, up to 3."""
    if epochs <= FREE_EPOCHS:
        return Rule(DECAY, "the usual")
    value = min(LARGEST_DECAY, DECAY * (epochs / FREE_EPOCHS) ** 2)
    return Rule(float(f"{value:.2g}"), f"{epochs:.1f} epochs; repeated text wants more (arXiv 2509.14786)")


def dropout(epochs: float) -> Rule:
    """None up to four passes over the corpus, 0.1 beyond."""
    if epochs <= FREE_EPOCHS:
        return Rule(0.0, "hardly repeated text needs none")
    return Rule(0.1, f"{epochs:.1f} epochs; repeated text is learnt by heart (arXiv 2305.16264)")
