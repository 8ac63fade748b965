"""A power law fitted to points: parameters with bootstrap intervals, predictions, the best size for a budget."""

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from train.descent import DELTA, descend
from train.errors import TrainError
from train.points import Points
from train.powerlaw import PUBLISHED, Array, Law, bounds

DRAWS = 1000
LEVEL = 0.95
FARTHEST = 3.0  # times the largest of the points, or as far below the smallest
START_SHARES, START_MIXES, START_EXPONENTS = (0.1, 0.5, 0.9), (0.2, 0.5, 0.8), (0.15, 0.4, 1.0)
START_RETURN = 10.0  # epochs
UNKNOWN = {"coefficient": 1000.0, "other": 10.0}  # an interval that spans such a factor determines nothing
FLOPS_PER_PARAMETER = 6.0  # a token; source: Kaplan et al. 2020, arXiv 2001.08361, section 2.1
SPARE = 4  # so many more points than parameters an interval needs: with 2, 95 % intervals held the truth 70 % of times
GOLDEN = (math.sqrt(5) - 1) / 2

Interval = tuple[float, float]


@dataclass(frozen=True)
class Fit:
    """A law with the parameters that suit the points.

    Args:
        fixed: The parameters that were given.
        theta: (P,), all of them as the law evaluates them.
        draws: (B, P), of each resampling; None where the points leave nothing over to tell an interval from.
    """

    law: Law
    points: Points
    fixed: Mapping[str, float]
    centre: Mapping[str, float]
    theta: Array
    draws: Array | None

    @property
    def values(self) -> dict[str, float]:
        """The parameters as they stand in the formula."""
        return {name: float(column[0]) for name, column in self._plain(self.theta[None]).items()}

    @property
    def intervals(self) -> dict[str, Interval]:
        """The 95 % interval of each fitted parameter; none without draws."""
        if self.draws is None:
            return {}
        return {name: between(column) for name, column in self._plain(self.draws).items() if name not in self.fixed}

    def _plain(self, theta: Array) -> dict[str, Array]:
        """Parameters -> (M,), the coefficients as they stand in the formula."""
        found = {name: theta[:, place] for place, name in enumerate(self.law.parameters)}
        for term in self.law.terms:
            at_centre = sum(sign * found[exponent] * self.centre[variable] for exponent, variable, sign in term.powers)
            found[term.coefficient] = found[term.coefficient] * np.exp(at_centre)
        return found

    @property
    def residuals(self) -> Array:
        """Measured over fitted, as a logarithm: 0.01 is a loss 1 % above the law's."""
        fitted: Array = self.law.evaluate(self.theta[None], self.points.logs, self.centre)[0][0]
        return np.log(self.points.loss) - fitted

    def undetermined(self) -> dict[str, str]:
        """The parameters that the points do not determine, and why."""
        found = {}
        low_edge, high_edge = bounds(self.law, self.points.loss)
        for place, name in enumerate(self.law.parameters):
            if name in self.fixed:
                continue
            least, most = self.theta[place] <= low_edge[place], self.theta[place] >= high_edge[place]
            low, high = self.intervals.get(name, (1.0, 1.0))
            if least and name in ("E", *self.law.coefficients):
                found[name] = "the points fit best with none of it"
            elif least or most:
                found[name] = "it ended at the edge of what is searched"
            elif self.draws is None:
                found[name] = f"{len(self.points.loss)} points are too few to tell an interval from"
            elif low == 0:
                found[name] = "zero is not excluded"
            elif high / low > UNKNOWN["coefficient" if name in self.law.coefficients else "other"]:
                found[name] = f"its interval spans a factor of {high / low:.2g}"
        return found

    def beyond(self, point: Mapping[str, float]) -> str:
        """Where a point lies too far from those fitted to be trusted; empty if nowhere."""
        for name in self.law.variables:
            low, high = float(self.points.variables[name].min()), float(self.points.variables[name].max())
            if point[name] > FARTHEST * high * (1 + 1e-9):
                return f"{name} = {point[name]:.3g} is {point[name] / high:.1f} times the largest fitted, {high:.3g}"
            if point[name] < low / FARTHEST * (1 - 1e-9):
                return f"{name} = {point[name]:.3g} is a {low / point[name]:.1f}th of the smallest fitted, {low:.3g}"
        return ""

    def check_near(self, point: Mapping[str, float], far: bool) -> None:
        """Refuse a point that is too far off, unless `far`. Raises TrainError."""
        where = self.beyond(point)
        if where and not far:
            raise TrainError(
                f"{where}: beyond {FARTHEST:g} times the law is a guess",
                hint="measure nearer to it, or pass --far to see the guess",
                exit_code=2,
            )

    def predict(self, point: Mapping[str, float], *, far: bool = False) -> tuple[float, Interval | None]:
        """The loss at a point, and its interval, which holds what resampling the points moves, not a run's own noise.

        Raises:
            TrainError: a variable is missing, or the point is too far off and not `far`.
        """
        if {*point} != {*self.law.variables}:
            raise TrainError(
                f"a prediction by the law {self.law.name} takes {' and '.join(self.law.variables)}, "
                f"not {', '.join(point)}",
                hint=f"--predict {','.join(f'{name}=1e9' for name in self.law.variables)}",
                exit_code=2,
            )
        self.check_near(point, far)
        logs = {name: np.log([point[name]]) for name in self.law.variables}
        at = partial(self.law.evaluate, logs=logs, centre=self.centre)
        value = float(np.exp(at(self.theta[None])[0][0, 0]))
        return value, None if self.draws is None else between(np.exp(at(self.draws)[0][:, 0]))

    def best(self, flops: float, *, far: bool = False) -> dict[str, tuple[float, Interval | None]]:
        """The N and D of least loss for so many FLOPs, and that loss, each with its interval; U is the most there was.

        Raises:
            TrainError: the law knows no N or no D, or the optimum is too far off and not `far`.
        """
        if not {"N", "D"} <= set(self.law.variables):
            raise TrainError(f"the law {self.law.name} has no N and D to choose", hint="--law size-tokens", exit_code=2)
        budget = math.log(flops / self.flops_factor)
        unique = np.log(self.points.variables["U"].max()) if "U" in self.law.variables else 0.0

        def loss(theta: Array, n: Array) -> Array:
            logs = {"N": n[:, None], "D": budget - n[:, None], "U": np.full((len(n), 1), unique)}
            found: Array = self.law.evaluate(theta, logs, self.centre)[0][:, 0]
            return found

        def least(theta: Array) -> tuple[Array, Array]:
            low, high = np.zeros(len(theta)), np.full(len(theta), budget)
            for _ in range(60):  # golden sections: exact to a billionth
                left, right = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
                falls = loss(theta, left) > loss(theta, right)
                low, high = np.where(falls, left, low), np.where(falls, high, right)
            return (low + high) / 2, loss(theta, (low + high) / 2)

        (n,), (lowest,) = least(self.theta[None])
        point = {"N": math.exp(n), "D": math.exp(budget - n), "U": math.exp(unique)}
        self.check_near(point, far)
        found: dict[str, tuple[float, Interval | None]] = {name: (point[name], None) for name in self.law.variables}
        found["L"] = (math.exp(lowest), None)
        if self.draws is not None:
            ns, losses = least(self.draws)
            for name, logs in (("N", ns), ("D", budget - ns), ("L", losses)):
                found[name] = (found[name][0], between(np.exp(logs)))
        return found

    @property
    def flops_factor(self) -> float:
        """FLOPs a parameter and token: the points' own median where they tell it, or else 6."""
        flops = self.points.flops
        if flops is None:
            return FLOPS_PER_PARAMETER
        return float(np.median(flops / (self.points.variables["N"] * self.points.variables["D"])))


def between(draws: Array) -> Interval:
    """The middle 95 % of draws."""
    low, high = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def fit(
    law: Law,
    points: Points,
    fixed: Mapping[str, float] | None = None,
    *,
    draws: int = DRAWS,
    seed: int = 0,
    delta: float = DELTA,
) -> Fit:
    """Fit a law to points, from many starts, then again to `draws` resamplings of them.

    Resampled are runs, and of a run's several points stretches of neighbours, since these are alike.

    Args:
        fixed: Parameters that are known: E, exponents, rho; L0 of a law that saturates must be.

    Raises:
        TrainError: the points cannot determine so many parameters.
    """
    known = {"L0": points.uninformed} if law.saturates and points.uninformed else {}
    fixed = check_fixed(law, {**known, **(fixed or {})})
    free = np.array([name not in fixed for name in law.parameters])
    n_free = int(free.sum())
    check_enough(law, points, n_free, fixed)
    centre = {name: float(logs.mean()) for name, logs in points.logs.items()}
    evaluate = partial(law.evaluate, logs=points.logs, centre=centre)
    limits, goal, once = bounds(law, points.loss), np.log(points.loss), np.ones(len(points.loss))
    ends, cost = descend(evaluate, goal, once, starts(law, points.loss, fixed), limits, free, delta)
    theta = ends[np.argmin(cost)]
    found = Fit(law, points, fixed, centre, theta, None)
    if draws == 0 or len(points.loss) < n_free + SPARE:
        return found
    weights = points.resample(draws, at_least=n_free, seed=seed)
    ends, _ = descend(evaluate, goal, weights, theta[None].repeat(draws, 0), limits, free, delta)
    return replace(found, draws=ends)


def check_fixed(law: Law, fixed: Mapping[str, float]) -> dict[str, float]:
    """The given parameters, each of which the law has and can have.

    Raises:
        TrainError: one is not there, is a coefficient, or is not positive; or L0 is missing.
    """
    can = [name for name in law.parameters if name not in law.coefficients]
    for name, value in fixed.items():
        if name not in can:
            raise TrainError(
                f"{name!r} cannot be given to the law {law.name}", hint=f"it takes {', '.join(can)}", exit_code=2
            )
        if not 0 < value < math.inf:
            raise TrainError(f"{name} = {value:g} is not a positive number", exit_code=2)
    if law.saturates and "L0" not in fixed:
        raise TrainError(
            f"the law {law.name} needs L0, the loss of one who knows nothing",
            hint="in nats a token it is the logarithm of the vocabulary: --fix L0=6.2",
            exit_code=2,
        )
    return dict(fixed)


def check_enough(law: Law, points: Points, n_free: int, fixed: Mapping[str, float]) -> None:
    """Refuse points that cannot determine the parameters, however good they are.

    Raises:
        TrainError: there are too few of them, or a variable has too few values.
    """
    free = [name for name in law.parameters if name not in fixed]
    ways = "add points, or fix the exponents to a published law's: " + " or ".join(
        f"--like {name}" for name in PUBLISHED
    )
    places = points.n_places
    if places < n_free:
        raise TrainError(
            f"{points.label}: {places} different point{'s' * (places > 1)} cannot determine {n_free} parameters "
            f"({', '.join(free)})",
            hint=ways,
        )
    for term in law.terms:
        for exponent, variable, _ in term.powers:
            values = len(np.unique(points.variables[variable]))
            wanted = 2 if exponent in fixed else 3
            if values < wanted:
                raise TrainError(
                    f"{points.label}: {variable} has only {values} different value{'s' * (values > 1)}, of which "
                    f"{term.coefficient}{'' if exponent in fixed else f' and {exponent}'} cannot be told",
                    hint=ways if values == 2 else f"measure at several {variable}, or choose a law without {variable}",
                )
    if law.repeats and "rho" not in fixed and (points.variables["D"] <= points.variables["U"]).all():
        raise TrainError(
            f"{points.label}: no point repeats its tokens (D > U), so that rho cannot be told", hint="--law size-tokens"
        )


def starts(law: Law, losses: Array, fixed: Mapping[str, float]) -> Array:
    """Beginnings all over: how much of the loss is E, how the rest is shared among the terms, how steep each is."""
    low, middle = float(losses.min()), float(np.median(losses))
    steep = [(fixed[name],) if name in fixed else START_EXPONENTS for name in law.exponents]
    mixes = [mix for mix in itertools.product(START_MIXES, repeat=len(law.terms)) if math.isclose(sum(mix), 1)]
    mixes = mixes or [(1 / len(law.terms),) * len(law.terms)]
    rows = []
    for share, mix, exponents in itertools.product(START_SHARES, mixes, itertools.product(*steep)):
        given = {"E": share * low, "rho": START_RETURN, **fixed}
        rest = middle - min(given["E"], 0.9 * low)
        if law.saturates:
            rest /= max(given["L0"] - middle, 0.1 * low)
        given |= {name: part * rest for name, part in zip(law.coefficients, mix, strict=True)}
        given |= dict(zip(law.exponents, exponents, strict=True))
        rows.append([given[name] for name in law.parameters])
    return np.array(rows)
