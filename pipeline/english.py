"""Samples in English, word by word, and as phones that can be said."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from phonetic.forms import read_phones
from phonetic.ipa import Ipa
from phonetic.scribe import DASH
from phonetic.written import Written
from pipeline.errors import PipelineError
from pipeline.spellings import read_counts
from train.notation import Notation
from train.workspace import Workspace


class English(NamedTuple):
    """A sample in English.

    Args:
        words: Each word, and where the one that it stands for starts in the sample.
    """

    text: str
    words: list[tuple[int, str]]


Spell = Callable[[str], English]
Phones = Callable[[str], str]


def spelling(notation: Notation, workspace: Workspace) -> Spell:
    """What spells samples of a notation, as the corpus of the workspace is spelled if there is one.

    Raises:
        PipelineError: the notation cannot be spelled.
        TrainError: the workspace's counts are damaged.
    """
    if not isinstance(notation, Written):
        require_spelling(notation, "--spell")
        return lambda text: English(spelled := notation.spell(text) or "", [(0, spelled)])
    from phonetic.spell import Speller  # slow to import: numpy

    speller = Speller(
        read_counts(workspace.text),
        stress=notation.stress,
        variant=notation.variant,
        lexicon=notation.options.get("lexicon"),
    )

    def spell(text: str) -> English:
        starts, phones = zip(*words(notation, text), strict=True) if text else ((), ())
        spelled = speller.spell([" ".join(phones)])[0] if phones else ""
        return English(spelled, list(zip(starts, spelled.split(" "), strict=True)) if phones else [])

    return spell


def saying(notation: Notation) -> Phones:
    """What turns samples of a notation into compact phones; what is no word of it is in braces, and not to be said.

    Raises:
        PipelineError: the notation can be neither said nor spelled.
    """
    if isinstance(notation, Written):
        return lambda text: " ".join(phones for _, phones in words(notation, text)) if text else ""
    require_spelling(notation, "--say")
    from phonetic.arpabet import Arpabet  # slow to import: numpy

    convert = Arpabet().convert
    return lambda text: convert([notation.spell(text) or ""])[0]


def require_spelling(notation: Notation, option: str) -> None:
    """Refuse a notation that tells nothing of how it is spelled."""
    if notation.spell("") is None:
        raise PipelineError(f"{notation.name} cannot be turned into English", hint=f"leave {option} out", exit_code=2)


def words(notation: Written, text: str) -> Iterator[tuple[int, str]]:
    """Each word of a sample: where it starts, and its compact phones; what is no word stands in braces, as it is."""
    at = 0
    for word in text.split(notation.gap):
        phones = notation.compact(word) if isinstance(notation, Ipa) else read_phones(word, notation.form)[0].line
        kept = "".join(mark for mark in word if not mark.isspace() and mark not in "{}")
        is_sound = phones and " " not in phones and not notation.problems(word)
        yield at, phones if is_sound else f"{{{kept}}}" if kept.strip(DASH) else DASH
        at += len(word) + len(notation.gap)
