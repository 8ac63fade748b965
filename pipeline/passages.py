"""Units: where a text is cut into documents. Words are what white space separates; none is lost, moved or split."""

import re
from collections.abc import Iterable, Iterator
from itertools import accumulate, pairwise

LONGEST_PARAGRAPH = 1 << 20  # characters; a longer run of lines is cut, so that memory stays bounded

_CLOSERS = "\"'”’»)]*_"
_OPENERS = "\"'“‘«([*_—-"
_STOP = re.compile(r"""[.!?…]["'”’»)\]*_]{0,8}\s+(?=\S)""")
_ABBREVIATIONS = (
    " mr mrs ms dr prof st rev hon gen col maj capt cpt lt lieut sgt gov sen rep pres messrs mme mlle esq jr sr "
    "vs etc e.g i.e viz cf ca no nos vol vols ch chap p pp fig figs sec art ed eds op ft mt inc ltd co corp dept "
    "jan feb mar apr jun jul aug sep sept oct nov dec mon tue wed thu fri sat sun a.m p.m u.s u.k "
)


def pieces(lines: Iterable[str], unit: str, passage_words: int) -> Iterator[str]:
    """The documents of a text, by unit: line, paragraph, or passage (auto is the same: a short text is one passage)."""
    if unit == "line":
        return (line for line in lines if line and not line.isspace())
    if unit == "paragraph":
        return paragraphs(lines)
    return passages(paragraphs(lines), passage_words)


def paragraphs(lines: Iterable[str]) -> Iterator[str]:
    """Runs of lines between blank ones, each joined by `\\n`."""
    held: list[str] = []
    size = 0
    for line in lines:
        if line and not line.isspace():
            held.append(line)
            size += len(line)
            if size < LONGEST_PARAGRAPH:
                continue
        if held:
            yield "\n".join(held)
            held, size = [], 0
    if held:
        yield "\n".join(held)


def passages(paragraphs: Iterable[str], limit: int) -> Iterator[str]:
    """Whole paragraphs, as many as fit into `limit` words each; a longer paragraph is cut into near-equal parts."""
    held: list[str] = []
    held_words = 0
    for paragraph in paragraphs:
        for part in cut(paragraph, limit):
            words = len(part.split())
            if held and held_words + words > limit:
                yield "\n\n".join(held)
                held, held_words = [], 0
            held.append(part)
            held_words += words
    if held:
        yield "\n\n".join(held)


def cut(text: str, limit: int) -> list[str]:
    """A paragraph in parts of at most `limit` words, as near to equal as its joints allow.

    It is cut at line ends if the lines look like verse or list, else at sentence ends; a line or sentence that is too
    long by itself at sentence ends or between words.
    """
    if len(text) <= limit or len(text.split()) <= limit:
        return [text]
    ends = _line_ends(text) if _is_verse(text) else _sentence_ends(text)
    spans: list[tuple[int, int, int]] = []  # start, end, words
    for start, end in pairwise([0, *ends, len(text)]):
        spans += _short_spans(text, start, end, limit)
    return [text[start:end].strip() for start, end in _balanced(spans, limit)]


def _is_verse(text: str) -> bool:
    """Whether line ends mean something: most lines end in punctuation, or nearly all begin with a capital."""
    lines = [line.strip() for line in text.split("\n")]
    if len(lines) < 2:
        return False
    stopped = sum(line.rstrip(_CLOSERS)[-1:] in tuple(".,;:!?…—-") for line in lines)
    capital = sum(line.lstrip(_OPENERS)[:1].isupper() for line in lines)
    return stopped >= 0.6 * len(lines) or capital >= 0.8 * len(lines)


def _line_ends(text: str) -> list[int]:
    return [match.end() for match in re.finditer("\n", text)]


def _sentence_ends(text: str, start: int = 0, end: int | None = None) -> list[int]:
    """Where a sentence ends and another begins: `.`, `!` or `?`, then a word that does not begin in lower case.

    A title, an initial and the like end no sentence.
    """
    ends = []
    for stop in _STOP.finditer(text, start, len(text) if end is None else end):
        following = text[stop.end() : stop.end() + 9].lstrip(_OPENERS)[:1]
        before = text[max(start, stop.start() - 20) : stop.start()]  # no abbreviation is longer
        stem = "" if before[-1:].isspace() else (before.split() or [""])[-1].rstrip(".").lstrip(_OPENERS)
        is_initial = len(stem) == 1 and stem.isupper() and stem != "I"
        is_abbreviation = stop[0][0] == "." and (is_initial or f" {stem.lower()} " in _ABBREVIATIONS)
        if not following.islower() and not is_abbreviation:
            ends.append(stop.end())
    return ends


def _short_spans(text: str, start: int, end: int, limit: int) -> list[tuple[int, int, int]]:
    """The span itself if it has at most `limit` words, else its sentences, else near-equal runs of words."""
    words = len(text[start:end].split())
    if words <= limit:
        return [(start, end, words)] if words else []
    inner = _sentence_ends(text, start, end)
    if inner:
        return [span for a, b in pairwise([start, *inner, end]) for span in _short_spans(text, a, b, limit)]
    starts = [match.start() for match in re.compile(r"\S+").finditer(text, start, end)]
    parts = -(-words // limit)
    firsts = [words * part // parts for part in range(parts + 1)]
    edges = [starts[first] for first in firsts[:-1]] + [end]
    return [(edges[part], edges[part + 1], firsts[part + 1] - firsts[part]) for part in range(parts)]


def _balanced(spans: list[tuple[int, int, int]], limit: int) -> Iterator[tuple[int, int]]:
    """Neighbouring spans put together: each sum at most `limit` words and near the mean of what is left to share."""
    left = sum(words for _, _, words in spans)
    done = 0
    totals = [0, *accumulate(words for _, _, words in spans)]
    while done < len(spans):
        goal = left / -(-left // limit)
        last = done + 1
        while last < len(spans):
            with_next = totals[last + 1] - totals[done]
            without = totals[last] - totals[done]
            if with_next > limit or with_next - goal > goal - without:
                break
            last += 1
        yield spans[done][0], spans[last - 1][1]
        left -= totals[last] - totals[done]
        done = last
