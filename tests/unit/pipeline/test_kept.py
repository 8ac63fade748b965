"""The samples that a workspace keeps."""

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pipeline import kept
from pipeline.asked import Constraints
from pipeline.errors import PipelineError
from pipeline.kept import Facts, Keeper, find, numbers, path_of
from pipeline.sampler import Judged
from pipeline.samples import Wanted, browse
from train.draw import Sampling
from train.notation import Problem
from train.workspace import Workspace

FACTS = Facts(
    made="2026-11-22T08:00:00+00:00", run="small", checkpoint=None, folder="runs/small/model", model="ab", n=2, seed=3,
    batch_size=8, type=None, prompt="", valid=None, constraints=Constraints(syllables=(5, 7)).asked(), versions={},
    device="cpu",
)  # fmt: skip

ALL = Wanted()


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    (tmp_path / "runs").mkdir()
    return Workspace(tmp_path)


def samples(n: int = 2, text: str = "la1 li1") -> list[Judged]:
    return [Judged(i, "plays", text, True, True, [], 4, lines=["la1", "li1"]) for i in range(n)]


def keep(workspace: Workspace, some: Sequence[Judged], facts: Facts = FACTS, given: Sequence[str] = ()) -> Keeper:
    keeper = Keeper(workspace, facts, Sampling(0.5), given)
    assert list(keeper.keep(some)) == some
    return keeper


def names(workspace: Workspace, wanted: Wanted = ALL) -> tuple[list[str], int]:
    tally: Counter[str] = Counter()
    found = [f"{call.number}.{sample.index + 1}" for call, sample in browse(workspace.samples, wanted, tally)]
    return found, tally["damaged"]


def test_what_is_kept_comes_back_with_how_it_was_made(workspace: Workspace) -> None:
    broken = Judged(1, "", "x\x1b\ud800", False, False, [Problem(0, 1, "odd")], 9, source="ab cd", lines=[])
    assert keep(workspace, [*samples(1), broken], given=["Ab, cd"]).number == 1
    call, found = find(workspace.samples, "1.2")
    assert found.judged() == broken and found.given == "Ab, cd"
    assert find(workspace.samples, "1.1")[1].judged() == samples(1)[0]
    assert call.facts.sampling["temperature"] == 0.5
    again = call.facts.model_copy(update={"sampling": {}, "constraints": FACTS.constraints})
    assert again == FACTS and call.facts.constraints == {"syllables": [5, 7]}


def test_the_newest_come_first_and_filters_combine(workspace: Workspace) -> None:
    keep(workspace, samples(2))
    keep(workspace, [Judged(0, "poems", "A1v", True, False, [], 1)], FACTS.model_copy(update={"run": "large"}))
    assert names(workspace) == (["2.1", "1.2", "1.1"], 0)
    assert names(workspace, Wanted(run="small", grep="li1"))[0] == ["1.2", "1.1"]
    assert names(workspace, Wanted(type="poems", valid=False))[0] == ["2.1"]
    assert names(workspace, Wanted(type="poems", valid=True))[0] == []


def test_a_call_without_samples_leaves_no_file_and_elsewhere_than_in_a_workspace_none_is_written(
    workspace: Workspace, tmp_path: Path
) -> None:
    assert keep(workspace, []).number is None and not workspace.samples.exists()
    elsewhere = Workspace(tmp_path / "elsewhere")
    assert keep(elsewhere, samples()).number is None and not elsewhere.root.exists()


def test_what_a_killed_writer_left_of_a_line_is_passed_over_and_damage_is_counted(workspace: Workspace) -> None:
    keep(workspace, samples(3))
    path = path_of(workspace.samples, 1)
    data = path.read_bytes()
    for length in range(len(data) - 1, data.rindex(b"{"), -1):
        path.write_bytes(data[:length])
        assert names(workspace) == (["1.2", "1.1"], 0)
    first, second = data.index(b"\n"), data.index(b"\n", data.index(b"\n") + 1)
    path.write_bytes(data[:second].replace(b"li1", b"lo1") + data[second:])
    assert names(workspace) == (["1.3", "1.2"], 1)
    path.write_bytes(data[: first // 2])
    assert names(workspace) == ([], 1)
    with pytest.raises(PipelineError, match=r"no sample 1\.1 is kept"):
        find(workspace.samples, "1.1")
    assert keep(workspace, samples()).number == 2


def test_samples_are_read_backwards_whatever_the_size_of_a_block(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(workspace, samples(4, "hA0lo1 " * 20))
    for size in (1, 7, 100, 333):
        monkeypatch.setattr(kept, "BLOCK", size)
        assert names(workspace) == (["1.4", "1.3", "1.2", "1.1"], 0)
    monkeypatch.setattr(kept, "LONGEST", 50)  # a line longer than any of ours
    assert names(workspace)[1] == 1


def test_writers_at_once_get_numbers_of_their_own(workspace: Workspace) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda i: keep(workspace, samples(3, f"A{i}")).number, range(24)))
    assert sorted(filter(None, made)) == numbers(workspace.samples) == list(range(1, 25))
    assert names(workspace)[1] == 0 and len(names(workspace)[0]) == 72


def test_a_full_disk_ends_the_keeping_and_not_the_sampling(workspace: Workspace) -> None:
    workspace.samples.parent.mkdir()
    workspace.samples.write_text("")  # a file where the folder should be
    keeper = keep(workspace, samples())
    assert keeper.number is None and "data/samples" in keeper.problem
