import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from pipeline.encode import Encoder
from pipeline.errors import PipelineError
from pipeline.pretoken import count_chunks, count_pretokens, pattern
from pipeline.tokenizer import choose_vocab_size, command, shared_symbols, train_tokenizer
from tests.unit.pipeline.conftest import Prepared
from train.contract import Contract
from train.errors import TrainError
from train.files import lock
from train.shards import open_split
from train.workspace import Workspace

Documents = list[tuple[str, str]]
NASTY = [
    "<|bos|>",
    "<|type:prose|>k@1t",
    "  a\n\tb ",
    "日本 🙂",
    "don't 'x'",
    "",
    " ",
    "a<|eos|> <|pad|>",
    "\u00a0x\u2028",
]


def tree(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }


def load_auto(folder: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder)


def test_special_tokens_come_first_and_types_in_byte_order(prepared: Prepared) -> None:
    text = "some words, and some more words"
    workspace = prepared([("é", text), ("b", text), ("", text), ("B", text), ("é", text)])
    summary = train_tokenizer(workspace)
    assert summary["specials"] == [
        *("<|bos|>", "<|eos|>", "<|pad|>"),
        *("<|type:B|>", "<|type:b|>", "<|type:é|>"),
    ]
    contract = Contract.read(workspace.tokenizer)
    assert (contract.bos, contract.eos, contract.pad) == (0, 1, 2)
    assert contract.openings == {"": [0], "B": [0, 3], "b": [0, 4], "é": [0, 5]}
    assert contract.documents == {"": 1, "B": 1, "b": 0, "é": 2}  # b is held out
    assert contract.notation["name"] == "text"


def test_no_token_splits_a_symbol(prepared: Prepared, compact: dict[str, Any], phones: Documents) -> None:
    workspace = prepared(phones, compact)
    train_tokenizer(workspace, vocab_size=400)
    encoder = Encoder(workspace.tokenizer)
    for _, text in phones:
        whole = {match.end() for match in re.finditer("[a@AcWYERIieoOUu][012]?|.", text)}
        at = 0
        for index in encoder.encode(text):
            at += len(encoder.decode([index]))
            assert at in whole, f"{text[:at]} was cut"
    learned = [encoder.decode([index]) for index in range(3 + 2 + 256, encoder.vocab_size)]
    assert any(len(token) > 4 for token in learned)
    for token in learned:
        assert re.fullmatch(" ?([a@AcWYERIieoOUu][012]|[bCDdfghJklmnGprsStTvwyzZ])+| [,.]", token), token


def test_transformers_loads_it_and_gives_the_same_ids(
    prepared: Prepared, compact: dict[str, Any], phones: Documents
) -> None:
    workspace = prepared(phones, compact)
    train_tokenizer(workspace)
    ours, theirs = Encoder(workspace.tokenizer), load_auto(workspace.tokenizer)
    for text in [text for _, text in phones] + NASTY:
        ids = ours.encode(text)
        assert theirs(text)["input_ids"] == ids
        assert theirs.encode(text, add_special_tokens=False) == ids
        assert theirs.decode(ids) == text == ours.decode(ids)
    assert (theirs.bos_token_id, theirs.eos_token_id, theirs.pad_token_id) == (0, 1, 2)
    assert theirs.convert_tokens_to_ids("<|type:verse|>") == 4
    assert len(theirs) == theirs.vocab_size == ours.vocab_size
    with_specials = [0, 4, *ours.encode("k@1t s@1t"), 1, 2]
    assert theirs.decode(with_specials, skip_special_tokens=True) == "k@1t s@1t" == ours.decode(with_specials)
    assert theirs.decode(with_specials) == "<|bos|><|type:verse|>k@1t s@1t<|eos|><|pad|>"
    assert theirs.model_max_length > 10**9


def test_saved_by_transformers_and_loaded_again_text_still_makes_no_special_token(
    prepared: Prepared, phones: Documents, tmp_path: Path
) -> None:
    workspace = prepared(phones)
    train_tokenizer(workspace)
    load_auto(workspace.tokenizer).save_pretrained(tmp_path / "again")
    ours, again = Encoder(workspace.tokenizer), load_auto(tmp_path / "again")
    for text in NASTY:
        assert again(text)["input_ids"] == ours.encode(text)
        assert again.decode(ours.encode(text)) == text


def test_the_bare_tokenizer_file_finds_no_special_token_in_text(prepared: Prepared, phones: Documents) -> None:
    from tokenizers import Tokenizer

    workspace = prepared(phones)
    train_tokenizer(workspace)
    bare, ours = Tokenizer.from_file(str(workspace.tokenizer / "tokenizer.json")), Encoder(workspace.tokenizer)
    for text in NASTY:
        ids = bare.encode(text).ids
        assert ids == ours.encode(text)
        assert not set(ids) & ours.contract.special_ids()


def test_same_text_same_bytes_whatever_stood_there(prepared: Prepared, phones: Documents) -> None:
    workspace = prepared(phones)
    first = train_tokenizer(workspace)
    written = tree(workspace.root / "data")
    (workspace.tokenizer / ".aside-tokenizer.json").write_text("cut sh")
    (workspace.tokenizer / "manifest.json").unlink()
    (workspace.shards / "train" / "data-00009.arrow").write_bytes(b"left over")
    (workspace.shards / "manifest.json").unlink()
    second = train_tokenizer(workspace)
    assert tree(workspace.root / "data") == written
    del first["elapsed_s"], second["elapsed_s"]
    assert first == second


def test_it_does_nothing_when_it_is_up_to_date(prepared: Prepared, phones: Documents) -> None:
    workspace = prepared(phones)
    assert not train_tokenizer(workspace)["up_to_date"]
    before = (workspace.tokenizer / "tokenizer.json").stat().st_mtime_ns
    assert train_tokenizer(workspace)["up_to_date"]
    assert (workspace.tokenizer / "tokenizer.json").stat().st_mtime_ns == before
    assert not train_tokenizer(workspace, vocab_size=300)["up_to_date"]
    prepared([*phones, ("verse", "another one")])
    assert not train_tokenizer(workspace, vocab_size=300)["up_to_date"]


def test_a_damaged_tokenizer_is_made_anew(prepared: Prepared, phones: Documents) -> None:
    workspace = prepared(phones)
    train_tokenizer(workspace)
    written = tree(workspace.root / "data")
    path = workspace.tokenizer / "tokenizer.json"
    path.write_bytes(path.read_bytes().replace(b"1", b"2", 1))
    assert not train_tokenizer(workspace)["up_to_date"]
    assert tree(workspace.root / "data") == written


def test_validation_text_teaches_nothing(prepared: Prepared) -> None:
    documents = [("", "one two")] * 12
    documents[1] = documents[11] = ("", "zebras zebras zebras")
    workspace = prepared(documents)
    train_tokenizer(workspace)
    encoder = Encoder(workspace.tokenizer)
    assert len(encoder.encode("one two")) == 2
    assert len(encoder.encode("zebras")) == 6


def test_a_vocabulary_without_room_is_refused_with_the_least_that_works(
    prepared: Prepared, compact: dict[str, Any], phones: Documents
) -> None:
    workspace = prepared(phones, compact)
    with pytest.raises(PipelineError, match="a vocabulary of 305 has no room") as caught:
        train_tokenizer(workspace, vocab_size=305)
    assert caught.value.hint == "pass --vocab-size 306 or more, or leave it out"  # 5 special, 256 bytes, 45 vowels
    assert train_tokenizer(workspace, vocab_size=306)["vocab_size"] == 306
    with pytest.raises(PipelineError):
        train_tokenizer(workspace, vocab_size=305)
    assert train_tokenizer(workspace, vocab_size=306)["up_to_date"]  # a refusal spoils nothing


def test_a_vocabulary_ends_where_pairs_end(prepared: Prepared) -> None:
    workspace = prepared([("", "ab ab ab ab")] * 3)
    summary = train_tokenizer(workspace, vocab_size=5000)
    assert summary["vocab_size"] == 3 + 256 + 2
    assert summary["vocab_reason"] == "as asked; 5,000 was the aim, but no other pair of tokens occurs twice"


def test_more_than_65536_tokens_work(prepared: Prepared) -> None:
    steps = (1, 7919, 6271, 3571)
    words = " ".join("".join(chr(0x4E00 + i * step % 14_009) for step in steps) for i in range(1, 14_009))
    workspace = prepared([("", words)] * 3)
    summary = train_tokenizer(workspace, vocab_size=70_000)
    assert summary["vocab_size"] > 65_536
    shards = open_split(workspace.shards, "train")
    assert shards.read(0, 1).dtype == "uint32"
    encoder = Encoder(workspace.tokenizer)
    assert encoder.decode(shards.read(0, int(shards.lengths[0]))) == words


@pytest.mark.parametrize(
    ("words", "least", "expected"), [(750_000, 330, 9088), (100, 330, 512), (10**9, 330, 32768), (100, 700, 704)]
)
def test_the_default_size_follows_the_corpus(words: int, least: int, expected: int) -> None:
    chosen, reason = choose_vocab_size(words, least)
    assert chosen == expected
    assert f"{words:,} training words" in reason


def test_without_text_it_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(TrainError, match="no converted text in") as caught:
        train_tokenizer(Workspace(tmp_path))
    assert caught.value.hint == 'run "phon prepare CORPUS" first, or pass --workspace'


def test_a_second_writer_is_refused(prepared: Prepared, phones: Documents) -> None:
    workspace = prepared(phones)
    with lock(workspace.tokenizer), pytest.raises(TrainError, match=r"another process .* is writing to"):
        train_tokenizer(workspace)


def test_words_keep_apostrophes_and_symbols_and_part_from_punctuation() -> None:
    symbols = ["@0", "A1", "b", "...", ",", "[C-1]"]
    counts = count_pretokens({"b@0A1...": 1, " don't,": 2, " 'b'": 1, "\n\n": 1, " [C-1]b": 1}, symbols)
    assert counts == {"b@0A1": 1, "...": 1, "Ġdon't": 2, ",": 2, "Ġ'": 1, "b": 1, "'": 1, "Ċ": 2, "Ġ[C-1]b": 1}
    assert count_pretokens({"x]^\\&&y-z_~": 1}, ["]^\\&&y-z_~"]) == {"x]^\\&&y-z_~": 1}  # all of it in one class
    assert pattern(["tʃ", "|", "..."]) == pattern([])


def test_chunks_are_words_with_their_space(prepared: Prepared) -> None:
    import pyarrow as pa

    counts = count_chunks([pa.array(["a b a", "", "b"]), pa.array([" a  a"])])
    assert counts == {"a": 1, " b": 1, " a": 3, "": 2, "b": 1, " ": 1}
    assert count_chunks([pa.array(["a a a b b c"])], kept=3) == {" a": 2}
    long = "x" * 10_000
    assert count_pretokens({long: 1}, ()) == {"x" * 4096: 2, "x" * (10_000 - 8192): 1}


def test_the_command_prints_a_table_or_json(prepared: Prepared, compact: dict[str, Any], phones: Documents) -> None:
    workspace = prepared(phones, compact)
    result = CliRunner().invoke(command, ["--workspace", str(workspace.root), "--vocab-size", "400"])
    assert result.exit_code == 0, result.output
    for row in ("as asked", "of the original text", "symbols per token", "prose ", "54 documents", "accelerate launch"):
        assert row in result.stdout
    again = CliRunner().invoke(command, ["--workspace", str(workspace.root), "--vocab-size", "400", "--json"])
    summary = json.loads(again.stdout)
    assert summary["up_to_date"] is True
    assert summary["train"]["documents"] == 54
    assert summary["validation"]["documents"] == 6
    assert summary["next"] == f"PHON_WORKSPACE={workspace.root} accelerate launch train/run.py"
    assert set(summary["fertility"]) == {"prose", "verse"}


def test_two_notations_with_symbols_of_their_own_share_no_vocabulary() -> None:
    assert shared_symbols([], ["A0", "k"]) == shared_symbols(["A0", "k"], ["A0", "k"]) == ["A0", "k"]
    with pytest.raises(PipelineError, match="symbols of their own, which one vocabulary cannot keep whole") as error:
        shared_symbols(["AB"], ["BC"])
    assert error.value.hint == "pass --separate"
