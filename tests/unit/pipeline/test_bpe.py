import json
import random
from collections import Counter
from pathlib import Path

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from phonetic.phones import CONSONANTS, VOWELS
from pipeline.bpe import Merge, byte_characters, byte_level, least_vocabulary, symbol_merges, train_bpe

SHAKESPEARE = Path(__file__).parents[4] / "shared" / "data" / "text" / "shakespeare.txt"
COMPACT = [vowel + stress for vowel in VOWELS.values() for stress in "012"] + [*CONSONANTS.values(), ".", "..."]
SPACED = [vowel + stress for vowel in VOWELS for stress in "012"] + list(CONSONANTS)
IPA = ["t", "ʃ", "tʃ", "d", "ʒ", "dʒ", "ə", "iː", "t͡s", "ˈ", "n", "ŋ", "ʊ", "oʊ"]


def train_theirs(texts: list[str], vocab_size: int) -> tuple[list[str], list[Merge], Counter[str]]:
    """Vocabulary and merges by the library, and the words it counted."""
    tokenizer = Tokenizer(models.BPE())
    cut = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.pre_tokenizer = cut
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        min_frequency=2,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    model = json.loads(tokenizer.to_str())["model"]
    counts = Counter(word for text in texts for word, _ in cut.pre_tokenize_str(text))
    return sorted(model["vocab"], key=model["vocab"].__getitem__), [tuple(pair) for pair in model["merges"]], counts


def segment(word: str, vocabulary: list[str], merges: list[Merge]) -> list[str]:
    """How the library cuts a byte-level word with these merges."""
    model = models.BPE({token: index for index, token in enumerate(vocabulary)}, merges)
    return [token.value for token in model.tokenize(word)]


def test_the_byte_alphabet_is_the_one_of_gpt2() -> None:
    assert sorted(byte_characters()) == sorted(pre_tokenizers.ByteLevel.alphabet())
    assert byte_level(" é\n") == "ĠÃ©Ċ"
    assert byte_level("".join(map(chr, range(128)))) == "".join(byte_characters()[:128])


def test_a_worked_example() -> None:
    vocabulary, merges = train_bpe({"low": 5, "lower": 2, "newest": 6}, (), 256 + 4)
    # 8 times, 7 times, then 6 in the order of ids, where a made token comes after all bytes.
    assert merges == [("w", "e"), ("l", "o"), ("e", "we"), ("n", "ewe")]
    assert vocabulary[256:] == ["we", "lo", "ewe", "newe"]


@pytest.mark.parametrize("vocab_size", [256, 300, 5000])
@pytest.mark.parametrize(
    "texts",
    [
        ["the cat sat on the mat", "the hat that the cat had"],
        ["aaaa aaa aaaaaaa aa", "aaaaa baaab abab bababa"],
        ["naïve café 日本語 日本 日本語", "🙂🙂 🙂"],
        ["x"],
    ],
)
def test_vocabulary_and_merges_are_those_of_tokenizers(texts: list[str], vocab_size: int) -> None:
    vocabulary, merges, counts = train_theirs(texts, vocab_size)
    assert train_bpe(counts, (), vocab_size) == (vocabulary, merges)


def test_vocabulary_and_merges_are_those_of_tokenizers_on_random_runs() -> None:
    chance = random.Random(0)
    for _ in range(60):
        texts = ["".join(chance.choices("aab b", k=chance.randint(0, 40))) for _ in range(chance.randint(1, 15))]
        vocabulary, merges, counts = train_theirs(texts, 400)
        assert train_bpe(counts, (), 400) == (vocabulary, merges)


@pytest.mark.skipif(not SHAKESPEARE.exists(), reason="needs the shared data")
def test_vocabulary_and_merges_are_those_of_tokenizers_on_a_book() -> None:
    vocabulary, merges, counts = train_theirs(SHAKESPEARE.read_text().splitlines()[:10_000], 3000)
    assert train_bpe(counts, (), 3000) == (vocabulary, merges)


def test_the_order_of_counts_does_not_matter() -> None:
    chance = random.Random(1)
    words = ["".join(chance.choices(COMPACT, k=chance.randint(1, 6))) for _ in range(500)]
    counts = [(word, chance.randint(1, 20)) for word in sorted(set(words))]
    expected = train_bpe(dict(counts), COMPACT, 600)
    for _ in range(3):
        chance.shuffle(counts)
        assert train_bpe(dict(counts), COMPACT, 600) == expected


@pytest.mark.parametrize(
    "symbols", [COMPACT, SPACED, [*VOWELS, *CONSONANTS], IPA], ids=["compact", "spaced", "bare", "ipa"]
)
def test_the_first_merges_make_one_token_of_each_symbol(symbols: list[str]) -> None:
    vocabulary, merges = train_bpe({}, symbols, least_vocabulary(symbols))
    assert len(vocabulary) == least_vocabulary(symbols)
    assert merges == symbol_merges(symbols)
    for symbol in symbols:
        assert segment(byte_level(symbol), vocabulary, merges) == [byte_level(symbol)]
        assert segment(byte_level(" " + symbol), vocabulary, merges) == ["Ġ", byte_level(symbol)]


def test_a_symbol_takes_no_part_of_its_neighbour() -> None:
    vocabulary, merges = train_bpe({}, IPA, least_vocabulary(IPA))
    for word in (["t", "ʊ"], ["tʃ", "ʊ"], ["oʊ", "tʃ"], ["t͡s", "ʃ"], ["n", "ŋ", "d", "ə"]):
        assert segment(byte_level("".join(word)), vocabulary, merges) == [byte_level(symbol) for symbol in word]


def test_every_token_of_compact_arpabet_is_whole_symbols() -> None:
    chance = random.Random(2)
    counts = Counter("Ġ" + "".join(chance.choices(COMPACT, k=chance.randint(1, 5))) for _ in range(5000))
    vocabulary, merges = train_bpe(counts, COMPACT, 2000)
    assert len(vocabulary) > 1500
    steps = {left + right for left, right in symbol_merges(COMPACT)}
    for token in set(vocabulary) - set(byte_characters()) - steps:
        rest = token.removeprefix("Ġ")
        while rest:
            symbol = next((symbol for symbol in sorted(COMPACT, key=len, reverse=True) if rest.startswith(symbol)), "")
            assert symbol, f"{token} is not whole symbols"
            rest = rest[len(symbol) :]
    word = "ĠfA0nE1tI0k"
    cuts, at = set(), 0
    for token in segment(word, vocabulary, merges):
        at += len(token)
        cuts.add(at)
    assert cuts <= {1, 2, 4, 5, 7, 8, 10, 11}  # ends of the space and of whole phones


def test_a_reserved_string_is_never_merged() -> None:
    counts = {"<e>": 10, "<e": 3}
    assert "<e>" in train_bpe(counts, (), 300)[0]
    vocabulary, merges = train_bpe(counts, (), 300, reserved={"<e>"})
    assert "<e>" not in vocabulary
    assert merges == [("<", "e")]


def test_a_pair_seen_once_is_not_merged() -> None:
    assert train_bpe({"ab": 1, "cd": 2}, (), 300)[1] == [("c", "d")]
