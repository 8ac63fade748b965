"""Grammars in Lark's notation, and regular expressions, as expressions of an automaton."""

import functools
import re
from collections.abc import Callable
from re import _constants as sre  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

from pipeline.errors import PipelineError
from pipeline.expression import Expression, either, literal, one_character, repeat, sequence

LAST = 0x10FFFF  # code point
_TOKEN = re.compile(
    r"""\s*(?:
    (?P<name>[!?]*_*[A-Za-z][A-Za-z0-9_]*) | (?P<string>"(?:\\.|[^"\\])*"i?) | (?P<regex>/(?!/)(?:\\.|[^/\\])+/[imsux]*)
    | (?P<number>\d+) | (?P<sign>->|\.\.|[|()\[\]?*+~:]) | (?P<other>\S)
    )""",
    re.VERBOSE,
)
_COMMENT = re.compile(r"(?:^|\s)//[^\n]*")
_RULE = re.compile(r"^[!?]*([A-Za-z_][A-Za-z0-9_]*)(?:\.-?\d+)?\s*:(?!:)", re.MULTILINE)
_CLASSES = {
    "CATEGORY_DIGIT": r"\d",
    "CATEGORY_NOT_DIGIT": r"\D",
    "CATEGORY_SPACE": r"\s",
    "CATEGORY_NOT_SPACE": r"\S",
    "CATEGORY_WORD": r"\w",
    "CATEGORY_NOT_WORD": r"\W",
}


class NotRegular(PipelineError):
    """A grammar that no finite automaton is enough for, or that is written in a way we do not read."""


def lark(grammar: str, start: str = "start") -> Expression:
    """The texts of a Lark grammar whose rules do not contain themselves.

    Raises:
        NotRegular: they do, or directives, templates or unknown signs stand in it.
        PipelineError: it is no grammar.
    """
    rules = {}
    text = _COMMENT.sub("", grammar)
    begins = list(_RULE.finditer(text))
    if text[: begins[0].start() if begins else len(text)].strip() or re.search(r"^%", text, re.MULTILINE):
        raise NotRegular("the grammar has directives or lines that are no rules", hint="write rules alone")
    for at, match in enumerate(begins):
        end = begins[at + 1].start() if at + 1 < len(begins) else len(text)
        rules[match[1]] = text[match.end() : end]
    if start not in rules:
        raise PipelineError(f"the grammar has no rule {start!r}", hint="name the one to begin with so")
    return Rules(rules).expression(start, ())


class Rules:
    """Rules by name, each read when it is asked for.

    Args:
        rules: Name to what stands after the colon.
    """

    def __init__(self, rules: dict[str, str]) -> None:
        self._rules = rules
        self._read: dict[str, Expression] = {}

    def expression(self, name: str, within: tuple[str, ...]) -> Expression:
        """What a rule stands for."""
        if name in within:
            raise NotRegular(f"rule {name!r} contains itself", hint="only rules that do not make a finite automaton")
        if name not in self._rules:
            raise PipelineError(f"the grammar has no rule {name!r}", hint=f"there are: {', '.join(self._rules)}")
        if name not in self._read:
            tokens = [match for match in _TOKEN.finditer(self._rules[name]) if match.lastgroup]
            reader = Reader(tokens, lambda other: self.expression(other, (*within, name)), name)
            self._read[name] = reader.choices()
            reader.finish()
        return self._read[name]


class Reader:
    """Reads the body of a rule.

    Args:
        find: What another rule stands for.
        rule: For messages.
    """

    def __init__(self, tokens: list[re.Match[str]], find: Callable[[str], Expression], rule: str) -> None:
        self._tokens = tokens
        self._at = 0
        self._find = find
        self._rule = rule

    def _next(self) -> str:
        return self._tokens[self._at][0].strip() if self._at < len(self._tokens) else ""

    def _take(self, *wanted: str) -> str:
        found = self._next()
        if found and (not wanted or found in wanted):
            self._at += 1
            return found
        return ""

    def finish(self) -> None:
        """Refuse what is left over."""
        if self._next():
            raise NotRegular(f"rule {self._rule!r}: {self._next()!r} is not read here", hint="see docs/generation.md")

    def choices(self) -> Expression:
        """Sequences with `|` between them."""
        found = [self._sequence()]
        while self._take("|"):
            found.append(self._sequence())
        return found[0] if len(found) == 1 else either(*found)

    def _sequence(self) -> Expression:
        parts = []
        while self._next() and self._next() not in ("|", ")", "]", "->"):
            parts.append(self._item())
        if self._take("->"):
            self._take()  # a name for the tree, which there is none of
        return sequence(*parts)

    def _item(self) -> Expression:
        part = self._atom()
        while sign := self._take("?", "*", "+", "~"):
            if sign == "~":
                least = most = self._number()
                if self._take(".."):
                    most = self._number()
                part = repeat(part, least, most)
            else:
                part = repeat(part, *{"?": (0, 1), "*": (0, None), "+": (1, None)}[sign])
        return part

    def _number(self) -> int:
        found = self._take()
        if not found.isdigit():
            raise PipelineError(f"rule {self._rule!r}: {found!r} is no number of times", hint='as in "a"~2..4')
        return int(found)

    def _atom(self) -> Expression:
        match = self._tokens[self._at]
        text = self._take()
        if text in ("(", "["):
            part = self.choices()
            if not self._take(")" if text == "(" else "]"):
                raise PipelineError(f"rule {self._rule!r}: {text!r} is not closed", hint="close it")
            return part if text == "(" else repeat(part, 0, 1)
        if match["name"]:
            return self._find(text.lstrip("!?"))
        if match["regex"]:
            body, _, flags = text[1:].rpartition("/")
            return regex(body, flags)
        if match["string"]:
            plain, flags = (text[1:-2], "i") if text.endswith("i") else (text[1:-1], "")
            said = unescaped(plain)
            if self._take(".."):
                last = unescaped(self._take()[1:-1])
                return one_character([(ord(said), ord(last))])
            return regex(re.escape(said), flags) if flags else literal(said)
        raise NotRegular(f"rule {self._rule!r}: {text!r} is not read here", hint="see docs/generation.md")


def unescaped(text: str) -> str:
    """What stands between the quotes of a Lark string."""
    return re.sub(
        r"\\(u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|.)",
        lambda match: (
            {"n": "\n", "t": "\t", "r": "\r", "f": "\f"}.get(match[1])
            or (chr(int(match[1][1:], 16)) if match[1][1:] else match[1])
        ),
        text,
    )


def regex(pattern: str, flags: str = "") -> Expression:
    """The texts that a regular expression matches whole, as Python's `re` reads it.

    Raises:
        NotRegular: it looks around, or back to a group.
        PipelineError: it is none.
    """
    mode = re.compile("", sum(getattr(re, flag.upper()) for flag in set(flags))).flags
    try:
        return _parsed(parser.parse(pattern, mode), mode)
    except re.error as error:
        raise PipelineError(f"{pattern!r} is no regular expression: {error}", hint="mend it") from error


def _parsed(parts: Any, mode: int) -> Expression:
    return sequence(*(_operation(str(code), value, mode) for code, value in parts))


def _operation(code: str, value: Any, mode: int) -> Expression:
    match code:
        case "LITERAL":
            both = (
                {value, ord(chr(value).swapcase())}
                if mode & re.IGNORECASE and len(chr(value).swapcase()) == 1
                else {value}
            )
            return one_character([(point, point) for point in sorted(both)])
        case "NOT_LITERAL":
            return one_character(others([(value, value)]))
        case "ANY":
            return one_character([(0, LAST)] if mode & re.DOTALL else others([(10, 10)]))
        case "IN":
            return one_character(_members(value, mode))
        case "BRANCH":
            return either(*(_parsed(choice, mode) for choice in value[1]))
        case "SUBPATTERN":
            return _parsed(value[3], (mode | value[1]) & ~value[2])
        case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
            least, most, part = value
            return repeat(_parsed(part, mode), least, None if most is sre.MAXREPEAT else most)
        case "AT" if str(value) in ("AT_BEGINNING", "AT_BEGINNING_STRING", "AT_END", "AT_END_STRING"):
            return sequence()  # it is matched whole anyway
    raise NotRegular(
        f"{code.lower()} in a regular expression is more than an automaton can do", hint="write it without"
    )


def _members(items: Any, mode: int) -> list[tuple[int, int]]:
    """The characters of a class in brackets, as ranges."""
    found: list[tuple[int, int]] = []
    negated = False
    for code, value in items:
        match str(code):
            case "NEGATE":
                negated = True
            case "LITERAL":
                found.append((value, value))
            case "RANGE":
                found.append(tuple(value))
            case "CATEGORY":
                found += category(_CLASSES[str(value)])
            case other:
                raise NotRegular(f"{other.lower()} in a class is not read", hint="write it without")
    if mode & re.IGNORECASE:
        swapped = (chr(point).swapcase() for first, last in found for point in range(first, min(last, 0x24F) + 1))
        found += [(ord(one), ord(one)) for one in swapped if len(one) == 1]
    return others(found) if negated else found


@functools.cache
def category(shorthand: str) -> list[tuple[int, int]]:
    r"""The characters of \d, \s, \w or their opposites, as ranges."""
    is_one = re.compile(shorthand).match
    inside = [point for point in range(LAST + 1) if is_one(chr(point))]
    begins = [point for place, point in enumerate(inside) if not place or inside[place - 1] != point - 1]
    finishes = [
        point for place, point in enumerate(inside) if place + 1 == len(inside) or inside[place + 1] != point + 1
    ]
    return list(zip(begins, finishes, strict=True))


def others(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """All other characters, as ranges."""
    found, at = [], 0
    for first, last in sorted(ranges):
        if first > at:
            found.append((at, first - 1))
        at = max(at, last + 1)
    return [*found, *([(at, LAST)] if at <= LAST else [])]
