"""`phon fit`: a power law from a study, a table or a run, with what the points do not determine."""

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline import show
from pipeline.options import json_option, picture_option
from pipeline.runs import align
from train.errors import TrainError

if TYPE_CHECKING:
    from train.fit import Fit, Interval
    from train.powerlaw import Law

LAWS = ("size-tokens", "repeated", "saturating", "steps", "tokens")  # those of train.powerlaw, slow to import
DRAWS = 1000
ONE_RUN = "the points are of one run: what another seed would give is not in the intervals"


def exponents_of(law: "Law", like: str) -> dict[str, float]:
    """The exponents of a published law that this one has too.

    Raises:
        TrainError: there is no such law, or it has none in common.
    """
    from train.powerlaw import PUBLISHED  # with numpy, slow to import

    if like not in PUBLISHED:
        raise TrainError(f"no law {like!r}", hint=f"published laws are {', '.join(PUBLISHED)}", exit_code=2)
    known = {name: value for name, value in PUBLISHED[like].values.items() if name in (*law.exponents, "rho")}
    found = {name: value for name, value in known.items() if name in law.parameters}
    if not found:
        raise TrainError(f"the laws {law.name} and {like} have no exponent in common", exit_code=2)
    return found


def summary(fit: "Fit", points: Sequence[Mapping[str, float]], flops: float | None, far: bool) -> dict[str, Any]:
    """All that is told of a fit, for programs.

    Raises:
        TrainError: a prediction or an optimum is too far off and not `far`.
    """
    import numpy as np

    from train.powerlaw import PUBLISHED

    values, intervals, unknown = fit.values, fit.intervals, fit.undetermined()
    compared = (*fit.law.exponents, "rho")
    errors = np.abs(fit.residuals)
    predictions = []
    for point in points:
        value, interval = fit.predict(point, far=far)
        predictions.append({"at": dict(point), "loss": value, "interval": interval, "beyond": fit.beyond(point)})
    return {
        "source": fit.points.label,
        "law": fit.law.name,
        "formula": fit.law.formula,
        "points": len(errors),
        "runs": fit.points.n_runs,
        "parameters": {
            name: {
                "value": values[name],
                "interval": intervals.get(name),
                "fixed": name in fit.fixed,
                "not_determined": unknown.get(name),
                "published": {
                    law: other.values[name]
                    for law, other in PUBLISHED.items()
                    if name in compared and name in other.values
                },
            }
            for name in fit.law.parameters
        },
        "residual_median": float(np.median(errors)),
        "residual_largest": float(errors.max()),
        "predictions": predictions,
        "flops_factor": fit.flops_factor if flops else None,
        "best": best_for(fit, flops, far) if flops else None,
    }


def best_for(fit: "Fit", flops: float, far: bool) -> dict[str, Any]:
    """The optimum for a budget, for programs."""
    found = fit.best(flops, far=far)
    values = {name: {"value": value, "interval": interval} for name, (value, interval) in found.items()}
    at = {name: value for name, (value, _) in found.items() if name in fit.law.variables}
    return {"flops": flops, **values, "beyond": fit.beyond(at)}


def told(row: Mapping[str, Any]) -> Iterator[str]:
    """A fit as lines for reading."""
    runs = f" of {row['runs']} runs" if row["runs"] != row["points"] else ""
    yield f"{row['formula']}, of {row['points']} points{runs} in {show.printable(row['source'])}"
    yield from align([("", "value", "95 % interval", "published"), *map(line, row["parameters"].items())])
    typical, largest = row["residual_median"], row["residual_largest"]
    yield f"  the median point is {typical:.2%} off the law, the farthest {largest:.2%}"
    if row["runs"] == 1:
        yield f"  {ONE_RUN}"
    reasons: dict[str, list[str]] = {}
    for name, of in row["parameters"].items():
        if of["not_determined"]:
            reasons.setdefault(of["not_determined"], []).append(name)
    yield from (f"  not determined: {', '.join(names)}: {why}" for why, names in reasons.items())
    for made in row["predictions"]:
        at = ", ".join(f"{name} = {brief(value)}" for name, value in made["at"].items())
        yield f"  at {at}: L = {ranged(made['loss'], made['interval'])}{guessed(made)}"
    if row["best"]:
        best = row["best"]
        each = f"{row['flops_factor']:.2f} a parameter and token"
        yield f"  best for {brief(best['flops'])} FLOPs, at {each}{guessed(best)}:"
        for name in ("N", "D", "L"):
            yield f"    {name} = {ranged(best[name]['value'], best[name]['interval'])}"
        if "U" in best:
            yield f"    of {brief(best['U']['value'])} different tokens"


def line(parameter: tuple[str, Mapping[str, Any]]) -> tuple[str, str, str, str]:
    """A parameter in the table."""
    name, of = parameter
    interval = "given" if of["fixed"] else between(of["interval"]) if of["interval"] else ""
    return name, brief(of["value"]), interval, ", ".join(f"{value:g} {law}" for law, value in of["published"].items())


def brief(value: float) -> str:
    """A number in three or four digits."""
    return f"{value:.4g}"


def between(interval: "Interval") -> str:
    """An interval in words."""
    return f"{brief(interval[0])} to {brief(interval[1])}"


def ranged(value: float, interval: "Interval | None") -> str:
    """A number with its interval."""
    return f"{brief(value)} ({between(interval)})" if interval else f"{brief(value)} (no interval)"


def guessed(row: Mapping[str, Any]) -> str:
    """A mark at what is too far from the points."""
    return f", a guess: {row['beyond']}" if row["beyond"] else ""


def draw(fit: "Fit", picture: Path) -> None:
    """The residuals against each variable, and fitted against measured losses, as a PNG."""
    import numpy as np

    from train.curve import blank, save

    figure = blank(4 * (len(fit.points.variables) + 1), 3.6)
    *panels, last = figure.subplots(1, len(fit.points.variables) + 1)
    colours = fit.points.runs % 10 if fit.points.n_runs < len(fit.residuals) else np.zeros(len(fit.residuals))
    style = {"c": colours, "cmap": "tab10", "vmin": 0, "vmax": 9, "s": 14}
    for axes, (name, values) in zip(panels, fit.points.variables.items(), strict=True):
        axes.axhline(0, color="#9aa7b5", linewidth=1)
        axes.scatter(values, 100 * fit.residuals, **style)
        axes.set_xscale("log")
        axes.set_xlabel(name)
    panels[0].set_ylabel("measured above the law, %")
    fitted = fit.points.loss / np.exp(fit.residuals)
    both = [float(min(fitted.min(), fit.points.loss.min())), float(max(fitted.max(), fit.points.loss.max()))]
    last.plot(both, both, color="#9aa7b5", linewidth=1)
    last.scatter(fitted, fit.points.loss, **style)
    last.set_xlabel("loss by the law")
    last.set_ylabel("loss measured")
    for axes in (*panels, last):
        axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle(fit.law.formula, x=0.01, ha="left", fontsize=10, parse_math=False)
    save(figure, picture)


def pairs(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> list[dict[str, float]]:
    """NAME=NUMBER,NAME=NUMBER as mappings, one for each time the option was given."""
    found = []
    for text in values:
        one = {}
        for part in text.split(","):
            name, _, value = (piece.strip() for piece in part.partition("="))
            try:
                one[name] = float(value)
            except ValueError as error:
                raise click.BadParameter(f"{part.strip()!r} is not NAME=NUMBER") from error
            if not 0 < one[name] < math.inf:
                raise click.BadParameter(f"{part.strip()!r}: the number must be positive")
        found.append(one)
    return found


@click.command("fit")
@click.argument("source", type=click.Path(path_type=Path))
@click.option("--law", type=click.Choice(LAWS), default=LAWS[0], show_default=True, help="The formula.")
@click.option("--loss", default="", metavar="NAME", help="The loss to fit, val_loss unless told otherwise.")
@click.option("--cell", default="", metavar="NAME", help="Fit one cell of a ledger: laws of steps and tokens.")
@click.option(
    "--since", type=float, default=0.0, metavar="X", help="Leave out a curve's points before X steps or tokens."
)
@click.option(
    "--fix", multiple=True, callback=pairs, metavar="NAME=X", help="Give a parameter: E, an exponent, rho, L0."
)
@click.option("--like", default="", metavar="NAME", help="Give a published law's exponents: besiroglu, for one.")
@click.option("--predict", multiple=True, callback=pairs, metavar="N=X,D=X", help="Tell the loss there.")
@click.option("--flops", type=click.FloatRange(min=1), metavar="C", help="Tell the best N and D for so many FLOPs.")
@click.option("--far", is_flag=True, help="Tell also what lies beyond 3 times the points.")
@picture_option("Draw the residuals.")
@click.option("--draws", type=click.IntRange(min=0), default=DRAWS, show_default=True, help="Resamplings.")
@click.option("--seed", type=int, default=0, show_default=True, help="Same seed, same intervals.")
@json_option
def command(
    source: Path,
    law: str,
    loss: str,
    cell: str,
    since: float,
    fix: list[dict[str, float]],
    like: str,
    predict: list[dict[str, float]],
    flops: float | None,
    far: bool,
    picture: Path | None,
    draws: int,
    seed: int,
    as_json: bool,
) -> None:
    """Fit a power law of the loss to SOURCE: a study's ledger, a table (.csv, .tsv) or a run's folder.

    Each parameter comes with a 95 % interval from resampled runs, and beside what others published. What the points do
    not determine is said.

    Example: phon fit points.csv --predict N=3e7,D=1e9 --flops 1e17 --plot residuals.png
    """
    from train.fit import fit
    from train.points import read_points
    from train.powerlaw import LAWS as known

    chosen = known[law]
    given = exponents_of(chosen, like) if like else {}
    for more in fix:
        given |= more
    points = read_points(source, chosen, loss=loss, cell=cell, since=since)
    fitted = fit(chosen, points, given, draws=draws, seed=seed)
    row = summary(fitted, predict, flops, far)
    if as_json:
        show.as_json(row)
    else:
        click.echo("\n".join(told(row)))
    if picture:
        draw(fitted, picture)
        click.echo(f"the residuals are in {picture}", err=True)
