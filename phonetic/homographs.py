"""One spelling, several pronunciations: which one stands here.

Four sources, in this order. Cues that leave no doubt, written by hand for some words: a lead pipe, minute details. A
rule by the class of the word before: a modal or a pronoun before means the verb, an article the noun. Cues for each
word (a neighbour, a word near by, a capital letter), the strongest that is present deciding, as in Yarowsky's
decision lists; scripts/build_homographs.py learns them. Else the usual pronunciation. Words in g2p-en's list that
have no cues have the rules alone.

Source: Yarowsky 1994, "Decision lists for lexical ambiguity resolution".
"""

import functools
import re
from collections.abc import Collection, Sequence
from itertools import takewhile
from pathlib import Path

from phonetic.lexicon import DATA, look_up
from phonetic.phones import words

CACHE = 1 << 16  # decisions kept
WINDOW = 5  # words on either side that cues may lie in
_CLASSES = {
    "D": "the a an this that these those my your his her its our their no some any each every another which whose",
    "P": "of in for with by from at on into about after before between through during under over without against as "
    "than via per upon within among",
    "T": "to",
    "M": "will would can could shall should may might must do does did don't doesn't didn't can't couldn't won't "
    "wouldn't shouldn't let let's i'll you'll he'll she'll we'll they'll i'd you'd he'd she'd we'd they'd cannot",
    "S": "i you we they he she it who",
    "B": "is are was were be been being am",
    "H": "has have had having",
    "A": "not never also always often only just even still well very more most less so too",
    "C": "and or but nor",
    "O": "him them me us himself themselves itself",
    "Q": "one two three four five six seven eight nine ten many several few all both",
}
CLASS_OF = {word: name for name, words in _CLASSES.items() for word in words.split()}
_CLEAR_DETERMINERS = frozenset(words("the a an my your his its our their every another whose"))
_SUBJECTS = frozenset(words("i we they you he she who"))
_WORD = re.compile(r"""["'(\[{]*(.*?)(["')\]}]*([,;:]|[.?!])?[^A-Za-z]*)""", re.DOTALL)


class Homograph:
    """One spelling and what is known of it.

    Attributes:
        usual: Its pronunciation where nothing decides.
        verb: Its pronunciation as a verb, if that is what divides the two.
        other: The other one of such a pair.
        common: Its pronunciation in small letters, when one reading is a name.
        known: Feature to pronunciation where nobody doubts it; before any rule.
        cues: Feature to pronunciation, the strongest first.
        has_near: Whether a word near by is among what is known.
    """

    def __init__(self, usual: str, verb: str = "", other: str = "", common: str = "") -> None:
        self.usual, self.verb, self.other, self.common = usual, verb, other, common
        self.known: dict[str, str] = {}
        self.cues: dict[str, str] = {}
        self.has_near = False

    @functools.cached_property
    def ranks(self) -> dict[str, int]:
        """Cue to its place among the cues."""
        return {cue: rank for rank, cue in enumerate(self.cues)}

    @functools.cached_property
    def first_near(self) -> int:
        """The place of the strongest cue that is a word near by; as many as there are cues if none is."""
        return next((rank for cue, rank in self.ranks.items() if cue[0] == "~"), len(self.cues))


@functools.lru_cache(maxsize=1 << 14)
def word_class(word: str) -> str:
    """A rough part of speech from the word alone: a letter."""
    if word in ("<", ">", ","):
        return word
    if word in CLASS_OF:
        return CLASS_OF[word]
    if word[:1].isdigit():
        return "Q"
    for ending, name in (("ly", "A"), ("ing", "G"), ("ed", "E"), ("'s", "D"), ("ss", "o"), ("s", "Z")):
        if word.endswith(ending):
            return name
    return "N" if word.endswith(("tion", "ment", "ness", "ity")) else "o"


def context(chunks: Sequence[str], i: int) -> tuple[list[str], list[str]]:
    """Lower-case words before and after `chunks[i]`; `<` and `>` where the sentence ends, `,` for a pause."""
    before = ["<"]
    for chunk in chunks[max(0, i - WINDOW) : i]:
        before += _words(chunk, "<")
    after = _words(chunks[i], ">")[1:]
    for chunk in chunks[i + 1 : i + 1 + WINDOW]:
        after += _words(chunk, ">")
    return before, [*after, ">"]


def beside(chunks: Sequence[str], i: int) -> tuple[list[str], list[str]]:
    """The same, but perhaps only the two words on either side."""
    if 1 < i < len(chunks) - 2:
        before = _words(chunks[i - 2], "<") + _words(chunks[i - 1], "<")
        after = _words(chunks[i], ">")[1:] + _words(chunks[i + 1], ">") + _words(chunks[i + 2], ">")
        if len(before) > 1 and len(after) > 1:
            return before, after
    return context(chunks, i)


@functools.lru_cache(maxsize=1 << 14)
def _words(chunk: str, end: str) -> list[str]:
    match = _WORD.fullmatch(chunk)
    if match is None:
        return []
    words = [match[1].lower()] if match[1] else []
    if match[3]:
        words.append("," if match[3] in ",;:" else end)
    return words


def features(word: str, before: Sequence[str], after: Sequence[str]) -> list[str]:
    """What cues can name of the words beside it: neighbours, pairs of them, their classes; and the word's capital."""
    p, n = before[-1], after[0]
    pp = before[-2] if len(before) > 1 else "<"
    nn = after[1] if len(after) > 1 else ">"
    cp, cn, cpp, cnn = map(word_class, (p, n, pp, nn))
    found = [f"-{p}", f"+{n}", f"-{pp} {p}", f"+{n} {nn}"]
    found += [f"c-{cp}", f"c+{cn}", f"c-{cpp}{cp}", f"c.{cp}{cn}", f"c={cpp}{cp}{cn}", f"c+{cn}{cnn}"]
    found.append("v" if not word[0].isupper() else "^" if p != "<" else "^<")
    return found


def features_nearby(before: Sequence[str], after: Sequence[str]) -> list[str]:
    """What cues can name besides: words near by."""
    return [f"~{word}" for word in sorted(_near(before, after)) if len(word) > 2 and word not in CLASS_OF]


def _near(before: Sequence[str], after: Sequence[str]) -> set[str]:
    """The words of the same sentence that stand near."""
    return {*takewhile("<".__ne__, reversed(before[-WINDOW:])), *takewhile(">".__ne__, after[:WINDOW])}


def known_cue(entry: Homograph, before: Sequence[str], after: Sequence[str]) -> str | None:
    """The cue that leaves no doubt, if one is there: a word near by before a neighbour."""
    if entry.has_near:
        for word in sorted(_near(before, after)):
            if f"~{word}" in entry.known:
                return f"~{word}"
    for cue in (f"-{before[-1]}", f"+{after[0]}", f"c-{word_class(before[-1])}"):
        if cue in entry.known:
            return cue
    return None


def by_rule(entry: Homograph, before: Sequence[str], after: Sequence[str]) -> str | None:
    """The verb or the other reading, where the words beside it leave no doubt."""
    if not entry.verb:
        return None
    p = before[-1]
    if p == "<" and word_class(after[0]) in "DO":
        return entry.verb  # an order: close the door
    if CLASS_OF.get(p) == "M" or p in _SUBJECTS or (p in ("not", "never") and not entry.cues):
        return entry.verb
    if p in _CLEAR_DETERMINERS or p.endswith("'s") or p == "of":
        return entry.other
    if entry.cues:
        return None  # they know better what follows
    if p == "to" or (word_class(after[0]) in "DO" and word_class(p) not in "DPB,"):
        return entry.verb
    return entry.other if word_class(p) in "DPQ" else None


class Homographs:
    """The homographs known, and the choice among a word's pronunciations."""

    def __init__(self) -> None:
        self._entries = _entries()
        self._by_neighbours: dict[tuple[str, ...], str] = {}

    @property
    def words(self) -> Collection[str]:
        """All that are known, in small letters."""
        return self._entries.keys()

    def __contains__(self, word: str) -> bool:
        return word in self._entries

    def choose(self, word: str, chunks: Sequence[str], i: int) -> str:
        """The pronunciation of `word`, as written in `chunks[i]`, where it stands."""
        return self.choose_within(word, chunks, i)[0]

    def choose_within(self, word: str, chunks: Sequence[str], i: int) -> tuple[str, int]:
        """The same, and how many chunks on either side may have decided it."""
        around = (chunks[i - 1] if i else "", word, *chunks[i : i + 2])
        said = self._by_neighbours.get(around)
        if said is not None:
            return said, 1
        said, how = self.decide(word, chunks, i)
        if how not in ("rule", "small letters") or not self._is_beside(word, chunks, i):
            return said, WINDOW
        if len(self._by_neighbours) > CACHE:
            self._by_neighbours.clear()
        self._by_neighbours[around] = said
        return said, 1

    def _is_beside(self, word: str, chunks: Sequence[str], i: int) -> bool:
        """Whether a rule for the word can have seen no further than the chunks on either side."""
        if word.lower() == "read" or self._entries[word.lower()].has_near:
            return False
        return all(_words(chunk, "<") for chunk in (*chunks[max(0, i - 1) : i], *chunks[i + 1 : i + 2]))

    def decide(self, word: str, chunks: Sequence[str], i: int) -> tuple[str, str]:
        """Like `choose`, and what decided: a rule, a cue, small letters, or that it is usual."""
        low = word.lower()
        before, after = beside(chunks, i)
        if low == "used":  # used to go, but: it is used to go; he got used to it is the first again
            supposed = after[0] == "to" and word_class(before[-1]) != "B"
            return "yu1st" if supposed else "yu1zd", "rule"
        if low == "read" and (tense := _read(context(chunks, i)[0])):
            return tense, "rule"
        entry = self._entries[low]
        if entry.common and word.islower():
            return entry.common, "small letters"
        if entry.has_near:
            before, after = context(chunks, i)
        if entry.known and (cue := known_cue(entry, before, after)):
            return entry.known[cue], f"cue {cue}"
        decided = by_rule(entry, before, after)
        if decided is not None:
            return decided, "rule"
        if entry.cues:
            ranks = entry.ranks
            present = [cue for cue in features(word, before, after) if cue in ranks]
            if min(map(ranks.__getitem__, present), default=len(ranks)) > entry.first_near:
                present += [cue for cue in features_nearby(*context(chunks, i)) if cue in ranks]
            if present:
                cue = min(present, key=ranks.__getitem__)
                return entry.cues[cue], f"cue {cue}"
        return entry.usual, "usual"

    def readings(self, word: str) -> list[str]:
        """All pronunciations that a homograph may be given here, the usual one first."""
        if word == "used":
            return ["yu1zd", "yu1st"]
        entry = self._entries[word]
        return list(
            dict.fromkeys(
                filter(
                    None,
                    [entry.usual, entry.verb, entry.other, entry.common, *entry.known.values(), *entry.cues.values()],
                )
            )
        )


def _read(before: Sequence[str]) -> str | None:
    """Present or past of "read", where the verb or the subject before it tells."""
    verb = next((word for word in reversed(before) if word_class(word) != "A"), "<")  # over always, never, not
    if word_class(verb) in "HB" or verb in ("he", "she", "it"):
        return "rE1d"
    return "ri1d" if verb == "to" or CLASS_OF.get(verb) == "M" else None


def read_readings(path: Path) -> dict[str, list[tuple[str, str, str]]]:
    """homographs.tsv: each word's readings with their kind and pronunciation, the commonest first."""
    found: dict[str, list[tuple[str, str, str]]] = {}
    for line in path.read_text(encoding="ascii").splitlines()[1:]:
        word, reading, kind, said = line.split("\t")
        found.setdefault(word, []).append((reading, kind, said))
    return found


@functools.cache
def _entries() -> dict[str, Homograph]:
    entries: dict[str, Homograph] = {"used": Homograph("yu1zd")}
    for line in (DATA / "verbs.tsv").read_text(encoding="ascii").splitlines()[1:]:
        word, verb, other = line.split("\t")
        usual = look_up(word)
        entries[word] = Homograph(usual if usual in (verb, other) else other, verb, other)
    said_as: dict[str, str] = {}
    for word, readings in read_readings(DATA / "homographs.tsv").items():
        kinds = {kind: said for _, kind, said in readings}
        common = next((said for _, kind, said in readings if kind != "name"), "") if "name" in kinds else ""
        entries[word] = Homograph(readings[0][2], kinds.get("verb", ""), kinds.get("other", ""), common)
        said_as.update({f"{word}\t{reading}": said for reading, _, said in readings})
    for line in (DATA / "cues.tsv").read_text(encoding="utf-8").splitlines()[1:]:
        word, reading, cue = line.split("\t")
        entries[word].cues[cue] = said_as[f"{word}\t{reading}"]
    for line in (DATA / "known_cues.tsv").read_text(encoding="ascii").splitlines()[1:]:
        word, said, cue = line.split("\t")
        entry = entries.setdefault(word, Homograph(look_up(word) or said))
        entry.known[cue] = said
        entry.has_near |= cue[0] == "~"
    return entries
