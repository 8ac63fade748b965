"""Markdown → the prose a person would read aloud: the words stay, the marks go.

What goes: front matter, fenced code, HTML tags and comments, link and image targets, footnote marks, thematic breaks,
table rules, and the marks of headings, quotes, lists, emphasis and inline code. A heading becomes its own paragraph.
Every pattern takes time linear in the line: a file may be one line.
"""

import html
import re
from collections.abc import Iterable, Iterator
from itertools import chain, islice

FRONT_MATTER_LINES = 200  # a `---` with no second one within so many lines is a thematic break

_FENCE = re.compile(r" {0,3}(`{3,}+(?!.*`)|~{3,})")
_DEFINITION = re.compile(r" {0,3}\[[^\]^][^\]]*\]:\s*\S")
_QUOTE_OR_ITEM = re.compile(r"\s*(?:>|(?:[*+-]|\d{1,3}[.)])(?=\s)|\[[ xX]\](?=\s))\s*")
_FOOTNOTE = re.compile(r"\[\^[^\[\]]*\]:?")
_LINK = re.compile(r"!?\[([^\[\]]*)\](?:\((?:[^()]++|\([^()]*\))*+\)|\[[^\[\]]*\])")
_TAG = re.compile(r"</?[a-zA-Z][^<>]*>")
_EMPHASIS = re.compile(r"(?<![\w\\])(?:[*_]{1,3}|~~)(?=\S)|(?<=[^\s\\])(?:[*_]{1,3}|~~)(?!\w)|`+")
_ESCAPE = re.compile(r"\\([!-/:-@\[-`{-~])")


def prose(lines: Iterable[str]) -> Iterator[str]:
    """The lines of a Markdown text without their marks."""
    fence = ""  # the mark that closes the code we are in
    in_comment = False
    for line in _after_front_matter(iter(lines)):
        opening = None if in_comment else _FENCE.match(line)
        if fence:
            if opening and opening[1].startswith(fence) and not line[opening.end() :].strip():
                fence = ""
            continue
        if opening:
            fence = opening[1]
            continue
        text, in_comment = _without_comments(line, in_comment)
        heading = _heading(text)
        if _is_rule(text):
            yield ""
        elif heading is not None:
            yield from ("", _inline(heading), "")
        elif not _DEFINITION.match(text):
            yield _inline(_without_marks(text))


def _after_front_matter(lines: Iterator[str]) -> Iterator[str]:
    start = list(islice(lines, 1))
    if start and start[0].rstrip() == "---":
        for line in islice(lines, FRONT_MATTER_LINES):
            start.append(line)
            if line.rstrip() in ("---", "..."):
                return lines
    return chain(start, lines)


def _without_comments(line: str, in_comment: bool) -> tuple[str, bool]:
    kept = []
    at = 0
    while at < len(line):
        mark = "-->" if in_comment else "<!--"
        found = line.find(mark, at)
        end = len(line) if found < 0 else found
        if not in_comment:
            kept.append(line[at:end])
        if found < 0:
            break
        in_comment = not in_comment
        at = end + len(mark)
    return "".join(kept), in_comment


def _is_rule(line: str) -> bool:
    """A thematic break, the underline of a heading, or the rule below a table's head."""
    marks = set(line) - {" ", "\t"}
    if marks in ({"="}, {"-"}):
        return True
    if marks in ({"*"}, {"_"}):
        return line.count(marks.pop()) >= 3
    return {"|", "-"} <= marks <= {"|", "-", ":"}


def _heading(line: str) -> str | None:
    """The text of a heading, None for another line."""
    bare = line.strip()
    text = bare.lstrip("#")
    if not 1 <= len(bare) - len(text) <= 6 or (text and not text[0].isspace()):
        return None
    without_closing = text.rstrip("#")
    return (without_closing if without_closing[-1:].isspace() else text).strip()


def _without_marks(line: str) -> str:
    at = 0
    while mark := _QUOTE_OR_ITEM.match(line, at):
        at = mark.end()
    return line[at:]


def _inline(text: str) -> str:
    text = _TAG.sub("", _LINK.sub(r"\1", _FOOTNOTE.sub("", text)))
    if text.lstrip().startswith("|"):
        text = text.replace("|", " ")
    text = _ESCAPE.sub(r"\1", _EMPHASIS.sub("", text))
    return html.unescape(text) if "&" in text else text
