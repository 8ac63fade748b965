"""Power laws of loss: their formulas, evaluated with derivatives for many sets of parameters at once.

Inside, a coefficient stands for its term's value at the middle of the points: then it and its exponent hardly pull at
each other. E and these values are fitted as they are, from zero on: by their logarithms, as is often done, what came
near zero once would hardly leave it again.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from train import scaling

Array = NDArray[np.float64]

EXPONENTS = (0.01, 5.0)  # what an exponent may be; one that ends there is not determined
RETURN = (0.05, 1e4)  # what the worth of repeating may be, in epochs
STEEPEST = 300.0  # of a term over that at the middle, as a logarithm: squares of it are still numbers
LEAST = 1e-9  # a loss of nothing at all has no logarithm
LARGEST_TERM = 1e3  # of the largest loss, at the middle of the points


@dataclass(frozen=True)
class Term:
    """A coefficient over powers of variables: A / N^alpha; a sign of -1 puts a power above the line."""

    coefficient: str
    powers: tuple[tuple[str, str, int], ...]  # exponent's name, variable, 1 or -1


@dataclass(frozen=True)
class Law:
    """A formula of the loss.

    Args:
        variables: What a point has beside its loss.
        repeats: Tokens are worth less when they come again: D stands for U + U·rho·(1 - exp(-R/rho)), R = D/U - 1.
        saturates: The terms' sum h makes E + (L0 - E)·h/(1 + h) rather than E + h; L0 is always given.
    """

    name: str
    formula: str
    variables: tuple[str, ...]
    terms: tuple[Term, ...]
    repeats: bool = False
    saturates: bool = False
    source: str = ""
    parameters: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        named = [name for term in self.terms for name in (term.coefficient, *(power[0] for power in term.powers))]
        more = ["rho"] * self.repeats + ["L0"] * self.saturates
        object.__setattr__(self, "parameters", ("E", *named, *more))

    @property
    def exponents(self) -> tuple[str, ...]:
        """The names of its exponents."""
        return tuple(power[0] for term in self.terms for power in term.powers)

    @property
    def coefficients(self) -> tuple[str, ...]:
        """The names of its coefficients."""
        return tuple(term.coefficient for term in self.terms)

    def loss(self, values: Mapping[str, float], **point: Array | float) -> Array:
        """The loss at points, by parameters as they stand in the formula."""
        theta = np.array([[values[name] for name in self.parameters]])
        logs = {name: np.atleast_1d(np.log(point[name])) for name in self.variables}
        found: Array = np.exp(self.evaluate(theta, logs, dict.fromkeys(self.variables, 0.0))[0][0])
        return found

    def evaluate(self, theta: Array, logs: Mapping[str, Array], centre: Mapping[str, float]) -> tuple[Array, Array]:
        """The logarithm of the loss, and its derivatives by the parameters.

        Args:
            theta: (M, P), M sets of parameters; coefficients are their terms at the centre.
            logs: Variable -> (n,) or (M, n), the logarithms of the points.
            centre: Variable -> the logarithm that counts as the middle.

        Returns:
            (M, n) and (M, n, P).
        """
        of = {name: theta[:, place, None] for place, name in enumerate(self.parameters)}
        slopes: dict[str, Array] = {}
        h: Array = np.zeros(1)
        for term in self.terms:
            slope: dict[str, Array] = {}  # of the logarithm of the term
            power: Array = np.zeros(1)
            for exponent, variable, sign in term.powers:
                x = logs[variable]
                if self.repeats and variable == "D":
                    x, more = worth(x, logs["U"], of["rho"])
                    slope["rho"] = -sign * of[exponent] * more
                slope[exponent] = -sign * (x - centre[variable])
                power = power + of[exponent] * slope[exponent]
            unit = np.exp(np.clip(power, -STEEPEST, STEEPEST))
            value = of[term.coefficient] * unit
            h = h + value
            slopes |= {name: value * part for name, part in slope.items()} | {term.coefficient: unit}
        if self.saturates:
            reach = of["L0"] - of["E"]
            loss = of["E"] + reach * h / (1 + h)
            slopes = {name: slope * reach / (1 + h) ** 2 for name, slope in slopes.items()}
            slopes |= {"E": 1 / (1 + h), "L0": h / (1 + h)}
        else:
            loss = of["E"] + h
            slopes["E"] = np.ones_like(loss)
        loss = np.maximum(loss, LEAST)
        return np.log(loss), np.stack([slopes[name] / loss for name in self.parameters], axis=-1)


def worth(tokens: Array, unique: Array, rho: Array) -> tuple[Array, Array]:
    """The logarithm of what repeated tokens are worth in fresh ones, and its derivative by rho.

    Source: Muennighoff et al. 2023, arXiv 2305.16264, eq. 5: U + U·R*(1 - exp(-R/R*)), R the epochs after the first.
    """
    unique = np.minimum(unique, tokens)
    turns = np.expm1(tokens - unique) / rho
    share = -np.expm1(-turns)
    return unique + np.log1p(rho * share), (share - turns * np.exp(-turns)) / (1 + rho * share)


N_TERM, D_TERM = Term("A", (("alpha", "N", 1),)), Term("B", (("beta", "D", 1),))
LAWS = {
    law.name: law
    for law in (
        Law(
            "size-tokens",
            "L = E + A/N^alpha + B/D^beta",
            ("N", "D"),
            (N_TERM, D_TERM),
            source="Hoffmann et al. 2022, arXiv 2203.15556",
        ),
        Law(
            "repeated",
            "L = E + A/N^alpha + B/D'^beta, D' = U + U·rho·(1 - exp(-(D/U - 1)/rho))",
            ("N", "D", "U"),
            (N_TERM, D_TERM),
            repeats=True,
            source="Muennighoff et al. 2023, arXiv 2305.16264; parameters are not discounted",
        ),
        Law(
            "saturating",
            "L = E + (L0 - E)·h/(1 + h), h = A/N^alpha + B/D^beta + C·N^gamma/U^delta",
            ("N", "D", "U"),
            (N_TERM, D_TERM, Term("C", (("gamma", "N", -1), ("delta", "U", 1)))),
            saturates=True,
            source="arXiv 2605.09189",
        ),
        Law("steps", "L = E + A/s^a", ("s",), (Term("A", (("a", "s", 1),)),)),
        Law("tokens", "L = E + B/D^beta", ("D",), (D_TERM,)),
    )
}


@dataclass(frozen=True)
class Published:
    """A law that others fitted, to the loss in nats of their text's tokens: only its exponents compare with ours."""

    values: Mapping[str, float]
    source: str


def published() -> dict[str, Published]:
    """The laws of `train.scaling`, by the first author's name."""
    return {
        "besiroglu": Published(as_values(scaling.BESIROGLU), "Besiroglu et al. 2024, arXiv 2404.10102"),
        "hoffmann": Published(as_values(scaling.HOFFMANN), "Hoffmann et al. 2022, arXiv 2203.15556"),
        "muennighoff": Published(
            {**as_values(scaling.MUENNIGHOFF), "rho": scaling.MUENNIGHOFF.R_D},
            "Muennighoff et al. 2023, arXiv 2305.16264",
        ),
    }


def as_values(law: scaling.Sum) -> dict[str, float]:
    """A law's constants as this module names them."""
    return {name: getattr(law, name) for name in ("E", "A", "alpha", "B", "beta")}


PUBLISHED = published()


def bounds(law: Law, losses: Array) -> tuple[Array, Array]:
    """The least and the greatest of each parameter."""
    low, high = float(losses.min()), float(losses.max())
    limits = {"E": (0.0, low), "rho": RETURN, "L0": (high, math.inf)}
    limits |= dict.fromkeys(law.exponents, EXPONENTS)
    limits |= dict.fromkeys(law.coefficients, (0.0, LARGEST_TERM * high))
    lower, upper = zip(*(limits[name] for name in law.parameters), strict=True)
    return np.array(lower), np.array(upper)
