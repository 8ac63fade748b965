"""What a few runs can show: Student's intervals, paired differences, Holm's correction, and how many runs it takes."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

LEVEL = 0.95
ALPHA, POWER = 0.05, 0.8  # a false alarm one time in twenty, a true difference found four times in five
MOST_SEEDS = 1000
SLICES = 400  # of the integral over what the spread may be


@dataclass(frozen=True)
class Mean:
    """A mean with its 95 % interval.

    Args:
        half: Half the interval's width; None of a single value, which tells nothing of its spread.
        spread: The standard deviation of the values; None of one.
    """

    value: float
    half: float | None
    spread: float | None
    n: int

    @property
    def excludes_zero(self) -> bool:
        """Whether zero lies outside of the interval."""
        return self.half is not None and abs(self.value) > self.half


@dataclass(frozen=True)
class Difference:
    """How far an arm is from another, over the seeds that both have.

    Args:
        p: Of the paired t-test, two-sided; None of one pair.
    """

    mean: Mean
    p: float | None


def mean(values: Sequence[float]) -> Mean:
    """The mean of at least one value, with Student's interval."""
    n = len(values)
    middle = math.fsum(values) / n
    if n == 1:
        return Mean(middle, None, None, 1)
    spread = math.sqrt(math.fsum((value - middle) ** 2 for value in values) / (n - 1))
    return Mean(middle, t_quantile((1 + LEVEL) / 2, n - 1) * spread / math.sqrt(n), spread, n)


def difference(ours: Mapping[int, float], theirs: Mapping[int, float]) -> Difference | None:
    """Ours less theirs, seed by seed; None if no seed is in both."""
    pairs = [ours[seed] - theirs[seed] for seed in sorted(ours.keys() & theirs.keys())]
    if not pairs:
        return None
    found = mean(pairs)
    if found.spread is None:
        return Difference(found, None)
    if found.spread == 0:
        return Difference(found, 0.0 if found.value else 1.0)
    t = abs(found.value) * math.sqrt(found.n) / found.spread
    return Difference(found, 2 * (1 - t_cdf(t, found.n - 1)))


def holm(ps: Sequence[float]) -> list[float]:
    """The p of several tests, each so raised that all of them together raise one false alarm in twenty.

    Source: Holm 1979.
    """
    raised = [0.0] * len(ps)
    highest = 0.0
    for rank, place in enumerate(sorted(range(len(ps)), key=ps.__getitem__)):
        highest = max(highest, min(1.0, (len(ps) - rank) * ps[place]))
        raised[place] = highest
    return raised


def seeds_needed(found: Mean, tests: int = 1) -> int | None:
    """Pairs that find a difference like this four times in five; None for over a thousand, or without a spread.

    Args:
        tests: Differences that are tested together, at 5 % for all of them.
    """
    if not found.spread or not found.value:
        return None
    effect = abs(found.value) / found.spread
    low, high = 1, 2
    while power(high, effect, ALPHA / tests) < POWER:
        low, high = high, 2 * high
        if low >= MOST_SEEDS:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if power(middle, effect, ALPHA / tests) >= POWER else (middle, high)
    return high if high <= MOST_SEEDS else None


def power(n: int, effect: float, alpha: float = ALPHA) -> float:
    """How often a paired t-test of n pairs at level alpha finds a mean of `effect` standard deviations.

    The t statistic is (Z + effect·√n) / S, S the spread found over the true one: a sum over what S may be.
    """
    df, shift = n - 1, effect * math.sqrt(n)
    critical = t_quantile(1 - alpha / 2, df)
    most = 1 + 7 / math.sqrt(2 * df) + 2 / df
    scale = math.log(2) + df / 2 * math.log(df / 2) - math.lgamma(df / 2)
    total = 0.0
    for number in range(SLICES):
        s = most * (number + 0.5) / SLICES
        density = math.exp(scale + (df - 1) * math.log(s) - df * s * s / 2)
        total += density * (normal_cdf(shift - critical * s) + normal_cdf(-shift - critical * s))
    return min(1.0, total * most / SLICES)


def wilson(successes: int, n: int) -> tuple[float, float]:
    """The 95 % interval of a share, which stays within 0 and 1 and is right for few trials too.

    Source: Wilson 1927.
    """
    z = 1.959963984540054
    share, room = successes / n, z * z / n
    middle, half = share + room / 2, z * math.sqrt(share * (1 - share) / n + room / n / 4)
    # At 0 and 1 rounding might leave the share itself just outside.
    return max(0.0, min(share, (middle - half) / (1 + room))), min(1.0, max(share, (middle + half) / (1 + room)))


def normal_cdf(x: float) -> float:
    """The share of a standard normal below x."""
    return math.erfc(-x / math.sqrt(2)) / 2


def t_cdf(t: float, df: int) -> float:
    """The share of Student's t below t."""
    tail = beta_share(df / (df + t * t), df / 2, 0.5) / 2
    return 1 - tail if t > 0 else tail


@cache
def t_quantile(share: float, df: int) -> float:
    """Where Student's t reaches a share of at least a half."""
    low, high = 0.0, 1.0
    while t_cdf(high, df) < share:
        low, high = high, 2 * high
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if t_cdf(middle, df) < share else (low, middle)
    return (low + high) / 2


def beta_share(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function.

    Source: its continued fraction, NIST DLMF 8.17.22, by Lentz's method.
    """
    if x in (0.0, 1.0):
        return x
    if x > (a + 1) / (a + b + 2):
        return 1 - beta_share(1 - x, b, a)
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x))
    value, c, d = 1.0, 1.0, 0.0
    for number in range(500):
        m = number // 2
        if number == 0:
            term = 1.0
        elif number % 2:
            term = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        else:
            term = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        d = 1 / (1 + term * d)
        c = 1 + term / c
        value *= c * d
        if number and abs(c * d - 1) < 1e-15:
            break
    return front * (value - 1) / a
