"""Constraints on the sound of samples as automata: syllables, metre, lines, rhyme, which words."""

from collections.abc import Iterable
from dataclasses import dataclass

from phonetic.format import TERMINALS
from phonetic.sounds import Sounds
from pipeline.automaton import (
    Automaton,
    Expression,
    Nfa,
    all_but,
    anyone,
    automaton,
    both,
    either,
    literal,
    one_byte,
    repeat,
    sequence,
)

MARKS = (*TERMINALS, '"', "(", ")")
ANY, STRESSED, UNSTRESSED = "?/u"  # syllables of a pattern
FITS = {ANY: ("", "0", "1", "2"), STRESSED: ("1", "2"), UNSTRESSED: ("", "0", "2")}  # a secondary stress is either
MOST_WORDS = 12  # of a line that neither metre nor syllables measure
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
        return sequence(gap, repeat(sequence(literal("-"), gap), 0, 1))

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

    def phones(self, phones: Iterable[str]) -> Expression:
        """Phones in this order, with whatever stress."""
        glue = repeat(anyone(filter(None, [*self.sounds.breaks, *self.sounds.marks.values(), self.sounds.apart])))
        parts = [part for phone in phones for part in (anyone(self.sounds.phones[phone].values()), glue)]
        return sequence(*parts[:-1])

    def words(self, words: Iterable[str]) -> Expression:
        """Any one of some written words, with punctuation around it."""
        return sequence(self.marks(), anyone(words), self.marks())

    def ends_in(self, tail: str, but: Iterable[str]) -> Automaton:
        """Texts whose last word ends in these phones, and is none of some written words."""
        rhyming = automaton(sequence(ANYTHING, self.phones(tail), self.marks()))
        itself = automaton(sequence(repeat(sequence(ANYTHING, literal(self.sounds.gap)), 0, 1), self.words(but)))
        return both(rhyming, all_but(itself))

    def only(self, words: Iterable[str]) -> Automaton:
        """Texts of these written words alone."""
        one = self.words(words)
        return automaton(sequence(one, repeat(sequence(self.gap(), one))))

    def without(self, words: Iterable[str]) -> Automaton:
        """Texts in which none of these written words stands."""
        gap = literal(self.sounds.gap)
        before, after = sequence(ANYTHING, gap), sequence(gap, ANYTHING)
        return all_but(automaton(sequence(repeat(before, 0, 1), self.words(words), repeat(after, 0, 1))))

    def sentence(self, most: int | None) -> Expression:
        """Words, so many at most, with a stop at the end and none before."""
        sounds = [said for ways in self.sounds.phones.values() for said in ways.values()]
        inside = [*sounds, *self.sounds.breaks, *self.sounds.marks.values(), self.sounds.apart]
        word = repeat(anyone(filter(None, inside)), 1)
        return sequence(repeat(sequence(word, self.gap()), 0, most and most - 1), word, anyone(TERMINALS))

    def line(self, pattern: str) -> Expression:
        """Words whose syllables make a pattern; a word of one syllable fits anywhere."""

        def add(nfa: Nfa, state: int) -> int:
            n = len(pattern)
            between = [state, *(nfa.state() for _ in pattern)]  # before a word, after so many syllables
            inside = [nfa.state() for _ in range(n + 1)]  # in a word of more than one syllable
            end = nfa.state()
            for at, kind in enumerate(pattern):
                one = self.between()(nfa, self.syllable(ANY)(nfa, between[at]))
                nfa.free[self.syllable(kind)(nfa, between[at])].append(inside[at + 1])
                another = self.syllable(kind)(nfa, inside[at])
                nfa.free[another].append(inside[at + 1])
                nfa.free[self.between()(nfa, another)].append(one)  # where the word may end
                nfa.free[self.gap()(nfa, one) if at + 1 < n else one].append(between[at + 1] if at + 1 < n else end)
            return end

        return add
