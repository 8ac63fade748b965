import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from pipeline.fit import LAWS, command
from tests.unit.pipeline.conftest import MakeRun
from train import powerlaw
from train.errors import TrainError
from train.ledger import append

TRUTH = powerlaw.PUBLISHED["besiroglu"].values
SIZES, TOKENS = np.geomspace(1e6, 1e8, 4), np.geomspace(2e7, 2e9, 4)


def losses() -> list[tuple[float, float, float]]:
    law, chance = powerlaw.LAWS["size-tokens"], np.random.default_rng(0)
    return [
        (n, d, float(law.loss(TRUTH, N=n, D=d)[0] * np.exp(chance.normal(0, 0.003)))) for n in SIZES for d in TOKENS
    ]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "points.csv"
    path.write_text("Params,tokens,val_loss,note\n" + "".join(f"{n},{d},{loss},x\n" for n, d, loss in losses()))
    return path


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    path = tmp_path / "ledger.jsonl"
    append(path, {"kind": "study", "name": "sizes", "corpus": {"tokens": 10**8, "vocab_size": 256}})
    for number, (n, d, loss) in enumerate(losses()):
        size = {"params": round(n), "tokens": round(d), "flops": round(7 * n * d)}
        append(path, {"kind": "cell", "cell": f"c{number}", **size})
        curve = [[step, 1000 * step, 2 + 9 * step**-0.5, 1 + 5 * step**-0.5] for step in range(0, 2000, 100) if step]
        done = {"val_loss": loss, "bits_per_byte": loss / 2, "curve": curve}
        append(path, {"kind": "run", "cell": f"c{number}", "seed": 0, "state": "finished", **done})
    append(path, {"kind": "run", "cell": "c0", "seed": 1, "state": "failed", "error": "killed"})
    return path


def told(*arguments: object) -> Result:
    return CliRunner().invoke(command, [str(argument) for argument in arguments], catch_exceptions=False)


def as_json(*arguments: object) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(told(*arguments, "--json").stdout)
    return found


def refused(*arguments: object) -> TrainError:
    with pytest.raises(TrainError) as caught:
        told(*arguments)
    return caught.value


def test_the_names_of_the_laws_are_those_there_are() -> None:
    assert [*powerlaw.LAWS] == [*LAWS]


def test_a_table_gives_parameters_with_intervals_beside_published_ones(table: Path) -> None:
    lines = told(table).stdout.splitlines()
    assert lines[0].startswith("L = E + A/N^alpha + B/D^beta, of 16 points in ")
    assert lines[1].split() == ["value", "95", "%", "interval", "published"]
    alpha = next(line for line in lines if line.split()[0] == "alpha")
    assert alpha.endswith("0.3478 besiroglu, 0.34 hoffmann, 0.35266 muennighoff")
    row = as_json(table)["parameters"]["alpha"]
    assert row["interval"][0] < TRUTH["alpha"] < row["interval"][1]
    assert row["not_determined"] is None


def test_a_prediction_and_a_budget_come_with_intervals(table: Path) -> None:
    row = as_json(table, "--predict", "N=2e8,D=4e9", "--flops", 1e17)
    (made,) = row["predictions"]
    assert made["interval"][0] < made["loss"] < made["interval"][1]
    assert made["beyond"] == ""
    assert row["best"]["N"]["value"] * row["best"]["D"]["value"] * 6 == pytest.approx(1e17)
    text = told(table, "--predict", "N=2e8,D=4e9", "--flops", 1e17).stdout
    assert "at N = 2e+08, D = 4e+09: L = " in text and "best for 1e+17 FLOPs, at 6.00 a parameter and token:" in text


def test_beyond_three_times_the_points_is_told_only_with_far(table: Path) -> None:
    error = refused(table, "--predict", "N=4e8,D=1e9")
    assert "N = 4e+08 is 4.0 times the largest fitted, 1e+08" in str(error)
    assert error.exit_code == 2
    text = told(table, "--predict", "N=4e8,D=1e9", "--far").stdout
    assert "a guess: N = 4e+08 is 4.0 times the largest fitted" in text
    assert "of the smallest fitted" in str(refused(table, "--predict", "N=1e5,D=1e9"))


def test_a_budget_with_repeated_tokens_is_of_the_corpus_there_is(tmp_path: Path) -> None:
    law, path = powerlaw.LAWS["repeated"], tmp_path / "points.csv"
    rows = [(n, d, 1e8) for n in SIZES for d in TOKENS]
    loss = [float(law.loss({**TRUTH, "rho": 15.0}, N=n, D=d, U=u)[0]) for n, d, u in rows]
    path.write_text("N,D,U,loss\n" + "".join(f"{n},{d},{u},{at}\n" for (n, d, u), at in zip(rows, loss, strict=True)))
    arguments = (path, "--law", "repeated", "--flops", 1e17, "--draws", 20)
    best = as_json(*arguments)["best"]
    assert best["U"] == {"value": pytest.approx(1e8), "interval": None}
    assert best["D"]["value"] > 1e8  # it pays to repeat, but less than fresh tokens would
    fresh = powerlaw.LAWS["size-tokens"].loss(TRUTH, N=best["N"]["value"], D=best["D"]["value"])[0]
    assert best["L"]["value"] > fresh
    assert "of 1e+08 different tokens" in told(*arguments).stdout


def test_a_prediction_takes_the_laws_variables_and_no_others(table: Path) -> None:
    for point in ("N=1e7", "N=1e7,D=1e8,U=1e8"):
        error = refused(table, "--predict", point)
        assert "takes N and D, not N" in str(error) and error.exit_code == 2


def test_exponents_can_be_given_and_are_marked(table: Path) -> None:
    row = as_json(table, "--like", "hoffmann", "--fix", "E=1.7")
    assert row["parameters"]["beta"] == row["parameters"]["beta"] | {"value": 0.28, "fixed": True, "interval": None}
    assert row["parameters"]["E"]["value"] == 1.7
    assert "given" in told(table, "--like", "hoffmann").stdout


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("N,D,loss\n1e6,1e7\n", r"line 2: 2 columns, where line 1 has 3"),
        ("N,D,loss\n1e6,1e7,3\n\n1e6,x,4\n", r"line 4, column D: 'x' is not a number"),
        ("N,D,loss\n1e6,1e7,nan\n", r"line 2, column loss: nan is not a positive number"),
        ("N,D,loss\n0,1e7,3\n", r"line 2, column N: 0 is not a positive number"),
        ("N,D,loss\n1e300,1e7,3\n", r"line 2, column N: 1e\+300 is no size, count or loss that there is"),
        ('N,D,loss\n1e6,1e7,"' + "3" * 200_000, r"line 2"),  # csv's limit, where no records were read before
        ("N,loss\n1e6,3\n", r"line 1: no column for D, but N, loss"),
        ("N,D,loss\n", r"there is no point to fit"),
        ("", r"line 1: no column for N, but nothing"),
        ("N,D,loss\n1e6,1e7,3\n1e6,1e7,4\n", r"1 different point cannot determine 5 parameters"),
        ("N,D,caf\xe9\n", r"is not UTF-8"),
    ],
)
def test_a_table_that_cannot_be_fitted_is_told_with_its_line(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    path.write_bytes(text.encode("latin-1"))
    error = refused(path)
    assert str(error).startswith(str(path))
    with pytest.raises(TrainError, match=message):
        raise error
    assert error.hint


def test_a_ledger_gives_its_finished_runs(ledger: Path) -> None:
    row = as_json(ledger, "--flops", 1e17)
    assert (row["points"], row["runs"]) == (16, 16)
    assert row["flops_factor"] == pytest.approx(7, rel=1e-3)
    nats, bits = (as_json(ledger, *more)["parameters"]["alpha"]["value"] for more in ((), ("--loss", "bits_per_byte")))
    assert bits == pytest.approx(nats, rel=0.01)
    assert "a ledger has no 'loss'" in str(refused(ledger, "--loss", "loss"))


def test_a_law_that_saturates_takes_its_top_from_the_ledgers_vocabulary(ledger: Path) -> None:
    cells = ("c0", "c5", "c10")
    error = refused(ledger, "--law", "saturating", "--draws", 0)
    assert "U has only 1 different value" in str(error)
    assert "there are several" in str(refused(ledger, "--law", "steps"))
    assert all(name in refused(ledger, "--law", "steps").hint for name in cells)


def test_the_curve_of_a_cell_is_fitted_by_steps(ledger: Path) -> None:
    row = as_json(ledger, "--law", "steps", "--cell", "c3", "--since", 300)
    assert row["points"] == 17
    assert row["parameters"]["E"]["value"] == pytest.approx(2, rel=1e-3)
    assert row["parameters"]["a"]["value"] == pytest.approx(0.5, rel=1e-3)
    assert "the points are of one run" in told(ledger, "--law", "steps", "--cell", "c3").stdout


def test_a_runs_own_curve_is_fitted(make_run: MakeRun) -> None:
    run = make_run(bits=lambda step: 1 + 2 / step)
    with_bits: Sequence[object] = (run, "--law", "tokens", "--loss", "bits_per_byte", "--draws", 0)
    row = as_json(*with_bits)
    assert row["points"] == 4
    assert row["parameters"]["E"]["value"] == pytest.approx(1, abs=0.01)
    assert "is one run, and the law size-tokens is of several" in str(refused(run))


def test_residuals_are_drawn(table: Path, tmp_path: Path) -> None:
    picture = tmp_path / "residuals.png"
    assert told(table, "--draws", 0, "--plot", picture).exit_code == 0
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    "option", [("--fix", "E"), ("--predict", "N=x"), ("--predict", "N=-1,D=2"), ("--plot", "a.pdf")]
)
def test_bad_usage_is_told(option: tuple[str, str], table: Path) -> None:
    assert told(table, *option).exit_code == 2
