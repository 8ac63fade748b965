"""The four commands of the README as a reader types them: real processes, in an empty folder, with no paths."""

import bz2
import csv
import gzip
import io
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from pipeline.bpe import byte_characters, symbol_merges
from tests.crash import tree
from tests.toy import TOY
from train.contract import Contract
from train.notation import load_notation
from train.shards import SPLITS, Shards, open_split

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
LAUNCH = ["accelerate", "launch", "--num_processes", "1", "--num_machines", "1", "--mixed_precision", "no"]
LAUNCH += ["--dynamo_backend", "no", str(ROOT / "train" / "run.py")]
TYPES = ["diary", "essays", "letters", "notes", "stories", "verse"]


def run(folder: Path, *command: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    """One command in `folder`, as typed there."""
    done = subprocess.run(command, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, timeout=240)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done


def told(folder: Path, *command: str) -> dict[str, Any]:
    """What a command that was asked for JSON says."""
    answer: dict[str, Any] = json.loads(run(folder, *command, "--json").stdout)
    return answer


def sample_texts(kind: str, count: int) -> dict[str, str]:
    """The first documents of a kind in samples/corpus, by name, the shortest first."""
    texts = {path.stem: path.read_text(encoding="utf-8").strip() for path in (ROOT / "samples/corpus" / kind).iterdir()}
    return dict(sorted(texts.items(), key=lambda item: (len(item[1]), item[0]))[:count])


def write_corpus(folder: Path) -> Path:
    """Six types in as many formats. All but verse hold the same six letters, each short enough to stay whole."""
    for name in TYPES:
        (folder / name).mkdir(parents=True)
    letters = sample_texts("letters", 6)
    records = [{"name": name, "text": text} for name, text in letters.items()]

    for number, (name, text) in enumerate(sample_texts("verse", 15).items()):
        suffix = (".txt", ".md", ".txt.bz2")[number % 3]
        data = b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode()  # as Windows would have it
        (folder / "verse" / f"{name}{suffix}").write_bytes(bz2.compress(data) if suffix.endswith("bz2") else data)

    lines = "".join(json.dumps(record) + "\n" for record in records)
    (folder / "letters" / "post.jsonl.gz").write_bytes(gzip.compress(lines.encode()))

    with (folder / "notes" / "kept.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, ["name", "text"])
        table.writeheader()
        table.writerows(records)

    pq.write_table(pa.Table.from_pylist(records), folder / "essays" / "all.parquet")

    with zipfile.ZipFile(folder / "stories" / "some.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in (letters | sample_texts("stories", 6)).items():
            archive.writestr(f"inner/{name}.txt", text)

    with tarfile.open(folder / "more.tar.xz", "w:xz") as archive:  # at the top: its own folders are the types
        for name, text in letters.items():
            member = tarfile.TarInfo(f"diary/{name}.txt")
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
    return folder


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The four commands, run once; what each said, and `place`, where."""
    place = tmp_path_factory.mktemp("chain")
    corpus = write_corpus(tmp_path_factory.mktemp("reader") / "texts")
    said = {
        "place": place,
        "corpus": corpus,
        "prepare": told(place, "phon", "prepare", str(corpus)),
        "tokenizer": told(place, "phon", "tokenizer"),
    }
    run(place, *LAUNCH, *TOY)
    said["generate"] = run(place, "phon", "generate", "--n", "12", "--json", "--max-new-tokens", "30").stdout
    return said


@pytest.fixture
def workspace(chain: dict[str, Any], tmp_path: Path) -> Path:
    """A copy of the chain's data, to disturb."""
    shutil.copytree(chain["place"] / "data", tmp_path / "data")
    return tmp_path


def documents(place: Path) -> list[dict[str, Any]]:
    """The converted documents, in order."""
    rows: list[dict[str, Any]] = pa.concat_tables(
        pq.read_table(path) for path in sorted((place / "data" / "text").glob("*.parquet"))
    ).to_pylist()
    return rows


def shard_rows(place: Path) -> Iterator[list[int]]:
    """The tokens of each document, training first."""
    for split in SPLITS:
        shards: Shards = open_split(place / "data" / "shards", split)
        for start, length in zip(shards.starts, shards.lengths, strict=True):
            yield shards.read(int(start), int(start + length)).tolist()


def test_every_format_gives_its_type_and_both_splits_have_documents(chain: dict[str, Any]) -> None:
    said = chain["prepare"]
    stories = said["documents_by_type"].pop("stories")
    assert said["documents_by_type"] == {"diary": 6, "essays": 6, "letters": 6, "notes": 6, "verse": 15}
    assert stories > 6 + 6  # stories longer than a passage are several
    assert min(said["documents_by_split"].values()) > 0
    assert (said["notation"]["name"], said["notation"]["options"]) == ("arpabet", {"form": "compact", "stress": True})
    assert chain["tokenizer"]["validation"]["documents"] == said["documents_by_split"]["validation"]


def test_a_text_says_the_same_in_every_format(chain: dict[str, Any]) -> None:
    by_type: dict[str, set[str]] = {}
    for document in documents(chain["place"]):
        by_type.setdefault(document["type"], set()).add(document["text"])
    assert len(by_type["letters"]) == 6
    assert by_type["letters"] == by_type["diary"] == by_type["notes"] == by_type["essays"]
    assert by_type["letters"] < by_type["stories"]


def test_every_converted_document_is_valid(chain: dict[str, Any]) -> None:
    notation = load_notation(chain["prepare"]["notation"])
    assert [d["id"] for d in documents(chain["place"]) if notation.problems(d["text"])] == []


def test_a_token_stands_for_each_type_and_opens_its_documents(chain: dict[str, Any]) -> None:
    place = chain["place"]
    contract = Contract.read(place / "data" / "tokenizer")
    vocabulary = json.loads((place / "data" / "tokenizer" / "tokenizer.json").read_text())["model"]["vocab"]
    assert contract.openings == {name: [contract.bos, vocabulary[f"<|type:{name}|>"]] for name in TYPES}
    openings = {tuple(row[:2]) for row in shard_rows(place)}
    assert openings == {tuple(opening) for opening in contract.openings.values()}
    assert {row[-1] for row in shard_rows(place)} == {contract.eos}


def test_transformers_alone_gives_the_ids_of_the_shards(chain: dict[str, Any]) -> None:
    from transformers import AutoTokenizer

    place = chain["place"]
    contract = Contract.read(place / "data" / "tokenizer")
    tokenizer = AutoTokenizer.from_pretrained(place / "data" / "tokenizer")
    expected = sorted(
        [*contract.opening(d["type"]), *tokenizer(d["text"], add_special_tokens=False).input_ids, contract.eos]
        for d in documents(place)
    )
    assert sorted(shard_rows(place)) == expected


def test_samples_of_a_type_start_with_its_stored_opening(chain: dict[str, Any]) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    place = chain["place"]
    folder = place / "runs" / "tiny" / "model"
    contract = Contract.read(folder)
    assert contract == Contract.read(place / "data" / "tokenizer")
    model, tokenizer = AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    for name in TYPES:
        command = ["phon", "generate", "--type", name, "--temperature", "0", "--max-new-tokens", "12", "--json"]
        (line,) = run(place, *command, "--no-valid", "--n", "1").stdout.splitlines()
        sample = json.loads(line)
        assert sample["type"] == name
        # The likeliest tokens after the opening, as transformers finds them.
        ids = torch.tensor([contract.opening(name)])
        for _ in range(12):
            logits = model(ids).logits[0, -1]
            logits[sorted(contract.special_ids() - {contract.eos})] = -torch.inf
            ids = torch.cat([ids, logits.argmax().view(1, 1)], dim=1)
            if ids[0, -1] == contract.eos:
                break
        assert sample["text"] == tokenizer.decode(ids[0], skip_special_tokens=True).strip(" "), name


def test_without_a_type_samples_of_known_types_come(chain: dict[str, Any]) -> None:
    samples = [json.loads(line) for line in chain["generate"].splitlines()]
    assert len(samples) == 12
    assert {sample["type"] for sample in samples} <= set(TYPES)
    assert all(isinstance(sample["valid"], bool) and sample["n_tokens"] <= 30 for sample in samples)


def test_done_twice_nothing_is_done(chain: dict[str, Any]) -> None:
    place = chain["place"]
    before = tree(place / "data")
    assert told(place, "phon", "prepare", str(chain["corpus"]))["up_to_date"]
    assert told(place, "phon", "tokenizer")["up_to_date"]
    assert told(place, "phon", "pack")["up_to_date"]
    assert "up to date" in run(place, "phon", "prepare", str(chain["corpus"])).stdout
    assert tree(place / "data") == before


def test_one_changed_file_is_prepared_and_tokenized_again(
    chain: dict[str, Any], workspace: Path, tmp_path: Path
) -> None:
    corpus = tmp_path / "texts"
    shutil.copytree(chain["corpus"], corpus)
    changed = next((corpus / "verse").glob("*.txt"))
    changed.write_text("Nothing is left of what stood here.", encoding="utf-8")
    again = told(workspace, "phon", "prepare", str(corpus))
    assert not again["up_to_date"] and again["documents"] <= chain["prepare"]["documents"]
    assert any(d["original"].startswith("Nothing is left") for d in documents(workspace))
    assert not told(workspace, "phon", "tokenizer")["up_to_date"]
    assert sum(1 for _ in shard_rows(workspace)) == again["documents"]


def test_a_tokenizer_killed_at_any_time_and_run_again_gives_the_same_bytes(
    chain: dict[str, Any], workspace: Path
) -> None:
    whole = tree(chain["place"] / "data")
    for name in ("tokenizer", "shards"):
        shutil.rmtree(workspace / "data" / name)
    started = time.monotonic()
    told(workspace, "phon", "tokenizer")
    seconds = time.monotonic() - started
    assert tree(workspace / "data") == whole
    draw = random.Random(int.from_bytes(os.urandom(4)))
    moments = [draw.uniform(0.2, 1) * seconds for _ in range(3)]  # before that Python is still starting
    for moment in moments:
        for name in ("tokenizer", "shards"):
            shutil.rmtree(workspace / "data" / name)
        process = subprocess.Popen(
            ["phon", "tokenizer"], cwd=workspace, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        time.sleep(moment)
        process.send_signal(signal.SIGKILL)
        process.wait()
        run(workspace, "phon", "tokenizer")
        assert tree(workspace / "data") == whole, moments


def test_packing_alone_gives_the_same_bytes(chain: dict[str, Any], workspace: Path) -> None:
    shutil.rmtree(workspace / "data" / "shards")
    assert not told(workspace, "phon", "pack")["up_to_date"]
    assert tree(workspace / "data") == tree(chain["place"] / "data")


@pytest.mark.parametrize(("encoding", "start"), [("latin-1", b""), ("utf-16", b""), ("cp1252", b"\x93")])
def test_a_text_in_another_encoding_says_the_same(tmp_path: Path, encoding: str, start: bytes) -> None:
    text = "Señor Muñoz's café: naïve façade, £5 and ½ a crème brûlée.\nThe soufflé fell."
    said = []
    for name, data in (("utf-8", text.encode()), (encoding, start + text.encode(encoding))):
        place = tmp_path / name
        place.mkdir()
        (place / "menu.txt").write_bytes(data)
        told(place, "phon", "prepare", "menu.txt", "--encoding", name)
        said += [document["text"] for document in documents(place)]
    assert said[1].removeprefix('"') == said[0] and "kA0fe1" in said[0]


def test_the_workspace_is_no_part_of_the_corpus_around_it(tmp_path: Path) -> None:
    (tmp_path / "data" / "mine").mkdir(parents=True)
    (tmp_path / "data" / "mine" / "a.txt").write_text("What lies in a folder called data is read.")
    (tmp_path / "tales").mkdir()
    (tmp_path / "tales" / "b.txt").write_text("The workspace is the folder of the texts themselves.")
    first = told(tmp_path, "phon", "prepare", ".", "--to", "text")
    told(tmp_path, "phon", "tokenizer")
    (tmp_path / "runs" / "tiny").mkdir(parents=True)
    (tmp_path / "runs" / "tiny" / "log.jsonl").write_text('{"text": "not a document"}\n')
    again = told(tmp_path, "phon", "prepare", ".", "--to", "text")
    assert first["documents_by_type"] == {"data": 1, "tales": 1}
    assert again["up_to_date"] and again["documents"] == 2
    refused = run(tmp_path, "phon", "prepare", "data/text", code=1).stderr
    assert refused.startswith("error: data/text is where phon itself writes\nhint: keep your texts in another folder")


@pytest.fixture(scope="module")
def typed(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Four types of real text, prepared and tokenized as the README says."""
    place = tmp_path_factory.mktemp("typed")
    prepared = told(place, "phon", "prepare", str(shared_data / "typed"))
    return {"place": place, "prepare": prepared, "tokenizer": told(place, "phon", "tokenizer")}


def test_four_types_of_real_text_are_all_valid(typed: dict[str, Any]) -> None:
    assert typed["prepare"]["documents_by_type"].keys() == {"addresses", "inaugurals", "plays", "scripture"}
    notation = load_notation(typed["prepare"]["notation"])
    converted = documents(typed["place"])
    assert len(converted) == typed["prepare"]["documents"] > 2000
    wrong = {d["id"]: found for d in converted if (found := notation.problems(d["text"]))}
    assert wrong == {}


def test_no_token_of_real_text_splits_a_symbol(typed: dict[str, Any]) -> None:
    symbols = list(load_notation(typed["prepare"]["notation"]).symbols)
    tokenizer = json.loads((typed["place"] / "data" / "tokenizer" / "tokenizer.json").read_text())
    names = tokenizer["model"]["vocab"]
    specials = set(typed["tokenizer"]["specials"])
    parts = set(byte_characters()) | {left + right for left, right in symbol_merges(symbols)}
    whole = re.compile(f"Ġ?(?:(?:{'|'.join(map(re.escape, symbols))})+|[^a-zA-Z@0-9]+)")
    assert [name for name in names if name not in specials | parts and not whole.fullmatch(name)] == []
    # Single bytes are tokens too, so that anything can be encoded; but no text of this corpus is cut inside a symbol.
    vowels = {symbol[0] for symbol in symbols if len(symbol) == 2}
    ends = pa.array(sorted(index for name, index in names.items() if name[-1] in vowels and name not in specials))
    starts = pa.array(sorted(index for name, index in names.items() if name[0] in "012"))
    for split in SPLITS:
        shards = open_split(typed["place"] / "data" / "shards", split)
        tokens = pa.array(shards.read(0, shards.n_tokens)).cast(pa.int64())
        for pieces in (ends, starts):
            assert not pc.any(pc.is_in(tokens, value_set=pieces.cast(pa.int64()))).as_py()
