"""The samples that a workspace keeps: each that `phon generate` made, with what it takes to make it again.

A call of `phon generate` has a file of its own in data/samples, named by its number: first a line that says how its
samples are made, then a line for each, all with their checksums. So no two writers meet, and one that is killed leaves
every line but the one it was writing.
"""

import contextlib
import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any, Self

import click
from pydantic import BaseModel, Field, ValidationError

from pipeline.errors import PipelineError
from pipeline.sampler import Judged
from pipeline.show import printable
from train import lines
from train.notation import Problem
from train.workspace import Workspace

if TYPE_CHECKING:
    from train.draw import Sampling

SUFFIX = ".jsonl"
DIGITS = 6  # of a call's number in a file's name
FORMAT = 1
MOST = 2**26  # samples of a call
BLOCK, LONGEST = 2**20, 2**24  # bytes read at a time; of a line at most


class Facts(BaseModel, frozen=True):
    """How the samples of a call are made."""

    format: int = FORMAT
    made: str  # when, UTC
    run: str
    checkpoint: str | None
    folder: str  # the model's; from the workspace on, if it lies there
    model: str  # `fingerprint` of that folder
    n: int  # of each source, where there are sources
    seed: int
    batch_size: Annotated[int, Field(ge=1)]  # samples that were made at a time
    sampling: dict[str, int | float | None] = {}
    type: str | None  # asked for
    prompt: str  # in the notation
    valid: bool | None  # asked for
    constraints: dict[str, Any]
    versions: dict[str, str]
    device: str


class Kept(BaseModel, frozen=True):
    """A sample as it is kept."""

    index: Annotated[int, Field(ge=0, lt=MOST)]
    type: str
    text: str
    ended: bool
    valid: bool
    problems: list[tuple[int, int, str]] = []
    n_tokens: int = 0
    lines: list[str] = []
    source: str | None = None
    given: str | None = None  # the source before it was converted

    def judged(self) -> Judged:
        """The sample as it is shown."""
        return Judged(**{**self.model_dump(exclude={"given"}), "problems": [Problem(*one) for one in self.problems]})


@dataclass(frozen=True)
class Call:
    """A call of `phon generate`.

    Args:
        begin: Where its samples begin in the file.
    """

    number: int
    facts: Facts
    path: Path
    begin: int

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """The call of a file; None if it does not begin as ours do, or nothing is whole in it yet."""
        with path.open("rb") as file:
            first = file.readline(LONGEST)
        try:
            return cls(int(path.stem), Facts.model_validate(lines.read(first.removesuffix(b"\n"))), path, len(first))
        except ValidationError:
            return None

    def samples(self) -> Iterator[Kept | None]:
        """Its samples, the newest first; None for a line that is not as it was written."""
        for line in backwards(self.path, self.begin):
            try:
                yield Kept.model_validate(lines.read(line))
            except ValidationError:
                yield None

    def find(self, index: int) -> Kept | None:
        """A sample by its index."""
        return next((sample for sample in self.samples() if sample is not None and sample.index == index), None)


def backwards(path: Path, begin: int) -> Iterator[bytes]:
    """The whole lines of a file after its first `begin` bytes, the last first; a block at a time is held."""
    with path.open("rb") as file:
        at = file.seek(0, 2)
        rest, is_last = b"", True
        while at > begin and len(rest) < LONGEST:
            size = min(BLOCK, at - begin)
            at = file.seek(at - size)
            rest, *found = (file.read(size) + rest).split(b"\n")
            if found and is_last:
                found.pop()  # what follows the last end of a line is not written yet
                is_last = False
            yield from reversed(found)
        if not is_last:
            yield rest


def numbers(folder: Path) -> list[int]:
    """The numbers of the calls in a folder, in order."""
    return sorted(int(path.stem) for path in folder.glob(f"*{SUFFIX}") if path.stem.isdecimal())


def path_of(folder: Path, number: int) -> Path:
    """The file of a call."""
    return folder / f"{number:0{DIGITS}}{SUFFIX}"


def find(folder: Path, name: str) -> tuple[Call, Kept]:
    """The sample of a name, as `12.3`: the third of call 12.

    Raises:
        PipelineError: there is none, or it is damaged.
    """
    number, _, place = name.partition(".")
    if not (number.isdecimal() and place.isdecimal()):
        raise PipelineError(f"{name!r} names no sample", hint='as in 12.3; "phon samples" lists them', exit_code=2)
    path = path_of(folder, int(number))
    call = Call.read(path) if path.is_file() else None
    kept = call.find(int(place) - 1) if call else None
    if call is None or kept is None:
        raise PipelineError(f"no sample {name} is kept in {folder}", hint='"phon samples" lists those there are')
    return call, kept


class Keeper:
    """Keeps the samples of a call as they pass, in a workspace: a folder with data/ or runs/; elsewhere none.

    Its file begins with the first sample. What cannot be written is not kept, nor is what comes after: samples are made
    to be read, and a full disk is no reason to stop.

    Args:
        given: Of a model of pairs, the sources before they were converted.
        wanted: Whether to keep any.

    Attributes:
        number: Of the call; None as long as nothing is kept.
        problem: Why no more is kept; empty if nothing is amiss.
    """

    def __init__(
        self,
        workspace: Workspace,
        facts: Facts,
        sampling: "Sampling",
        given: Sequence[str] | None = None,
        *,
        wanted: bool = True,
    ) -> None:
        self._folder = workspace.samples
        self._facts = facts.model_copy(update={"sampling": asdict(sampling)})
        self._given = given
        self._is_on = wanted and (workspace.samples.parent.is_dir() or workspace.runs.is_dir())
        self.number: int | None = None
        self.problem = ""

    def keep(self, samples: Iterable[Judged]) -> Iterator[Judged]:
        """The same samples, each kept before it is handed on."""
        with contextlib.ExitStack() as stack:
            file: IO[bytes] | None = None
            for sample in samples:
                if self._is_on and not self.problem:
                    try:
                        file = file or stack.enter_context(self._begin())
                        file.write(lines.write(self._record(sample)))
                        file.flush()
                    except OSError as error:
                        self.problem = f"{error.filename or self._folder}: {error.strerror}"
                yield sample

    def _record(self, sample: Judged) -> lines.Record:
        given = self._given[sample.index // self._facts.n] if self._given else None
        record = {name: getattr(sample, name, given) for name in Kept.model_fields}
        if len(sample.lines) < 2:
            del record["lines"]
        return {key: value for key, value in record.items() if value not in (None, [], ())}

    def _begin(self) -> IO[bytes]:
        """A file under the next number."""
        self._folder.mkdir(parents=True, exist_ok=True)
        for number in itertools.count(1 + max(numbers(self._folder), default=0)):
            try:
                file = path_of(self._folder, number).open("xb")
            except FileExistsError:
                continue  # another was faster
            file.write(lines.write(self._facts.model_dump()))
            self.number = number
            return file
        raise AssertionError("numbers do not end")


def told(keepers: Sequence[Keeper]) -> str:
    """Under which numbers samples are kept, for the last line of a command; and why some are not."""
    for problem in filter(None, (keeper.problem for keeper in keepers)):
        click.echo(f"not all samples are kept: {printable(problem)}", err=True)
    names = ", ".join(str(keeper.number) for keeper in keepers if keeper.number is not None)
    return f", kept as {names}" if names else ""
