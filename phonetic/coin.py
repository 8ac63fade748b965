"""Spellings for words nobody has written yet, so that whoever reads them aloud says the same phones.

Candidates come from letters.py; the engine reads each, and the first that it reads right is taken. Where none is, the
nearest are changed a unit at a time, as long as that brings the reading nearer.
"""

import heapq
import re
from collections.abc import Callable, Iterable, Mapping, Sequence

from phonetic.g2p import LETTERS
from phonetic.letters import Letters, Spelling, letters, phones_of
from phonetic.phones import without_stress

Say = Callable[[Sequence[str]], Sequence[str]]  # words to the phones that are to be matched
Find = Callable[[str], Iterable[str]]  # phones to the words that have them
Tried = tuple[float, Spelling, str]  # how far from right a spelling is read, and how it is read
STAGES = ((4, 6), (24, 16))  # candidates of the model that are tried, and how widely they are searched for
ROUNDS = 8  # of changing the nearest, at most
PATIENCE = 2  # rounds that may bring nothing nearer
NEAREST = 3  # that are changed
TRIED = 40  # changes of a word in a round
SHORTEST = 2  # phones of a word among others in one
_STRESS = 0.4  # of a wrong phone, if only its stress is wrong
_NAMES = sorted((without_stress(said), letter) for letter, said in LETTERS.items())
_ENDINGS: tuple[tuple[str, str], ...]
_ENDINGS = (("z", "s"), ("s", "s"), ("I0z", "es"), ("I0z", "s"), ("A0z", "es"), ("z", "'s"), ("s", "'s"), ("I0z", "'s"))
_ENDINGS += (("I0d", "ed"), ("A0d", "ed"), ("d", "ed"), ("t", "ed"), ("I0G", "ing"), ("I0Gz", "ings"), ("li0", "ly"))
_ENDINGS += (("R0", "er"), ("R0z", "ers"), ("A0st", "est"), ("nA0s", "ness"), ("lA0s", "less"), ("A0bA0l", "able"))


def coin(
    pronunciations: Iterable[str], say: Say, find: Find = lambda phones: (), model: Letters | None = None
) -> dict[str, tuple[str, bool]]:
    """A spelling for each compact pronunciation, and whether it is read back as just that.

    Args:
        pronunciations: As `say` gives them: with stress or without.
        say: Reads words aloud.
        find: Knows words that new ones may be made of.
        model: What proposes spellings; the one that is built in unless given.
    """
    model = model or letters()
    wanted = list(dict.fromkeys(pronunciations))
    found: dict[str, tuple[str, bool]] = {}
    pools: dict[str, dict[str, Tried]] = {phones: {} for phones in wanted}

    def listen(candidates: Mapping[str, Iterable[Spelling]]) -> None:
        """Have candidates read, and take the likeliest that are read right."""
        words = sorted({one.letters for row in candidates.values() for one in row})
        heard = dict(zip(words, say(words), strict=True))
        for phones, row in candidates.items():
            right = [one for one in row if heard[one.letters] == phones]
            if right:
                found[phones] = min(right).letters, True
            else:
                for one in row:
                    read = heard[one.letters]
                    pools[phones][one.letters] = distance(read, phones), one, read

    def missing() -> list[str]:
        return [phones for phones in wanted if phones not in found]

    listen({phones: [*spelled_out(phones), *from_words(phones, find)] for phones in wanted})
    for most, beam in STAGES:
        listen({phones: model.spellings(phones, most, beam) for phones in missing()})
    near: dict[str, tuple[float, int]] = {}  # how near the nearest is, and for how many rounds it has been
    for _ in range(ROUNDS):
        changed = {}
        for phones in missing():
            pool = pools[phones]
            nearest = heapq.nsmallest(NEAREST, [tried for tried in pool.values() if tried[1].units])
            least, since = near.get(phones, (0.0, 0))
            now = nearest[0][0] if nearest else 0.0
            near[phones] = now, since + 1 if now == least else 0
            if near[phones][1] < PATIENCE:
                others = {
                    other.letters: other
                    for _, one, read in nearest
                    for other in model.others(one, *difference(read, phones))
                }
                changed[phones] = heapq.nsmallest(TRIED, [one for name, one in others.items() if name not in pool])
        listen(changed)
    for phones in missing():
        nearest = heapq.nsmallest(1, pools[phones].values())
        found[phones] = (nearest[0][1].letters if nearest else "".join(re.findall("[a-z]", phones.lower())), False)
    return found


def spelled_out(phones: str, most: int = 4) -> list[Spelling]:
    """The capitals whose names a pronunciation is, if it is two names or more; or several of them: TVs."""
    paths = [("", without_stress(phones))]
    done = []
    while paths:
        before, rest = paths.pop()
        if rest in ("", "z") and len(before) > 1:
            done.append(Spelling(-2.0, before.upper() + rest.replace("z", "s"), ()))
        paths += [(before + letter, rest[len(name) :]) for name, letter in _NAMES if rest.startswith(name)]
    return sorted(done)[:most]


def from_words(phones: str, find: Find) -> list[Spelling]:
    """Spellings as a regular form of a known word, or as two known words in one."""
    made = []
    for ending, letters_of_it in _ENDINGS:
        if phones.endswith(ending):
            for stem in find(phones[: -len(ending)]):
                made += [stem + letters_of_it]
                if letters_of_it[0] == "e" or letters_of_it[0] in "ai":
                    made += [stem.removesuffix("e") + letters_of_it, stem + stem[-1] + letters_of_it]
                if stem[-1] == "y":
                    made += [stem[:-1] + "i" + letters_of_it]
    cuts = [match.start() for match in re.finditer("[A-Za-z@]", phones)][SHORTEST : 1 - SHORTEST]
    for cut in cuts:
        for second in find(phones[cut:].replace("2", "1")):
            made += [first + second for first in find(phones[:cut])]
    # A plural is commoner than a possessive.
    return [Spelling(-0.5 if "'" in word else -1.0, word, ()) for word in dict.fromkeys(made)]


def difference(one: str, other: str) -> tuple[int, int]:
    """The first and the last phone of the second that are not as in the first."""
    first, second = phones_of(one), phones_of(other)
    same = 0
    while same < min(len(first), len(second)) and first[same] == second[same]:
        same += 1
    after = 0
    while after < min(len(first), len(second)) - same and first[-1 - after] == second[-1 - after]:
        after += 1
    return same, max(same, len(second) - after - 1)


def distance(one: str, other: str) -> float:
    """How far two pronunciations are apart, in phones; a wrong stress is less than a wrong phone."""
    first, second = phones_of(one), phones_of(other)
    row = [float(at) for at in range(len(second) + 1)]
    for i, phone in enumerate(first, 1):
        diagonal, row[0] = row[0], float(i)
        for j, beside in enumerate(second, 1):
            change = 0.0 if phone == beside else _STRESS if phone[0] == beside[0] else 1.0
            diagonal, row[j] = row[j], min(diagonal + change, row[j] + 1, row[j - 1] + 1)
    return row[-1]
