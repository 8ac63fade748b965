"""`phon syllables` and `phon rhymes`: questions about single words."""

import re
from typing import Any

import click

from phonetic.arpabet import Arpabet
from phonetic.lexicon import lexicon
from phonetic.phones import has_vowel
from phonetic.rhymes import rhymes
from pipeline import show
from pipeline.errors import PipelineError
from pipeline.notation import Choice, notation_options
from pipeline.options import json_option


def syllables_of(words: tuple[str, ...], chosen: Choice) -> list[dict[str, Any]]:
    """Each word with the number of its syllables and its phones, the syllables marked."""
    notation = Choice(chosen.to, {**chosen.options, "syllables": True}).build()
    counted = Arpabet(stress=False).convert(words)
    written = notation.convert(words)
    return [
        {"word": word, "syllables": sum(map(has_vowel, plain)), "phones": phones}
        for word, plain, phones in zip(words, counted, written, strict=True)
    ]


def rhymes_of(word: str) -> dict[int, list[str]]:
    """The lexicon's words that rhyme with a word, whichever way it is pronounced, by their number of syllables.

    Raises:
        PipelineError: it is no single word.
    """
    said = (lexicon().get(word.lower()) or Arpabet().convert([word])[0]).split(" ")
    if not re.fullmatch("[A-Za-z'-]+", word) or not all(map(has_vowel, said)):
        raise PipelineError(
            f"{word!r} is no word that could rhyme", hint="give one word: phon rhymes orange", exit_code=2
        )
    return rhymes(said)


@click.command("syllables")
@click.argument("words", nargs=-1, required=True, metavar="WORD...")
@notation_options
@json_option
def syllables_command(words: tuple[str, ...], chosen: Choice, as_json: bool) -> None:
    """Count the syllables of words, and show where they part.

    Example: phon syllables phonetic hamburger
    """
    rows = syllables_of(words, chosen)
    if as_json:
        show.as_json(rows)
        return
    width = max(len(word) for word in words) + 2
    for row in rows:
        click.echo(f"{row['word']:{width}}{row['syllables']}  {row['phones']}")


@click.command("rhymes")
@click.argument("word")
@json_option
def rhymes_command(word: str, as_json: bool) -> None:
    """List the words that rhyme with a word, the short ones first.

    Example: phon rhymes orange
    """
    found = rhymes_of(word)
    if as_json:
        show.as_json(found)
    elif not found:
        click.echo(f"nothing in the lexicon rhymes with {word}")
    else:
        rows = {f"{count} syllable{'s' * (count > 1)}": ", ".join(words) for count, words in found.items()}
        show.table(f"rhymes with {word}: {sum(map(len, found.values())):,}", rows)
