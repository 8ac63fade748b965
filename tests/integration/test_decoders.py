"""Decoders from a corpus to samples: with types and sub-types, resumed, and in transformers' hands."""

import json
import shutil
from pathlib import Path

import pytest
import torch

from pipeline.cli import main
from tests.elsewhere import logits_without_phon
from tests.forked import done, train
from tests.toy import ROOT, linked, losses, phon, weights
from train.decoder import Decoder
from train.export import read_model

SMALL = ["model.n_layer=2", "model.n_embd=32", "model.n_head=4", "data.seq_len=64", "model.published_vocab_size=384"]
SMALL += ["train.epochs=none", "train.max_steps=12", "train.global_batch=512", "train.micro_batch=4"]
SMALL += ["optim.lr=3e-3", "optim.warmup_steps=1", "log.log_every=1", "log.eval_every=6", "log.save_every=5"]
ORCA = ["--config", "orca", *SMALL, "model.head_width=8", "model.alibi_heads=2", "log.name=orca"]
TYPES = ["--config", "structured-22l-types", *SMALL, "log.name=types"]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace of plays, and of poems in two kinds."""
    place = tmp_path_factory.mktemp("decoders")
    essays, verse = (sorted((ROOT / "samples" / "corpus" / name).iterdir()) for name in ("essays", "verse"))
    for name, files in (("plays", essays), ("poems/odes", verse[::2]), ("poems/sonnets", verse[1::2])):
        (place / "corpus" / name).mkdir(parents=True)
        for file in files:
            shutil.copy(file, place / "corpus" / name)
    phon("prepare", str(place / "corpus"), "--type-levels", "2", "--to", "text", "--workspace", str(place))
    phon("tokenizer", "--vocab-size", "384", "--workspace", str(place))
    return place


def trained(prepared: Path, place: Path, *settings: str, code: int = 0, stop_at: int | None = None) -> None:
    place.mkdir(exist_ok=True)
    if not (place / "data").exists():
        linked(prepared, place)
    assert done(train, ["--workspace", str(place), *settings], place / "said", None, stop_at) == code, (
        place / "said"
    ).read_text()


def generated(place: Path, *options: str) -> int:
    return main(["generate", "--workspace", str(place), "--n", "3", "--max-new-tokens", "12", "--json", *options])


def test_orca_learns_resumes_samples_and_loads_in_transformers(
    prepared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place, alone = tmp_path / "stopped", tmp_path / "alone"
    trained(prepared, alone, *ORCA)
    trained(prepared, place, *ORCA, code=5, stop_at=7)
    trained(prepared, place, *ORCA)
    assert weights(place, "orca") == weights(alone, "orca")
    seen = [loss for _, loss in losses(place, "orca")]
    assert len(seen) == 12 and seen[-1] < seen[0] - 0.1
    assert generated(place) == 0
    assert len(capsys.readouterr().out.splitlines()) == 3
    folder = place / "runs" / "orca" / "model"
    model = read_model(folder)[0]
    assert isinstance(model, Decoder)
    tokens = [[0, 3, 40, 50, 60, 70]]
    with torch.no_grad():
        expected = model.logits(torch.tensor(tokens), model.start(1, 6))
    work = {"AutoModelForCausalLM": (str(folder), {"input_ids": tokens})}
    found = logits_without_phon(work, tmp_path / "home")["AutoModelForCausalLM"]
    torch.testing.assert_close(torch.tensor(found), expected, rtol=0, atol=1e-5)


def test_an_encoder_without_pairs_is_refused(prepared: Path, tmp_path: Path) -> None:
    trained(prepared, tmp_path, "--config", "structured-22l-pairs", *SMALL, "model.n_encoder_layer=1", code=1)
    said = (tmp_path / "said").read_text()
    assert "the model has an encoder, and the corpus has no sources for it to read" in said
    assert "Traceback" not in said


def test_sub_types_lead_from_folders_to_samples(
    prepared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trained(prepared, tmp_path, *TYPES)
    model, contract, _ = read_model(tmp_path / "runs" / "types" / "model")
    assert sorted(contract.openings) == ["plays", "poems/odes", "poems/sonnets"]
    assert isinstance(model, Decoder)
    tokens = [contract.openings[name][-1] for name in sorted(contract.openings)]
    assert model.shape.types == tuple(zip(tokens, (1, 2, 2), (0, 1, 2), strict=True))
    assert generated(tmp_path, "--type", "poems/sonnets") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line)["type"] for line in lines] == ["poems/sonnets"] * 3
    assert generated(tmp_path, "--type", "poems") == 1
    assert "its types are: plays, poems/odes, poems/sonnets" in capsys.readouterr().err
