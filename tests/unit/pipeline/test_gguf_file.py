"""llama.cpp itself is not at hand: that it reads these files as described was tried by hand, see docs/generation.md."""

import json
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from pipeline.errors import PipelineError
from pipeline.gguf_file import check_file, interleaved, write_gguf
from pipeline.gguf_tokens import BYTE, CONTROL, ESCAPED, tokens_of
from pipeline.tokenizer import build_tokenizer, learn, symbols_of
from tests.models import random_model
from train import architecture, gpt2, library
from train.contract import BOS, EOS, PAD, Contract, type_token
from train.export import Vocabulary, read_model, write_model
from train.files import sha256_file
from train.notation import describe, load_notation

gguf = pytest.importorskip("gguf")

SPECIALS = [BOS, EOS, PAD, type_token("plays")]
ENGLISH = [
    "A naïve ferryman, 'tis said, waited (for once) by the sea.",
    "Don't stop: the sea's \"blue\", the ferry's late.",
]


def make_tokenizer(folder: Path, spec: Mapping[str, Any], texts: list[str]) -> Path:
    """A tokenizer folder as `phon tokenizer` writes it."""
    notation = load_notation(spec)
    symbols = symbols_of(describe(notation))
    chunks = {(" " if at else "") + word: 3 for text in texts for at, word in enumerate(text.split(" "))}
    learnt = learn(chunks, symbols, 520, 1000, SPECIALS, notation.name)
    tokens = [*SPECIALS, *learnt.vocabulary]
    folder.mkdir()
    (folder / "tokenizer.json").write_text(build_tokenizer(tokens, learnt.merges, symbols), encoding="utf-8")
    (folder / "tokenizer_config.json").write_text("{}")
    Contract(
        notation=describe(notation),
        vocab_size=len(tokens),
        bos=0,
        eos=1,
        pad=2,
        openings={"plays": [0, 3]},
        documents={"plays": 2},
        tokenizer_sha256=sha256_file(folder / "tokenizer.json"),
    ).write(folder)
    return folder


@pytest.fixture(scope="module")
def phones(tmp_path_factory: pytest.TempPathFactory) -> Path:
    spec = {"name": "arpabet", "options": {}}
    return make_tokenizer(tmp_path_factory.mktemp("phones") / "made", spec, load_notation(spec).convert(ENGLISH))


def made(folder: Path, tokenizer: Path, kind: str = "gpt2", **settings: Any) -> Path:
    """A model folder with random weights."""
    vocabulary = Vocabulary.read(tokenizer)
    size = vocabulary.contract.vocab_size
    folder.mkdir()
    if kind == "gpt2":
        model: Any = random_model(gpt2.Shape(size, 16, 2, 2, 16, 48))
    else:
        sizes = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 4}
        given = {**sizes, "num_key_value_heads": 2, "tie_word_embeddings": False, **settings}
        model = library.Shape(size, 16, kind, architecture.settings_of(kind, given), pad=2).build()
        model.initialise(torch.Generator().manual_seed(0))
    write_model(folder, model.shape, model.weights(), vocabulary)
    return folder


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
def test_a_file_says_all_that_llama_cpp_asks_for(phones: Path, tmp_path: Path, kind: str) -> None:
    folder, path = made(tmp_path / "model", phones, kind), tmp_path / "model.gguf"
    write_gguf(folder, path, "sea", "mit")
    reader = gguf.GGUFReader(path)
    said = {name: reader.get_field(name).contents() for name in reader.fields if not name.startswith("GGUF.")}
    assert [said[f"general.{key}"] for key in ("architecture", "name", "license")] == [kind, "sea", "mit"]
    sizes = [said[f"{kind}.{name}"] for name in ("context_length", "block_count", "embedding_length")]
    assert sizes == [16, 2, 16]
    assert (said["tokenizer.ggml.bos_token_id"], said["tokenizer.ggml.eos_token_id"]) == (0, 1)
    assert said["tokenizer.ggml.add_bos_token"] is True
    assert said["tokenizer.ggml.tokens"][:4] == SPECIALS
    kinds = said["tokenizer.ggml.token_type"]
    assert (kinds[:4], kinds.count(BYTE)) == ([CONTROL] * 4, 1 + 128)  # NUL, and bytes that are no characters
    names = {tensor.name for tensor in reader.tensors}
    assert {"token_embd.weight", "output_norm.weight", "blk.1.ffn_down.weight"} <= names
    assert ("output.weight" in names) == (kind == "llama")  # untied there
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model", "model.gguf"]


def test_a_matrix_that_is_another_is_noticed(phones: Path, tmp_path: Path) -> None:
    folder, path = made(tmp_path / "model", phones), tmp_path / "model.gguf"
    write_gguf(folder, path)
    model, contract, tokenizer = read_model(folder)
    named = {
        tensor.name: torch.from_numpy(tensor.data.copy()).reshape([*map(int, tensor.shape[::-1])])
        for tensor in gguf.GGUFReader(path).tensors
    }
    check_file(path, named, tokenizer, contract)
    stored = model.weights()["transformer.h.0.mlp.c_fc.weight"]  # transformers has the input first
    assert torch.equal(named["blk.0.ffn_up.weight"], stored.T)
    named["blk.0.ffn_up.weight"][0, 0] += 1
    with pytest.raises(AssertionError, match="ffn_up"):
        check_file(path, named, tokenizer, contract)


def test_queries_are_turned_in_pairs_as_halves_were() -> None:
    # llama.cpp turns rows 2i and 2i + 1 of a head by the angle by which transformers turns rows i and i + width / 2.
    rows = torch.arange(8.0)[:, None]
    assert interleaved(rows, 2).flatten().tolist() == [0, 2, 1, 3, 4, 6, 5, 7]


@pytest.mark.parametrize(
    "spec",
    [
        {"name": "arpabet", "options": {"form": "spaced"}},
        {"name": "arpabet", "options": {"stress": False}},
        {"name": "ipa", "options": {"syllables": True}},
    ],
)
def test_the_ids_of_any_text_are_those_of_the_models_tokenizer(tmp_path: Path, spec: dict[str, Any]) -> None:
    from tokenizers import Tokenizer

    from pipeline.gguf_file import tokenizer_of

    folder = make_tokenizer(tmp_path / "made", spec, load_notation(spec).convert(ENGLISH))
    tokens = tokens_of(json.loads((folder / "tokenizer.json").read_text()), Contract.read(folder))

    class Field:
        def __init__(self, value: list[str]) -> None:
            self.contents = lambda: value

    class Reader:
        def get_field(self, name: str) -> Field:
            return Field({"tokenizer.ggml.tokens": tokens.texts, "tokenizer.ggml.merges": tokens.merges}[name])

    ours, theirs = Tokenizer.from_file(str(folder / "tokenizer.json")), tokenizer_of(Reader())
    draw = random.Random(0)
    signs = [*"aeiˈəɹt͡ʃAEHN012|,.'’\"( \n\t\0é日🙂-", " "]
    for _ in range(2000):
        text = "".join(draw.choices(signs, k=12))
        assert theirs.encode(text).ids == ours.encode(text).ids, text
    assert ESCAPED not in "".join(signs)


def test_merges_that_a_cut_would_keep_apart_are_refused(tmp_path: Path) -> None:
    # in plain text "ferry's" is one pre-token, in which ' and s may merge; in "'so" they are cut apart
    folder = make_tokenizer(tmp_path / "made", {"name": "text"}, [*ENGLISH, "it's he's 's so so so"])
    with pytest.raises(PipelineError, match=r"a merge joins .*', which this tokenizer sometimes cuts apart") as e:
        write_gguf(made(tmp_path / "model", folder), tmp_path / "model.gguf")
    assert e.value.hint
    assert not (tmp_path / "model.gguf").exists()


@pytest.mark.parametrize(
    ("kind", "settings", "said"),
    [("mistral", {}, "the architecture mistral"), ("llama", {"attention_bias": True}, "a Llama with biases")],
)
def test_another_architecture_is_refused(
    phones: Path, tmp_path: Path, kind: str, settings: dict[str, Any], said: str
) -> None:
    with pytest.raises(PipelineError, match=f"no GGUF file can be written of {said}"):
        write_gguf(made(tmp_path / "model", phones, kind, **settings), tmp_path / "model.gguf")
