"""Published laws of the loss: what a model of N weights comes to on D tokens. Of other text and other tokenizers.

Nats a token of those. What carries over is how the loss moves with size and tokens, not where it stands.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

DAY = 8.64e19  # operations of a petaFLOP/s for a day


@dataclass(frozen=True)
class Sum:
    """L = E + A / N^alpha + B / D^beta, N all weights, D fresh tokens."""

    E: float
    A: float
    alpha: float
    B: float
    beta: float

    def loss(self, n: float, d: float) -> float:
        """Nats a token."""
        return float(self.E + self.A / n**self.alpha + self.B / d**self.beta)

    def optimum(self, flops: float) -> tuple[float, float]:
        """Weights and tokens that such a law asks for at 6·N·D operations."""
        share = (self.alpha * self.A / (self.beta * self.B)) ** (1 / (self.alpha + self.beta))
        n = share * (flops / 6) ** (self.beta / (self.alpha + self.beta))
        return n, flops / 6 / n


@dataclass(frozen=True)
class Repeated(Sum):
    """The same where tokens come again: the n-th pass teaches less than the one before.

    Args:
        R_D, R_N: Passes, and weights beyond what the tokens ask for, in units of their worth's decay.

    Source: Muennighoff et al. 2023, arXiv 2305.16264, equations 5 and 6.
    """

    R_D: float
    R_N: float

    def worth(self, unique: float, epochs: float) -> float:
        """Fresh tokens that are worth as much as so many passes over `unique` ones."""
        if epochs <= 1:
            return unique * epochs
        return unique * (1 + self.R_D * (1 - math.exp(-(epochs - 1) / self.R_D)))

    def worth_of_weights(self, n: float, unique: float) -> float:
        """Weights that are worth as much as `n` where only so many tokens are there to learn from."""
        most = self.optimum_for(unique)
        return n if n <= most else most * (1 + self.R_N * (1 - math.exp(-(n / most - 1) / self.R_N)))

    def optimum_for(self, tokens: float) -> float:
        """The weights that so many fresh tokens are best spent on."""
        share = (self.alpha * self.A / (self.beta * self.B)) ** (1 / (self.alpha + self.beta))
        flops = 6 * (tokens * share) ** ((self.alpha + self.beta) / self.alpha)
        return self.optimum(flops)[0]

    def loss_repeated(self, n: float, unique: float, epochs: float) -> float:
        """Nats a token."""
        return self.loss(self.worth_of_weights(n, unique), self.worth(unique, epochs))


# Besiroglu et al. 2024 (arXiv 2404.10102): the third method of Hoffmann et al., fitted anew to the points of its plots.
BESIROGLU = Sum(1.8172, 482.01, 0.3478, 2085.43, 0.3658)
# Hoffmann et al. 2022 (arXiv 2203.15556), as printed. Rounded: it asks for 93 tokens a weight where its text says 20.
HOFFMANN = Sum(1.69, 406.4, 0.34, 410.7, 0.28)
# Muennighoff et al. 2023: exp of 6.255414, 7.3049974 and .6254804 with one exponent, and both decays.
MUENNIGHOFF = Repeated(
    math.exp(0.6254804), math.exp(6.255414), 0.3526596, math.exp(7.3049974), 0.3526596, 15.387756, 5.309743
)


def kaplan(n: float, d: float) -> float:
    """Loss of `n` weights without embeddings on `d` fresh tokens.

    Source: Kaplan et al. 2020 (arXiv 2001.08361), equation 1.5.
    """
    return float(((6.4e13 / n) ** (0.076 / 0.103) + 1.8e13 / d) ** 0.103)


def frontier_weights(pf_days: float) -> float:
    """Weights without embeddings for so much compute. Source: Kaplan et al. 2020, section 6.1."""
    return float(1.3e9 * pf_days**0.73)


def frontier_tokens(pf_days: float) -> float:
    """Tokens for so much compute. Source: Kaplan et al. 2020, section 6.1."""
    return float(2e10 * pf_days**0.27)


def frontier_loss(pf_days: float) -> float:
    """Loss with so much compute, best spent. Source: Kaplan et al. 2020, section 6.1."""
    return float((3.1e8 / pf_days) ** 0.050)


def critical_batch(loss: float) -> float:
    """Tokens a step beyond which more of them save few steps. Source: Kaplan et al. 2020, equation 5.3."""
    return float(2.1e8 / loss ** (1 / 0.21))


Law = Callable[[float, float, float, float], float]  # of all weights, those without embeddings, unique tokens, epochs

LAWS: dict[str, Law] = {
    "Muennighoff 2023": lambda n, bare, unique, epochs: MUENNIGHOFF.loss_repeated(n, unique, epochs),
    "Besiroglu 2024": lambda n, bare, unique, epochs: BESIROGLU.loss(n, MUENNIGHOFF.worth(unique, epochs)),
    "Hoffmann 2022, as printed": lambda n, bare, unique, epochs: HOFFMANN.loss(n, MUENNIGHOFF.worth(unique, epochs)),
    "Kaplan 2020": lambda n, bare, unique, epochs: kaplan(bare, MUENNIGHOFF.worth(unique, epochs)),
}
FOR_REPEATED, FOR_FRESH = "Muennighoff 2023", "Besiroglu 2024"
FRESH_UP_TO = 1.0  # passes
LEAST_TOKENS = 22e6  # the fewest that any of them was fitted on: Kaplan's; Muennighoff's on 100 M and more


@dataclass(frozen=True)
class Expected:
    """What the laws say of one model on one corpus: the law to rank by, and the band that all of them span."""

    by: str
    loss: float
    all: dict[str, float]
    is_beyond: bool  # no law was fitted on so few tokens: they tell the order at best

    @property
    def low(self) -> float:
        """The least of them."""
        return min(self.all.values())

    @property
    def high(self) -> float:
        """The most of them."""
        return max(self.all.values())


def expect(weights: float, bare: float, unique: float, epochs: float) -> Expected:
    """The loss to expect; that of Muennighoff's law for more than one pass, of Besiroglu's for fresh text.

    Where the tokens are too few for all of them it is Besiroglu's too: Muennighoff's then finds any weights too many.

    Args:
        bare: Weights without embeddings.
        unique: Tokens of the corpus.
        epochs: Passes over it.
    """
    is_beyond = MUENNIGHOFF.worth(unique, epochs) < LEAST_TOKENS
    by = FOR_REPEATED if epochs > FRESH_UP_TO and not is_beyond else FOR_FRESH
    found = {name: law(weights, bare, unique, epochs) for name, law in LAWS.items()}
    return Expected(by, found[by], found, is_beyond)
