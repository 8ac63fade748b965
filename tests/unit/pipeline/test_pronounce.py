from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from phonetic.arpabet import Arpabet
from pipeline.errors import PipelineError
from pipeline.pronounce import command, open_text, pronounce, read_lines


def test_a_line_in_is_a_line_out() -> None:
    assert list(pronounce(["hello", "", "42"], Arpabet())) == ["hA0lo1", "", "fc1rti0 tu1"]


def test_lines_are_answered_as_they_come_when_asked_to() -> None:
    seen: list[str] = []

    def lines() -> Iterator[str]:
        for line in ("one", "two"):
            seen.append(line)
            yield line

    answers = pronounce(lines(), Arpabet(), at_once=1)
    assert next(answers) == "wA1n"
    assert seen == ["one"]


def test_bytes_that_are_no_utf8_are_placed() -> None:
    with pytest.raises(PipelineError, match="notes, line 2, byte 3: 0xff is not UTF-8"):
        list(read_lines([b"good\n", b"ba\xffd\n"], "notes"))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match="does not exist"):
        open_text(str(tmp_path / "none.txt"))
    with pytest.raises(PipelineError, match="is a folder"):
        open_text(str(tmp_path))


def test_the_command_is_a_filter_with_the_options_of_prepare(tmp_path: Path) -> None:
    run = CliRunner().invoke(command, ["--form", "spaced", "--no-stress"], input="phonetic English\n\n")
    assert run.output == "F AH N EH T IH K | IH NG G L IH SH\n\n"
    (tmp_path / "a.txt").write_text("one\r\ntwo", encoding="utf-8")
    assert CliRunner().invoke(command, [str(tmp_path / "a.txt")]).output == "wA1n\ntu1\n"
    assert CliRunner().invoke(command, ["--to", "text"], input=" a  b \n").output == "a b\n"
