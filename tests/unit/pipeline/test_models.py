import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pipeline.cli import main
from pipeline.models import brief, command
from train import config as configs
from train.contract import Contract
from train.files import sha256_file


def invoke(place: Path, *arguments: str) -> Result:
    return CliRunner().invoke(command, ["--workspace", str(place), *arguments], catch_exceptions=False)


@pytest.fixture
def with_tokenizer(tmp_path: Path) -> Path:
    """A workspace whose tokenizer has 384 tokens."""
    folder = tmp_path / "data" / "tokenizer"
    folder.mkdir(parents=True)
    (folder / "tokenizer.json").write_text("{}")
    Contract(
        notation={"name": "text", "version": "1", "options": {}},
        vocab_size=384,
        bos=0,
        eos=1,
        pad=2,
        openings={"": [0]},
        documents={"": 2},
        tokenizer_sha256=sha256_file(folder / "tokenizer.json"),
    ).write(folder)
    return tmp_path


def test_every_config_has_a_line_that_fits_a_terminal(with_tokenizer: Path) -> None:
    lines = invoke(with_tokenizer).stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert [line.split()[0] for line in lines[:3]] == list(configs.FAMILIES)
    table = {line.split()[0]: " ".join(line.split()[1:]) for line in lines[4:] if line}
    assert set(configs.names()) < table.keys()
    assert table["config"] == "family shape published ours memory FLOPs"
    assert table["gpt2-125m"] == "gpt2 12x12x768 124 M 86.1 M 4.5 GB 625 M"
    assert table["t5-base-220m"].startswith("t5 24x12x768 223 M 199 M >3.2 GB ")


def test_programs_get_an_object_a_config(tmp_path: Path, with_tokenizer: Path) -> None:
    (row,) = json.loads(invoke(with_tokenizer, "t5-small", "--json").stdout)
    assert (row["name"], row["family"], row["model_type"]) == ("t5-small", "transformers", "t5")
    assert (row["published_vocab_size"], row["parameters_published"]) == (32_128, 60_506_624)
    assert (row["vocab_size"], row["parameters"]) == (384, 60_506_624 - (32_128 - 384) * 512)
    assert (row["memory_bytes"], row["memory_has_activations"]) == (16 * row["parameters"], False)
    (row,) = json.loads(invoke(tmp_path / "empty", "tiny", "--json").stdout)
    assert (row["vocab_size"], row["parameters"], row["parameters_published"]) == (None, None, 7_357_312)


def test_one_config_is_shown_with_its_comments(tmp_path: Path) -> None:
    shown = invoke(tmp_path, "tiny").stdout
    assert "4 layers, 4 heads, width 128" in shown
    assert (configs.FOLDER / "tiny.toml").read_text() in shown


def test_a_config_that_is_not_there_is_told_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "tinny"]) == 1
    assert "hint: did you mean 'tiny'?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("number", "said"),
    [(None, ""), (7, "7 "), (974_000, "974 k"), (1_500_000, "1.5 M"), (124_439_808, "124 M"), (1_557_611_200, "1.6 G")],
)
def test_numbers_are_brief(number: int | None, said: str) -> None:
    assert brief(number) == said
