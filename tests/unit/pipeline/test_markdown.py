"""Markdown: the words stay, the marks go."""

import pytest

from pipeline.markdown import FRONT_MATTER_LINES, prose


def text_of(markdown: str) -> str:
    return "\n".join(prose(markdown.split("\n")))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("*one* **two** ***three*** _four_ __five__ ~~six~~", "one two three four five six"),
        ("2 * 3, a*b, snake_case, ~5 km", "2 * 3, a*b, snake_case, ~5 km"),
        ("“*Oh*,” she said.", "“Oh,” she said."),
        ('see [the *page*](https://x.org/a_(b) "title") and [this][ref]', "see the page and this"),
        ("![a cat](cat.png) sat", "a cat sat"),
        ("<https://x.org> <b>bold</b> <br/>1 < 2", " bold 1 < 2"),
        ("say `print` aloud", "say print aloud"),
        ("a claim[^1].", "a claim."),
        (r"\*not emphasis\*", "*not emphasis*"),
        ("Tom &amp; Jerry", "Tom & Jerry"),
        ("> > quoted", "quoted"),
        ("- item", "item"),
        ("  12. item", "item"),
        ("- [x] done", "done"),
        ("1984. It was a cold day", "1984. It was a cold day"),
        ("-5 degrees", "-5 degrees"),
        ("[ref]: https://x.org", None),
        ("| a | b |", "  a   b  "),
        ("|---|:-:|", ""),
        ("a <!-- not this --> b", "a  b"),
        ("#hashtag", "#hashtag"),
    ],
)
def test_a_line(line: str, expected: str | None) -> None:
    assert list(prose([line])) == ([] if expected is None else [expected])


def test_a_heading_is_a_paragraph() -> None:
    assert text_of("a\n## Chapter *One* ##\nb") == "a\n\nChapter One\n\nb"
    assert text_of("Title\n=====\nb\n\n---\nc") == "Title\n\nb\n\n\nc"


def test_code_comments_and_front_matter_are_not_spoken() -> None:
    assert text_of("---\ntitle: x\n---\nbody") == "body"
    assert text_of("a\n```python\nx = 1\n~~~\n```\nb\n~~~~\ncode\n~~~\n~~~~\nc") == "a\nb\nc"
    assert text_of("``` inline ``` code") == " inline  code"
    assert text_of("a <!-- one\ntwo\nthree --> b") == "a \n\n b"


def test_a_rule_at_the_top_is_not_front_matter_without_its_end() -> None:
    lines = ["---", *["a"] * (FRONT_MATTER_LINES + 5)]
    assert list(prose(lines)) == ["", *lines[1:]]


@pytest.mark.parametrize(
    "unit", ["[", "![](", "[^", "*", "* ", ">", "`", "<a ", "|", "-", "#", "~~", "\\", "&", "[x]("]
)
def test_hostile_lines_take_linear_time(unit: str) -> None:
    list(prose([unit * 200_000, " " * 500_000 + unit, "# " + " " * 500_000 + unit]))
