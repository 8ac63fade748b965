"""`phon spell`: phones back to English, a line in, a line out."""

import functools
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from phonetic.forms import COMPACT, IPA, SPACED, Phones, read_phones
from phonetic.own_words import read_words
from phonetic.variants import MERGERS
from pipeline.errors import PipelineError
from pipeline.lots import gather
from pipeline.options import workspace_option
from pipeline.prepare import read_manifest
from pipeline.pronounce import BATCH, open_text, read_lines, weight
from pipeline.spellings import read_counts
from train.workspace import Workspace

if TYPE_CHECKING:
    from phonetic.spell import Speller

MARK = "*"  # around words that nobody has written before
EXCERPT = 20  # characters shown of what is wrong
Spellers = Callable[[bool], "Speller"]  # whether the phones bear stress


def spellers(
    workspace: Workspace | None,
    variant: Sequence[str] = (),
    lexicon: Mapping[str, str] | None = None,
    reduced: bool = False,
) -> Spellers:
    """What spells phones with stress, and without: as the corpus of a workspace is spelled, if there is one.

    Args:
        workspace: Whose data/text to learn from; its mergers and its lexicon are those of the phones too.
        variant: The mergers of the phones; with none given, the workspace's.
        lexicon: The user's own words; with none given, the workspace's.
        reduced: Whether small words are as inside a phrase; if not, as in the workspace.

    Raises:
        TrainError: the workspace's counts are damaged.
    """
    counts = None
    options: Mapping[str, Any] = {}
    if workspace is not None:
        counts, made = read_counts(workspace.text), read_manifest(workspace.text)
        options = made.options["notation"]["options"] if made else {}

    @functools.cache
    def make(stress: bool) -> "Speller":
        from phonetic.spell import Speller  # slow to import

        return Speller(
            counts,
            stress=stress,
            variant=variant or options.get("variant", ()),
            lexicon=options.get("lexicon") if lexicon is None else lexicon,
            reduced=reduced or options.get("reduced", False),
        )

    return make


def spell(
    lines: Iterable[str], make: Spellers, *, form: str = "", mark: str = "", name: str = "input", at_once: int = BATCH
) -> Iterator[str]:
    """Each line of phones in English, as many lines as came in.

    Args:
        lines: Phones, spelled as they come.
        make: What spells them.
        form: What they are written in; told from each line if not given.
        mark: What to put around words that nobody has written before.
        name: What to call the input in errors.
        at_once: Characters of lines to gather before spelling; 1 answers each line at once.

    Raises:
        PipelineError: a line is not phones; says which, and where it breaks.
    """
    for batch in gather(enumerate(lines, 1), lambda numbered: weight(numbered[1]), at_once):
        read = [_read(line, form, f"{name}, line {number}") for number, line in batch]
        spelled: dict[int, str] = {}
        for stress in (True, False):
            rows = [row for row, phones in enumerate(read) if phones.stress == stress]
            if rows:
                spelled |= zip(rows, make(stress).spell([read[row].line for row in rows], mark), strict=True)
        yield from (spelled[row] for row in range(len(read)))


def _read(line: str, form: str, place: str) -> Phones:
    phones, problems = read_phones(line, form)
    for start, end, reason in problems:
        excerpt = line[start:end] if end - start <= EXCERPT else line[start : start + EXCERPT] + "..."
        raise PipelineError(
            f"{place}, column {start + 1}: {excerpt!r}: {reason}",
            hint="phon spell reads what phon pronounce writes; phon check shows all that is wrong",
        )
    return phones


@click.command("spell")
@click.argument("files", nargs=-1, metavar="[FILE]...")
@click.option(
    "--form",
    type=click.Choice([COMPACT, SPACED, IPA]),
    help="What the phones are written in; told from each line unless given.",
)
@click.option("--mark", is_flag=True, help="Put stars around words that no lexicon and no text has.")
@click.option(
    "--variant",
    multiple=True,
    type=click.Choice(list(MERGERS)),
    help="A merger the phones were written with; by default those of the workspace's data.",
)
@click.option(
    "--reduced", is_flag=True, help="The phones were written with --reduced; by default as the workspace's data."
)
@click.option("--lexicon", type=click.Path(path_type=Path), metavar="FILE", help="Your own words and their ARPAbet.")
@workspace_option
def command(
    files: tuple[str, ...],
    form: str | None,
    mark: bool,
    variant: tuple[str, ...],
    reduced: bool,
    lexicon: Path | None,
    workspace: Workspace,
) -> None:
    """Turn lines of phones back into English: a line in, a line out. Reads FILEs or standard input.

    Words that sound alike are told apart by what the workspace's prepared corpus writes; without one, by what is built
    in. Words that nobody has written are spelled by their sound.

    Example: echo "phonetic English" | phon pronounce | phon spell
    """
    make = spellers(workspace, variant, read_words(lexicon) if lexicon else None, reduced)
    for file in files or ("-",):
        with open_text(file) as stream:
            at_once = 1 if stream.isatty() or sys.stdout.isatty() else BATCH
            name = "standard input" if file == "-" else file
            lines = read_lines(stream, name)
            for line in spell(lines, make, form=form or "", mark=MARK if mark else "", name=name, at_once=at_once):
                click.echo(line)
