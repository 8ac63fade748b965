import json

import pytest
from click.testing import CliRunner

from phonetic.arpabet import Arpabet
from pipeline.check import check, command
from pipeline.errors import PipelineError


def test_each_sample_gets_a_verdict_with_its_line() -> None:
    verdicts = list(check(["hA0lo1", "", "hA0lo1 x"], Arpabet()))
    assert [(verdict.line, verdict.is_valid) for verdict in verdicts] == [(1, True), (3, False)]
    assert verdicts[1].problems == ((7, 8, "no symbol of this notation"),)


def test_a_sample_cut_off_at_the_length_limit_is_not_valid() -> None:
    lines = [json.dumps({"text": "hA0lo1", "ended": ended}) for ended in (True, False)]
    assert [verdict.is_valid for verdict in check(lines, Arpabet())] == [True, False]


def test_json_without_a_text_is_refused_by_line() -> None:
    with pytest.raises(PipelineError, match='input, line 1: a JSON object without a "text"'):
        list(check(['{"sample": 1}'], Arpabet()))


def test_people_see_where_it_breaks() -> None:
    run = CliRunner().invoke(command, input="hA0lo1 wRld\nhA0lo1\n")
    assert run.exit_code == 1
    assert run.output.splitlines() == [
        "line 1: not valid",
        "  hA0lo1 wRld",
        "          ^ column 9: a vowel without its stress digit",
        "line 2: valid",
        "1 of 2 samples valid (50.0%)",
    ]


def test_all_valid_is_success() -> None:
    run = CliRunner().invoke(command, ["--form", "spaced"], input="HH AH0 L OW1\n")
    assert run.exit_code == 0


def test_programs_get_an_object_a_line() -> None:
    run = CliRunner().invoke(command, ["--json"], input="hA0lo1\n")
    assert json.loads(run.output) == {"line": 1, "valid": True, "ended": True, "problems": [], "text": "hA0lo1"}
