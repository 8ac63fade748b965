"""Samples read: in English, aloud, with their surprisal, at several temperatures; and the options that ask for it."""

import contextlib
import functools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from pipeline.english import saying, spelling
from pipeline.errors import PipelineError
from pipeline.radio import radio
from pipeline.sampler import Judged
from train.notation import Notation
from train.workspace import Workspace

if TYPE_CHECKING:
    from train.draw import Sampling

F = TypeVar("F", bound=Callable[..., Any])
Read = Callable[[Iterable[Judged], float], Iterator[Judged]]  # samples and their temperature, to the same with more


@dataclass(frozen=True)
class Reading:
    """What a user may ask to be told of samples.

    Args:
        spell: In English.
        say: The folder of their WAVs.
        explain: How surprising each symbol is.
        strip: The temperatures at which the same samples are made.
    """

    spell: bool = False
    say: Path | None = None
    explain: bool = False
    strip: tuple[float, ...] = ()

    @contextlib.contextmanager
    def ready(self, notation: Notation, workspace: Workspace, total: int) -> Iterator[Read]:
        """What adds to each sample, as it comes, what is asked for. All it needs is looked for before the first.

        Args:
            total: Samples that there will be at each temperature.

        Raises:
            PipelineError: the notation cannot be spelled, or not be said.
            PhoneticError: there is no espeak-ng.
        """
        spell = spelling(notation, workspace) if self.spell else None
        phones = saying(notation) if self.say else None
        digits = max(2, len(str(total)))
        with radio(self.say) if self.say else contextlib.nullcontext() as say:

            def read(samples: Iterable[Judged], temperature: float) -> Iterator[Judged]:
                at = f"t{temperature:g}-" if self.strip else ""
                for sample in samples:
                    wav = None
                    if say and phones:
                        name = f"{at}{sample.index + 1:0{digits}}.wav"
                        wav = name if say(name, [*map(phones, sample.lines or [sample.text])]) else None
                    yield replace(sample, english=spell(sample.text) if spell else None, wav=wav)

            yield read

    def samplings(self, usual: "Sampling") -> list["Sampling"]:
        """The usual one at each of the temperatures, if there are any."""
        return [replace(usual, temperature=temperature) for temperature in self.strip] or [usual]


def reading_options(function: F) -> F:
    """The options of reading samples; the command gets `reading`, a Reading."""

    @functools.wraps(function)
    def command(*args: Any, spell: bool, say: Path | None, explain: bool, strip: str | None, **others: Any) -> None:
        if strip is not None and others.get("temperature") is not None:
            raise PipelineError("--strip and --temperature are both given", hint="pass one of them", exit_code=2)
        temperatures = read_temperatures(strip) if strip is not None else ()
        function(*args, reading=Reading(spell, say, explain, temperatures), **others)

    folder = click.Path(path_type=Path, file_okay=False)
    for option in (
        click.option("--strip", metavar="0.3,0.7,1.3", help="The same samples at each of these temperatures."),
        click.option("--explain", is_flag=True, help="Show how surprising the model finds each symbol."),
        click.option("--say", type=folder, metavar="DIR", help="Write a WAV of each there, and radio.wav of all."),
        click.option("--spell", is_flag=True, help="Show them in English too."),
    ):
        command = option(command)
    return command  # type: ignore[return-value]


def read_temperatures(text: str) -> tuple[float, ...]:
    """Temperatures with commas between them, each once.

    Raises:
        PipelineError: they are none.
    """
    try:
        return tuple(dict.fromkeys(float(part) for part in text.split(",")))
    except ValueError:
        raise PipelineError(
            f"--strip {text!r} is no list of temperatures", hint="as in 0.3,0.7,1.0,1.3", exit_code=2
        ) from None
