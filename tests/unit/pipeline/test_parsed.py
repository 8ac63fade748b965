import json
import sys
from typing import Any

import pytest

from phonetic.arpabet import Arpabet
from pipeline.asked import Constraints
from pipeline.constraints import Constrained
from pipeline.errors import PipelineError
from pipeline.notation import PlainText
from pipeline.parsed import Parsed, json_grammar, lark_grammar
from tests.models import random_model
from tests.unit.pipeline.test_guide import CONTRACT, IDS_OF, SHAPE, text, vocabulary
from train.draw import Sampling
from train.errors import TrainError
from train.generate import Sample, generate

pytest.importorskip("llguidance")

NESTED = 'start: "(" start ")" | "[" start start "]" | "x"'
SCHEMA = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 2},
        "age": {"type": "integer", "minimum": 5},
        "tags": {"type": "array", "items": {"enum": ["red", "green"]}, "minItems": 1},
        "child": {"$ref": "#"},
    },
    "required": ["name", "tags"],
    "additionalProperties": False,
}


def sampled(guide: Any, limit: int, n: int = 8, **more: Any) -> list[Sample]:
    sampling = Sampling(1.0, max_new_tokens=limit)
    return list(generate(random_model(SHAPE), CONTRACT, n=n, sampling=sampling, guide=guide, **more))


def is_nested(given: str) -> bool:
    while (less := given.replace("(x)", "x").replace("[xx]", "x")) != given:
        given = less
    return given == "x"


@pytest.mark.parametrize("limit", [4, 7, 30])
def test_what_is_open_is_closed_before_the_limit(limit: int) -> None:
    guide = Parsed(lark_grammar(NESTED, ""), vocabulary())
    made = sampled(guide, limit)
    assert all(sample.ended and is_nested(text(sample)) for sample in made)
    assert max(len(sample.ids) for sample in made) >= limit // 2
    assert not guide._samples  # nothing is kept of what has ended


@pytest.mark.parametrize("limit", [40, 50])
def test_json_of_a_schema_that_contains_itself_is_whole(limit: int) -> None:
    for sample in sampled(Parsed(json_grammar(json.dumps(SCHEMA)), vocabulary()), limit):
        assert sample.ended
        value = json.loads(text(sample))
        assert len(value["name"]) >= 2 and {"red", "green"}.issuperset(value["tags"]) and value.get("age", 5) >= 5


def test_a_sample_is_the_same_whatever_its_batch() -> None:
    guide = Parsed(lark_grammar(NESTED, ""), vocabulary())
    assert sampled(guide, 30, batch_size=1) == sampled(guide, 30, batch_size=5)


def test_beams_are_of_the_grammar_too() -> None:
    guide = Parsed(lark_grammar(NESTED, ""), vocabulary())
    sampling = Sampling(0.0, max_new_tokens=9, num_beams=4)
    made = list(generate(random_model(SHAPE), CONTRACT, n=4, types=[""], sampling=sampling, guide=guide))
    assert len({text(sample) for sample in made}) == 4
    assert all(sample.ended and is_nested(text(sample)) for sample in made)


def test_a_prompt_is_gone_on_from() -> None:
    guide = Parsed(lark_grammar(NESTED, ""), vocabulary(), "[(")
    prompt = [IDS_OF[b"["], IDS_OF[b"("]]
    for sample in sampled(guide, 30, prompt_ids=prompt):
        assert text(sample).startswith("[(") and is_nested(text(sample))
    with pytest.raises(PipelineError, match="nothing valid begins with the prompt '\\)'"):
        Parsed(lark_grammar(NESTED, ""), vocabulary(), ")")


def test_too_little_room_is_told_before_anything_is_sampled() -> None:
    with pytest.raises(TrainError, match="the shortest valid sample takes 40 tokens, and there is room for 20"):
        sampled(Parsed(json_grammar(json.dumps(SCHEMA)), vocabulary()), 20)


def test_it_goes_together_with_the_grammar_of_a_notation() -> None:
    nested = 'start: "k" start "t" | "@1 "~0..3 "@1"'
    guide = Constrained(Arpabet(), Constraints(grammar=nested, regex=".{7,}")).guide(vocabulary())
    for sample in sampled(guide, 24):
        said = text(sample)
        assert sample.ended and Arpabet().problems(said) == [] and len(said) >= 7 and said.count("k") == said.count("t")
    with pytest.raises(PipelineError, match="nothing is valid under the grammar and the notation's own together"):
        Constrained(Arpabet(), Constraints(json_schema=json.dumps(SCHEMA))).guide(vocabulary())


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"grammar": 'start: start "x" | other'}, 'llguidance does not read the grammar: .*unknown name: "other"'),
        ({"json_schema": '{"type": '}, "--json-schema: Expecting value"),
        ({"json_schema": "[]"}, "--json-schema: it is no object"),
        ({"json_schema": '{"type": "thing"}'}, "llguidance does not read the grammar: Invalid type: thing"),
        ({"json_schema": "{}", "grammar": NESTED}, "--grammar and --json-schema are both given"),
    ],
)
def test_what_is_no_grammar_is_told(asked: dict[str, str], message: str) -> None:
    with pytest.raises(PipelineError, match=message):
        Constrained(PlainText(), Constraints(**asked)).guide(vocabulary())  # type: ignore[arg-type]


def test_without_llguidance_it_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "llguidance", None)
    with pytest.raises(PipelineError, match="rule 'start' contains itself: that needs llguidance") as caught:
        Constrained(PlainText(), Constraints(grammar=NESTED))
    assert caught.value.hint == 'pip install "phon[grammar]"'
