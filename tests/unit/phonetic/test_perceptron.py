"""The tagger beside the same thing written as plainly as can be: word by word, over whole lists."""

import random
from collections.abc import Mapping, Sequence

from hypothesis import given
from hypothesis import strategies as st

from phonetic.perceptron import Tagger

CLASSES = ["NN", "VB", "DT", "IN", "."]
KNOWN = {"the": "DT", "of": "IN", ".": "."}
WORDS = ["the", "of", ".", "lead", "wind", "to-day", "-", "a", "x"]


def plain(tokens: Sequence[str], weights: Mapping[str, Mapping[str, float]]) -> list[str]:
    """The tags of a whole list."""
    padded = ["-START-", "-START2-", *("!HYPHEN" if "-" in t and t[0] != "-" else t for t in tokens), "-END-", "-END2-"]
    tags: list[str] = []
    before, before2 = "-START-", "-START2-"
    for i, token in enumerate(tokens):
        last2, last, word, next1, next2 = padded[i : i + 5]
        scores = dict.fromkeys(CLASSES, 0.0)
        for feature in (
            "bias", f"i suffix {token[-3:]}", f"i pref1 {token[0]}", f"i-1 tag {before}", f"i-2 tag {before2}",
            f"i tag+i-2 tag {before} {before2}", f"i word {word}", f"i-1 tag+i word {before} {word}",
            f"i-1 word {last}", f"i-1 suffix {last[-3:]}", f"i-2 word {last2}", f"i+1 word {next1}",
            f"i+1 suffix {next1[-3:]}", f"i+2 word {next2}",
        ):  # fmt: skip
            for tag, weight in weights.get(feature, {}).items():
                scores[tag] += weight
        tag = KNOWN.get(token) or max(CLASSES, key=lambda tag: (scores[tag], tag))
        tags.append(tag)
        before, before2 = tag, before
    return tags


def some_weights(seed: int) -> dict[str, dict[str, float]]:
    """Weights for features of the words; few values, so that ties are common."""
    draw = random.Random(seed)
    words = [*WORDS, "!HYPHEN", "-START-", "-START2-", "-END-", "-END2-"]
    tags = [*CLASSES, "-START-", "-START2-"]
    names = [f"i{at} word {word}" for at in ("", "-1", "-2", "+1", "+2") for word in words]
    names += [f"i{at} suffix {word[-3:]}" for at in ("", "-1", "+1") for word in words]
    names += [f"i{at} tag {tag}" for at in ("-1", "-2") for tag in tags]
    names += [f"i tag+i-2 tag {one} {two}" for one in tags for two in tags]
    names += [f"i-1 tag+i word {tag} {word}" for tag in tags for word in words]
    names += ["bias", *(f"i pref1 {word[0]}" for word in WORDS)]
    values = (0.1, 0.2, 0.3, -0.1, -0.3, 0.7)
    return {
        name: {tag: draw.choice(values) for tag in draw.sample(CLASSES, 3)} for name in names if draw.random() < 0.6
    }


@given(st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=12), min_size=1, max_size=4), st.integers(0, 9))
def test_every_word_of_every_list_is_tagged_as_in_the_whole_list(lists: list[list[str]], seed: int) -> None:
    weights = some_weights(seed)
    places = [(tokens, at) for tokens in lists for at in range(len(tokens))]
    assert Tagger(weights, KNOWN, CLASSES).tag(places) == [tag for tokens in lists for tag in plain(tokens, weights)]


@given(st.lists(st.sampled_from(WORDS), min_size=1, max_size=9), st.lists(st.sampled_from(WORDS), max_size=4))
def test_nothing_before_settled_tokens_matters(tokens: list[str], others: list[str]) -> None:
    tagger = Tagger(some_weights(0), KNOWN, CLASSES)
    if tagger.is_settled_after(tokens):
        whole = [*others, *tokens, "lead", "x", "wind"]
        assert tagger.tag([(whole, len(whole) - 3)]) == tagger.tag([([*tokens, "lead", "x", "wind"], len(tokens))])


def test_of_equal_scores_the_last_in_the_alphabet_wins_after_float_addition() -> None:
    # 0.1 + 0.2 is more than 0.3 to a float, and nltk adds floats: what is equal on paper is not there.
    weights = {"bias": {"VB": 0.1, "NN": 0.3}, "i suffix a": {"VB": 0.2}}
    assert Tagger(weights, {}, ["VB", "NN"]).tag([(["a"], 0)]) == ["VB"]
    weights = {"bias": {"NN": 0.1, "VB": 0.3}, "i suffix a": {"NN": 0.2}}
    assert Tagger(weights, {}, ["VB", "NN"]).tag([(["a"], 0)]) == ["NN"]
    assert Tagger({}, {}, ["NN", "VB"]).tag([(["a"], 0)]) == ["VB"]
    assert Tagger({}, {}, ["NN"]).tag([]) == []
