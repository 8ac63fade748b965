"""How well words are guessed that no model of ours has seen: `python scripts/measure_oov.py packages`.

The words are the held-out families of scripts/pronunciations.py, each lexicon's by itself. Beside ours, g2p-en's model
is measured on the same words where g2p-en is installed (it learnt from CMUdict, these words included), and espeak-ng
where espeakng-loader is. Of a word's pronunciations the nearest counts. misaki's second dictionary is left out: it
turned out to be espeak-ng's output.
"""

import importlib.util
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from time import process_time

import click

from phonetic import gru, oov
from phonetic.g2p import LONGEST, spell_out
from phonetic.phones import VOWEL_LETTERS, has_vowel, without_stress
from pipeline.likeness import edits
from scripts.espeak import Espeak
from scripts.pronunciations import cmudict, is_held_out, is_plain, misaki

Lexicon = dict[str, list[str]]
_PHONE = re.compile("[A-Za-z@][012]?")


def error(said: Sequence[str], wanted: Sequence[list[str]]) -> tuple[float, float]:
    """Shares of phones and of words that are wrong."""
    wrong, n_phones, n_words = 0, 0, 0
    for one, entry in zip(said, wanted, strict=True):
        phones = _PHONE.findall(one)
        counts = [(edits(phones, right), len(right)) for right in map(_PHONE.findall, entry)]
        best, length = min(counts, key=lambda count: count[0] / count[1])
        wrong, n_phones, n_words = wrong + best, n_phones + length, n_words + (best > 0)
    return wrong / n_phones, n_words / len(wanted)


def primaries(said: str) -> list[bool]:
    """For each vowel whether it has the primary stress."""
    return [phone[1:] == "1" for phone in _PHONE.findall(said) if phone[0] in VOWEL_LETTERS]


def held_out(packages: Path) -> dict[str, Lexicon]:
    """The sets of words to measure on, by name."""
    cmu, gold = cmudict(packages), misaki(packages)
    small = misaki(packages, names=False).keys()

    def chosen(lexicon: Lexicon, belongs: Callable[[str], bool]) -> Lexicon:
        return {
            word: said
            for word, said in sorted(lexicon.items())
            if is_plain(word) and is_held_out(word) and len(word) <= LONGEST and belongs(word)
            if has_vowel(said[0]) and without_stress(said[0]) != without_stress(spell_out(word))
        }

    return {
        "CMUdict": chosen(cmu, lambda word: True),
        "CMUdict, words misaki has in small letters": chosen(cmu, lambda word: word in small),
        "CMUdict, the rest: mostly names": chosen(cmu, lambda word: word not in small),
        "misaki gold, not in CMUdict": chosen(gold, lambda word: word not in cmu),
        "misaki gold, not in CMUdict, names": chosen(gold, lambda word: word not in cmu and word not in small),
    }


@click.command()
@click.argument("packages", type=click.Path(exists=True, path_type=Path))
def main(packages: Path) -> None:
    """Print phone and word error rates on the held-out words of the dictionaries in PACKAGES."""
    guessers: dict[str, Callable[[list[str]], list[str]]] = {"phon": oov.guesser().predict}
    if importlib.util.find_spec("g2p_en"):
        guessers["g2p-en"] = gru.guesser().predict
    if importlib.util.find_spec("espeakng_loader"):
        guessers["espeak-ng"] = Espeak().predict
    print(
        "| held-out words | n | by | PER, no stress | WER, no stress | PER | WER | primary stress right | us a word |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for name, entries in held_out(packages).items():
        plain = [[without_stress(one) for one in said] for said in entries.values()]
        for by, predict in guessers.items():
            started = process_time()
            said = predict(list(entries))
            us = (process_time() - started) / len(entries) * 1e6
            right = [
                any(primaries(one) == primaries(entry) for entry in wanted)
                for one, wanted in zip(said, entries.values(), strict=True)
            ]
            rates = (*error([without_stress(one) for one in said], plain), *error(said, list(entries.values())))
            shown = " | ".join(f"{rate:.1%}" for rate in (*rates, sum(right) / len(right)))
            print(f"| {name} | {len(entries):,} | {by} | {shown} | {us:.0f} |", flush=True)


if __name__ == "__main__":
    main()
