"""What keeping samples costs, and finding them again: CPU time, bytes and memory of 50,000."""

import itertools
import resource
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.kept import Facts, Keeper, find, path_of
from pipeline.sampler import Judged
from pipeline.samples import Wanted, browse
from train.draw import Sampling
from train.workspace import Workspace

N = 50_000
TEXT = "DA0 yu0nY1tI0d ste1ts a1r na1t @1z A0 kA0mI1SA0n wI1l bi1 DA0 kA1ntri0, " * 12
FACTS = Facts(
    made="2026-11-22T08:00:00+00:00", run="small", checkpoint=None, folder="runs/small/model", model="ab" * 32, n=N,
    seed=0, batch_size=32, type=None, prompt="", valid=None, constraints={}, versions={}, device="cpu",
)  # fmt: skip


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Print the CPU time of a block."""
    started = time.process_time()
    yield
    print(f"{what}: {time.process_time() - started:.3f} s")


def main() -> None:
    """Keep, list, search and find."""
    with tempfile.TemporaryDirectory() as there:
        workspace = Workspace(Path(there))
        workspace.runs.mkdir()
        folder = workspace.samples
        made = [Judged(i, "plays", f"{i} {TEXT}", True, True, [], 250) for i in range(N)]
        with timed(f"keep {N:,}"):
            for _ in Keeper(workspace, FACTS, Sampling()).keep(made):
                pass
        print(f"bytes a sample: {path_of(folder, 1).stat().st_size / N:.0f}, of text: {len(made[-1].text)}")
        with timed("the newest 20"):
            assert len([*itertools.islice(browse(folder, Wanted(), Counter()), 20)]) == 20
        with timed("search all"):
            assert len([*browse(folder, Wanted(grep=f"{N - 1} "), Counter())]) == 1
        with timed("the first by its name"):
            find(folder, "1.1")
        print(f"memory at most, torch included: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main()
