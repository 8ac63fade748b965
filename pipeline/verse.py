"""Constraints on the sound of samples as automata: syllables, metre, lines, rhyme, which words."""

from collections.abc import Iterable
from dataclasses import dataclass

from phonetic.format import TERMINALS
from phonetic.sounds import Sounds
from pipeline.automaton import Automaton, all_but, both
from pipeline.expression import (
    Expression,
    Nfa,
    anyone,
    automaton,
    either,
    embedded,
    literal,
    one_byte,
    repeat,
    respelled,
    separated,
    sequence,
)

MARKS = (*TERMINALS, '"', "(", ")")
ANY, STRESSED, UNSTRESSED = "?/u"  # syllables of a pattern
FITS = {ANY: ("", "0", "1", "2"), STRESSED: ("1", "2"), UNSTRESSED: ("", "0", "2")}  # a secondary stress is either
MOST_WORDS = 12  # of a line that neither metre nor syllables measure
DASH = "-"
PLACEHOLDER = "\x01"  # for a vowel while an automaton is made
ANYTHING = repeat(one_byte(frozenset(range(256))))


@dataclass(frozen=True)
class Writing:
    """Expressions of what a notation writes.

    What they allow too much, as punctuation where none may stand, the notation's own grammar takes away.
    """

    sounds: Sounds

    def between(self) -> Expression:
        """What may stand beside vowels in a word of a line: consonants, stops, breaks."""
        consonants = [self.sounds.phones[one][""] for one in self.sounds.phones if one not in self.sounds.vowels]
        return repeat(anyone(filter(None, [*consonants, *TERMINALS, *self.sounds.breaks, self.sounds.apart])))

    def marks(self) -> Expression:
        """Punctuation around a word."""
        return repeat(anyone(filter(None, [*MARKS, self.sounds.apart])))

    def gap(self) -> Expression:
        """From one word to the next, perhaps by a dash."""
        gap = literal(self.sounds.gap)
        return sequence(gap, repeat(sequence(literal(DASH), gap), 0, 1))

    def syllable(self, kind: str) -> Expression:
        """A vowel whose stress fits a place of a pattern, and what stands before it."""
        between = self.between()
        vowels = [self.sounds.phones[vowel] for vowel in self.sounds.vowels]
        if not self.sounds.marks:
            fits = [said for ways in vowels for digit, said in ways.items() if digit in FITS[kind]]
            return sequence(between, anyone(fits))
        vowel = anyone([said for ways in vowels for said in ways.values()])
        choices = [sequence(literal(mark), between, vowel) for d, mark in self.sounds.marks.items() if d in FITS[kind]]
        return sequence(between, either(*choices, *([vowel] if "" in FITS[kind] else [])))

    def tail(self, phones: str) -> Expression:
        """The end of a word from its stressed vowel on: these phones, of which the first alone has the main stress."""
        marks = self.sounds.marks
        unstressed = [mark for digit, mark in marks.items() if digit != "1"]
        glue = repeat(anyone(filter(None, [*self.sounds.breaks, *unstressed, self.sounds.apart])))
        first, *others = (self.sounds.phones[phone] for phone in phones)
        parts = [anyone([first.get("1", first.get("", ""))])]
        for ways in others:
            parts += [glue, anyone([said for digit, said in ways.items() if digit != "1"])]
        if not marks:
            return sequence(*parts)
        consonants = [self.sounds.phones[one][""] for one in self.sounds.phones if one not in self.sounds.vowels]
        return sequence(literal(marks["1"]), repeat(anyone(consonants)), *parts)

    def words(self, words: Iterable[str]) -> Expression:
        """Any one of some written words, with punctuation around it."""
        return sequence(self.marks(), anyone(words), self.marks())

    def ends_in(self, tail: str, but: Iterable[str]) -> Automaton:
        """Texts whose last word ends in these phones, and is none of some written words."""
        rhyming = automaton(sequence(ANYTHING, self.tail(tail), self.marks()))
        itself = automaton(sequence(repeat(sequence(ANYTHING, literal(self.sounds.gap)), 0, 1), self.words(but)))
        return both(rhyming, all_but(itself))

    def only(self, words: Iterable[str]) -> Automaton:
        """Texts of these written words alone."""
        return automaton(separated(self.words(words), self.gap()))

    def without(self, words: Iterable[str]) -> Automaton:
        """Texts in which none of these written words stands."""
        gap = literal(self.sounds.gap)
        before, after = sequence(ANYTHING, gap), sequence(gap, ANYTHING)
        return all_but(automaton(sequence(repeat(before, 0, 1), self.words(words), repeat(after, 0, 1))))

    def sentence(self, most: int | None) -> Expression:
        """Words, so many at most, with a stop at the end and none before."""
        sounds = [said for ways in self.sounds.phones.values() for said in ways.values()]
        piece = repeat(anyone(filter(None, [*sounds, *self.sounds.marks.values(), self.sounds.apart])), 1)
        word = separated(piece, anyone(self.sounds.breaks))  # what is written as a break may be a stop where it ends
        return sequence(repeat(sequence(word, self.gap()), 0, most and most - 1), word, anyone(TERMINALS))

    def holds_of_lines(self, given: Automaton) -> bool:
        """Whether texts that are valid for it are so one after the other too, as lines are."""
        words = both(given, all_but(automaton(sequence())))
        several = automaton(separated(embedded(words), self.gap()))
        return len(several.ends) == len(words.ends) and len(both(several, words).ends) == len(words.ends)

    def line(self, pattern: str, most: int | None = MOST_WORDS) -> Automaton:
        """Words whose syllables make a pattern; a word of one syllable fits anywhere.

        Of an empty pattern, a sentence of so many words at most.
        """
        if not pattern:
            return automaton(self.sentence(most))
        said = {way for vowel in self.sounds.vowels for way in self.sounds.phones[vowel].values()}
        double = sorted({a + b for a in said for b in said} & said)  # such as a diphthong: no two syllables
        if not double:
            return automaton(self._line(pattern))
        (one,) = double
        phones = {
            letter: {digit: PLACEHOLDER if way == one else way for digit, way in ways.items()}
            for letter, ways in self.sounds.phones.items()
        }
        line = automaton(Writing(self.sounds._replace(phones=phones))._line(pattern))
        without = all_but(automaton(sequence(ANYTHING, literal(one), ANYTHING)))
        return automaton(respelled(both(line, without), ord(PLACEHOLDER), one))

    def _line(self, pattern: str) -> Expression:

        def add(nfa: Nfa, state: int) -> int:
            n = len(pattern)
            between = [state, *(nfa.state() for _ in pattern)]  # before a word, after so many syllables
            inside = [nfa.state() for _ in range(n + 1)]  # in a word of more than one syllable
            end = nfa.state()
            for at, kind in enumerate(pattern):
                one = self.between()(nfa, self.syllable(ANY)(nfa, between[at]))
                nfa.skip(self.syllable(kind)(nfa, between[at]), inside[at + 1])
                another = self.syllable(kind)(nfa, inside[at])
                nfa.skip(another, inside[at + 1])
                nfa.skip(self.between()(nfa, another), one)  # where the word may end
                if at + 1 < n:
                    nfa.skip(self.gap()(nfa, one), between[at + 1])
                else:
                    nfa.skip(one, end)
            return end

        return add
