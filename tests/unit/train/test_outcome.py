from collections.abc import Mapping
from pathlib import Path

from tests.studies import write_study
from train.ledger import Ledger, append
from train.outcome import outcomes

HEADS = {"model.n_head": [1, 2, 4, 8]}


def heads(path: Path, *bits: float, noise: float = 0.002, seeds: int = 3) -> Ledger:
    at = dict(zip(HEADS["model.n_head"], bits, strict=True))
    return Ledger.read(
        write_study(path, HEADS, {"model.n_head": 4}, lambda cell: at[cell["model.n_head"]], noise=noise, seeds=seeds)
    )


def test_only_what_the_runs_show_is_called_lower_or_higher(tmp_path: Path) -> None:
    found = outcomes(heads(tmp_path / "l.jsonl", 1.7, 1.6, 1.6, 1.5))
    assert {name: outcome.verdict for name, outcome in found.items()} == {
        "head1": "higher", "head2": "open", "head4": "baseline", "head8": "lower",
    }  # fmt: skip
    assert found["head2"].against is not None and not found["head2"].against.mean.excludes_zero


def test_an_open_difference_says_how_many_seeds_it_wants(tmp_path: Path) -> None:
    found = outcomes(heads(tmp_path / "l.jsonl", 1.602, 1.6, 1.6, 1.5))
    seeds = found["head1"].seeds
    assert seeds is not None and seeds > 3
    assert found["head8"].seeds is None


def test_what_a_seed_adds_to_all_cells_does_not_blur_their_difference(tmp_path: Path) -> None:
    found = outcomes(heads(tmp_path / "l.jsonl", 1.7, 1.6, 1.6, 1.58))["head8"]
    assert found.bits is not None and found.against is not None
    assert (found.bits.half or 0) > 1.2 * (found.against.mean.half or 0)


def test_equal_cells_are_hardly_ever_told_apart(tmp_path: Path) -> None:
    # 40 studies of three comparisons, at 5 % for each study: about two have a false claim.
    claims = 0
    for number in range(40):
        path = tmp_path / f"{number}.jsonl"
        same = write_study(path, HEADS, {"model.n_head": 4}, lambda at: 1.6, draw=number, seeds=4)
        claims += any(outcome.verdict in ("lower", "higher") for outcome in outcomes(Ledger.read(same)).values())
    assert claims <= 6


def test_one_seed_leaves_everything_open(tmp_path: Path) -> None:
    found = outcomes(heads(tmp_path / "l.jsonl", 1.7, 1.6, 1.6, 1.5, seeds=1))
    assert {outcome.verdict for outcome in found.values()} == {"open", "baseline"}
    assert found["head1"].p is None and found["head1"].seeds is None


def test_runs_that_did_not_finish_are_counted_and_left_out(tmp_path: Path) -> None:
    ledger = heads(tmp_path / "l.jsonl", 1.7, 1.6, 1.6, 1.5)
    append(ledger.path, {"kind": "run", "cell": "head8", "seed": 3, "state": "unstable", "why": "loss rose"})
    found = outcomes(Ledger.read(ledger.path))["head8"]
    assert found.states == {"finished": 3, "unstable": 1}
    assert len(found.runs) == 3


def test_without_a_baseline_nothing_is_compared(tmp_path: Path) -> None:
    path = write_study(tmp_path / "l.jsonl", HEADS, {}, lambda at: 1.6)
    assert {outcome.verdict for outcome in outcomes(Ledger.read(path)).values()} == {""}


def test_speed_is_the_median_and_memory_the_most(tmp_path: Path) -> None:
    found = outcomes(heads(tmp_path / "l.jsonl", 1.7, 1.6, 1.6, 1.5))["head2"]
    assert found.tokens_per_s == 5951
    assert found.peak_memory == 10**9 + 10**7


def test_with_an_axis_within_which_to_compare_each_of_its_values_has_its_own_baseline(tmp_path: Path) -> None:
    axes = {"data.max_tokens": [100, 25], "optim.weight_decay": [1, 2]}
    bits = {(100, 1): 1.6, (100, 2): 1.6, (25, 1): 2.0, (25, 2): 1.8}
    base = {"data.max_tokens": 100, "optim.weight_decay": 1}

    def of(at: Mapping[str, int]) -> float:
        return bits[at["data.max_tokens"], at["optim.weight_decay"]]

    path = write_study(tmp_path / "l.jsonl", axes, base, of, within=["data.max_tokens"], noise=0.0005)
    found = outcomes(Ledger.read(path))
    assert {name: (one.to, one.verdict) for name, one in found.items()} == {
        "tokens100-decay1": (None, "baseline"),
        "tokens100-decay2": ("tokens100-decay1", "open"),
        "tokens25-decay1": ("tokens100-decay1", "higher"),
        "tokens25-decay2": ("tokens25-decay1", "lower"),
    }
