"""`phon samples`: the samples that the workspace keeps, the newest first; or one of them made again."""

import itertools
import json
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import click

from pipeline.errors import PipelineError
from pipeline.kept import Call, Facts, Kept, find, numbers, path_of
from pipeline.layout import columns_of_terminal, lay_out
from pipeline.options import json_option, workspace_option
from pipeline.show import printable
from train.workspace import Workspace

DAMAGED = "damaged"
# Of less, where the user has set none: go if all fits on the screen, show colours, leave the screen as it is.
LESS = "FRX"


class Wanted(NamedTuple):
    """Which samples to show; what is None or empty does not matter.

    Args:
        grep: What stands in the text.
    """

    run: str | None = None
    type: str | None = None
    valid: bool | None = None
    grep: str = ""

    def fits(self, sample: Kept) -> bool:
        """Whether a sample is wanted, of a run that is."""
        return self.type in (None, sample.type) and self.valid in (None, sample.valid) and self.grep in sample.text


def browse(folder: Path, wanted: Wanted, tally: Counter[str]) -> Iterator[tuple[Call, Kept]]:
    """The samples of a folder that are wanted, the newest first; files are read as they are come to.

    Args:
        tally: `tally["damaged"]` counts lines and files that are not as they were written.
    """
    for number in reversed(numbers(folder)):
        call = Call.read(path_of(folder, number))
        if call is None:
            tally[DAMAGED] += 1
        elif wanted.run in (None, call.facts.run):
            for sample in call.samples():
                if sample is None:
                    tally[DAMAGED] += 1
                elif wanted.fits(sample):
                    yield call, sample


def name_of(call: Call, sample: Kept) -> str:
    """What a sample is called, as `find` takes it."""
    return f"{call.number}.{sample.index + 1}"


def as_record(call: Call, sample: Kept) -> dict[str, Any]:
    """A sample for programs."""
    return {"name": name_of(call, sample), **sample.judged().record(), **call.facts.model_dump(exclude={"type"})}


def show(call: Call, sample: Kept, width: int) -> str:
    """A sample for reading."""
    told = ", ".join(settings(call.facts))
    return lay_out(sample.judged(), width, name=name_of(call, sample)) + f"  {click.style(printable(told), dim=True)}\n"


def settings(facts: Facts) -> Iterator[str]:
    """How a sample was made: its run, seed and time, and all that was asked for."""
    yield f"run {facts.run}" + (f" at {facts.checkpoint}" if facts.checkpoint else "")
    asked = {"seed": facts.seed, **facts.sampling, "prompt": facts.prompt or None, **facts.constraints}
    for name, value in asked.items():
        if value is not None:
            told = f"{value:g}" if isinstance(value, float) else "" if value is True else str(value)
            yield f"{name.replace('_', ' ')} {told}".rstrip()
    if facts.valid is False:
        yield "no grammar"
    yield facts.made.replace("T", " ").replace("+00:00", " UTC")


@click.command("samples")
@workspace_option
@click.option("--run", metavar="NAME", help="Of this run alone.")
@click.option("--type", "type_name", metavar="TYPE", help="Of this type alone.")
@click.option("--valid/--invalid", default=None, help="The valid ones, or the others, alone.")
@click.option("--grep", default="", metavar="TEXT", help="Those with this in their text.")
@click.option("--n", type=click.IntRange(1), show_default="all", help="How many at most.")
@click.option("--again", metavar="NAME", help="Make this sample again, as 12.3: the third of call 12.")
@json_option
@click.pass_context
def command(
    context: click.Context,
    workspace: Workspace,
    run: str | None,
    type_name: str | None,
    valid: bool | None,
    grep: str,
    n: int | None,
    again: str | None,
    as_json: bool,
) -> None:
    """Show all samples that phon generate has made in the workspace, the newest first.

    With --again, one of them is made again from its record: the exit code is 1 if it does not come out the same.

    Example: phon samples --valid --n 5
    """
    width = columns_of_terminal()
    if again is not None:
        call, sample = find(workspace.samples, again)
        from pipeline.again import Again, is_same

        maker = Again(workspace, call)
        made = maker.make(sample)
        same = is_same(sample, made)
        if as_json:
            told = {"name": again, **made.record(), "same": same, "differs": maker.differs}
            click.echo(json.dumps(told))
        else:
            click.echo(lay_out(made, width, name=again))
        verdict = "the same, byte for byte" if same else "not the same as it was"
        click.echo(f"{again}: {verdict}{f' ({maker.differs})' if maker.differs else ''}", err=True)
        if not same:
            context.exit(1)
        return
    if not workspace.samples.is_dir():
        raise PipelineError(f"no samples in {workspace.samples}", hint='"phon generate" keeps those that it makes')
    tally: Counter[str] = Counter()
    found = itertools.islice(browse(workspace.samples, Wanted(run, type_name, valid, grep), tally), n)
    if as_json:
        for call, sample in found:
            click.echo(json.dumps(as_record(call, sample)))
    else:
        os.environ.setdefault("LESS", LESS)
        click.echo_via_pager(
            (show(call, sample, width) + "\n" for call, sample in found),
            color=False if os.environ.get("NO_COLOR") else None,
        )
    if tally[DAMAGED]:
        click.echo(
            f"{tally[DAMAGED]} lines in {workspace.samples} are not as they were written, and left out", err=True
        )
