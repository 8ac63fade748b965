"""What samples must be, as one automaton: the notation's grammar, and what the user asks for besides."""

import hashlib
import json
import re
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields
from pathlib import Path

import numpy as np

from phonetic.lexicon import lexicon
from phonetic.own_words import compact_words
from phonetic.phones import has_vowel
from phonetic.rhymes import ending
from phonetic.sounds import Sounds
from pipeline.asked import NOTHING, Constraints
from pipeline.automaton import EVERYTHING, Automaton, all_of
from pipeline.errors import PipelineError
from pipeline.expression import Expression, automaton, chained, either, embedded
from pipeline.grammar import NotRegular, lark, regex
from pipeline.guide import Guide
from pipeline.parsed import Parsed, json_grammar, lark_grammar
from pipeline.verse import ANY, DASH, MOST_WORDS, STRESSED, UNSTRESSED, Writing
from pipeline.vocabulary import Vocabulary
from train.files import write_atomic
from train.notation import Notation, describe

VERSION = 2  # of what is kept on disk
PARTS = tuple(field.name for field in fields(Automaton))


class Constrained:
    """The automaton of a notation under constraints.

    Args:
        cache: A folder for what takes long to work out, if it may be written.

    Raises:
        PipelineError: the notation cannot do what is asked, or a constraint says nothing.
    """

    def __init__(
        self, notation: Notation, wanted: Constraints = NOTHING, *, grammar: bool = True, cache: Path | None = None
    ) -> None:
        self._notation = notation
        self._wanted = wanted
        self._cache = cache
        self._own = compact_words(getattr(notation, "options", {}).get("lexicon", {}))
        given = notation.grammar() if grammar else None
        parts = [self._kept("grammar", given, lambda: lark(given))] if given else []
        self._parsed: list[str] = []  # for llguidance
        if wanted.grammar:
            try:
                parts.append(automaton(lark(wanted.grammar)))
            except NotRegular as error:
                self._parsed.append(lark_grammar(wanted.grammar, str(error)))
        if wanted.json_schema:
            self._parsed.append(json_grammar(wanted.json_schema))
        if len(self._parsed) > 1:
            raise PipelineError("--grammar and --json-schema are both given", hint="pass one", exit_code=2)
        if wanted.regex:
            parts.append(automaton(regex(wanted.regex)))
        self._lines: list[Automaton] = []
        if wanted.sound:
            find = getattr(notation, "sounds", None)
            if find is None:
                raise PipelineError(
                    f"{notation.name} does not say how sounds are written",
                    hint="verse is for arpabet and ipa",
                    exit_code=2,
                )
            parts = self._of_sounds(Writing(find()), parts, parts[0] if given else None)
        self.is_free = not (parts or self._parsed)
        self._is_finite = bool(parts)
        self.automaton = all_of(parts) if parts else EVERYTHING
        if not self.automaton.ends.any():
            asked = ", ".join(wanted.asked()) or "the grammar"
            raise PipelineError(f"nothing is valid under {asked} together", hint="ask for less", exit_code=2)

    def __getstate__(self) -> dict[str, object]:
        """All but the notation: whoever reads it back has that too, and calls `belong`."""
        return {**self.__dict__, "_notation": None}

    def belong(self, notation: Notation) -> None:
        """Take the notation that this was made of."""
        self._notation = notation

    def guide(self, vocabulary: Vocabulary, prompt: str = "") -> Guide | Parsed | None:
        """What keeps samples that begin with a prompt to all of it; None if anything goes.

        Raises:
            PipelineError: nothing valid begins so.
        """
        beside = Guide(self.automaton, vocabulary, prompt) if self._is_finite else None
        return Parsed(self._parsed[0], vocabulary, prompt, beside) if self._parsed else beside

    def lines_of(self, text: str) -> list[str]:
        """A valid text, line by line."""
        if not self._lines:
            return [text]
        gap = self._notation.sounds().gap  # type: ignore[attr-defined]
        words, found = text.split(gap), []
        for number, line in enumerate(self._lines):
            n = next((n for n in range(1, len(words) + 1) if line.accepts(gap.join(words[:n]))), len(words))
            n += words[n : n + 1] == ["-"]
            n = len(words) if number + 1 == len(self._lines) else n
            found.append(gap.join(words[:n]))
            words = words[n:]
        return found

    def _of_sounds(self, writing: Writing, others: Sequence[Automaton], held: object) -> list[Automaton]:
        """All constraints, those on sounds too. Where there are lines, what holds of each is put into each."""
        wanted = self._wanted
        each = []
        if wanted.rhyme_with:
            each.append(self._rhyme(writing, wanted.rhyme_with))
        if wanted.avoid:
            each.append(writing.without(self._written(wanted.avoid)))
        if wanted.words_only:
            of = describe(self._notation), len(lexicon())
            each.append(
                self._kept("words", of, lambda: writing.only(self._lexicon() | self._written(tuple(self._own))))
            )
        patterns = list(self._each_line(writing))
        if not patterns:
            return [*others, *each]
        own = [one for one in others if one is held and writing.holds_of_lines(one)]
        # The words of a line are not counted too where each state stands for a place in the lexicon already.
        most = None if wanted.words_only else MOST_WORDS
        lines = {pattern: writing.line(pattern, most) for pattern in sorted(set(patterns))}
        made = {pattern: all_of([line, *each, *own]) for pattern, line in lines.items()}
        self._lines = [made[pattern] for pattern in patterns]
        if not all(line.ends.any() for line in self._lines):
            return self._lines
        whole = chained(self._lines, writing.sounds.gap, DASH)
        return [whole, *(one for one in others if one not in own)]

    def _each_line(self, writing: Writing) -> Iterator[str]:
        """The pattern of each; empty for a sentence."""
        wanted = self._wanted
        meter = check_meter(wanted.meter, writing.sounds) if wanted.meter else None
        if any(count < 1 for count in wanted.syllables):
            raise PipelineError("--syllables: a line has one or more", hint="as in 5,7,5", exit_code=2)
        patterns = [ANY * count for count in wanted.syllables]
        if wanted.lines is None and not patterns and meter is None:
            return
        n_lines = wanted.lines or len(patterns) or 1
        for number in range(n_lines):
            of = [patterns[number % len(patterns)]] if patterns else []
            of += [meter] if meter else []
            if len({len(pattern) for pattern in of}) > 1:
                raise PipelineError(
                    f"line {number + 1} cannot have {len(of[0])} syllables and a metre of {len(of[1])}",
                    hint="make them agree",
                    exit_code=2,
                )
            yield of[-1] if of else ""

    def _rhyme(self, writing: Writing, word: str) -> Automaton:
        said = self._pronounced(word)
        tails = {ending(one) for one in said if has_vowel(one)}
        if not tails:
            raise PipelineError(f"{word!r} is no word that could rhyme", hint="give one word", exit_code=2)
        itself = self._written((word,))
        return automaton(either(*(embedded(writing.ends_in(tail, itself)) for tail in sorted(tails))))

    def _pronounced(self, word: str) -> list[str]:
        """The compact pronunciations of a word, or of the last of several; the user's own is the only one."""
        from phonetic.arpabet import Arpabet

        if word.lower() in self._own:
            return [self._own[word.lower()]]
        guessed = Arpabet().convert([word])[0].split(" ")[-1:]
        return sorted({*lexicon().get(word.lower(), "").split(), *guessed} - {""})

    def _written(self, words: Sequence[str]) -> set[str]:
        """All that these words are written as, however they are pronounced."""
        write = self._notation.write  # type: ignore[attr-defined]
        return {write(said) for word in words for said in self._pronounced(word)}

    def _lexicon(self) -> set[str]:
        write = self._notation.write  # type: ignore[attr-defined]
        return {write(said) for entry in lexicon().values() for said in entry.split(" ")}

    def _kept(self, name: str, of: object, make: Callable[[], Expression | Automaton]) -> Automaton:
        """An automaton, from the cache if it was worked out before."""
        sha = hashlib.sha256(json.dumps([VERSION, of]).encode()).hexdigest()[:16]
        path = self._cache / f"{name}-{sha}.npz" if self._cache else None
        if path and path.is_file():
            try:
                with np.load(path) as arrays:
                    return Automaton(*(arrays[key] for key in PARTS))
            except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
                pass  # it is made again
        made = make()
        found = made if isinstance(made, Automaton) else automaton(made)
        if path:
            try:
                with write_atomic(path) as file:
                    np.savez_compressed(file, **{key: getattr(found, key) for key in PARTS})
            except OSError:
                pass  # a folder that may not be written
        return found


def check_meter(meter: str, sounds: Sounds) -> str:
    """A metre as a pattern of `u` and `/`.

    Raises:
        PipelineError: it is none, or the notation writes no stress.
    """
    pattern = re.sub(r"[\s|]", "", meter.replace("x", UNSTRESSED).replace("˘", UNSTRESSED))
    if not pattern or {*pattern} - {STRESSED, UNSTRESSED}:
        raise PipelineError(f"--meter {meter!r} is no metre", hint="u unstressed, / stressed: u/u/u/u/", exit_code=2)
    if not sounds.has_stress:
        raise PipelineError(
            "the model's notation writes no stress, so it has no metre", hint="pass --syllables", exit_code=2
        )
    return pattern
