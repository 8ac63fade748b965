"""Lark grammars of the notations made of phones."""

from collections.abc import Iterable

from phonetic.format import TERMINALS


def lark(
    vowels: Iterable[str],
    consonants: Iterable[str],
    silent: Iterable[str],
    *,
    apart: str = "",
    gap: str = '" "',
    stress: Iterable[str] = (),
    syllable: str = "",
    keep: bool = False,
    any_word: bool = False,
) -> str:
    """A Lark grammar of the valid samples of a notation.

    Args:
        vowels: As written, with their stress if it is part of them.
        consonants: As written.
        silent: The words without a vowel that there are, as written.
        apart: What parts two items of a word, quoted.
        gap: What parts two words, quoted.
        stress: Marks that stand before a stressed syllable.
        syllable: The mark between syllables, if they are marked.
        keep: Whether what cannot be said is kept.
        any_word: Whether any consonants make a word.
    """
    apart = f" {apart}" if apart else ""
    marks = [*stress]
    mark = "STRESS? " if marks else ""
    follows = f" (CONSONANT{apart})*"
    if syllable:
        parted = f"(BREAK{apart} | STRESS)" if marks else f"BREAK{apart}"
        one = f"{follows} VOWEL ({apart} CONSONANT)*"
        sounds = f"{mark}{one} ({apart} {parted}{one})*"
    elif marks:
        sounds = "(CONSONANT* STRESS? CONSONANT* VOWEL)+ CONSONANT*"
    else:
        sounds = f"{follows} VOWEL ({apart} (CONSONANT | VOWEL))*"
    return "\n".join(
        [
            f"start: (word ({gap} (dash)? word)*)?",
            f'dash: "-" {gap}',
            f"word: opening? {'(sounds | KEPT)' if keep else 'sounds'} closing",
            f"sounds: {sounds.strip()}",
            *(f"      | {either([word])}" for word in sorted(set(silent)) if not any_word),
            *([f"      | CONSONANT ({apart} CONSONANT)*"] if any_word else []),
            f"opening: QUOTE{apart} (OPEN{apart})? | OPEN{apart} (QUOTE{apart})?",
            f"closing: closers? ({apart} STOP closers?)?",
            f"closers: {apart} QUOTE ({apart} CLOSE)? | {apart} CLOSE ({apart} QUOTE)?",
            f"VOWEL: {either(vowels)}",
            f"CONSONANT: {either(consonants)}",
            *([f"STRESS: {either(marks)}"] if marks else []),
            *([f"BREAK: {either([syllable])}"] if syllable else []),
            *(["KEPT: /\\{[^\\s{}]+\\}/"] if keep else []),
            f"STOP: {either(TERMINALS)}",
            'QUOTE: "\\""',
            'OPEN: "("',
            'CLOSE: ")"',
            "",
        ]
    )


def either(symbols: Iterable[str]) -> str:
    """Any one of some symbols."""
    return " | ".join(f'"{symbol}"' for symbol in symbols)
