"""`phon export` on a run that was trained, by the command itself."""

import json
import re
import shutil
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from huggingface_hub import ModelCard, SpaceCard
from transformers import AutoTokenizer

from pipeline import space_app
from pipeline.errors import PipelineError
from pipeline.export import begin_texts, command
from pipeline.legend import WORDS
from pipeline.markup import Code, block, cell
from tests.models import make_tokenizer
from tests.toy import log
from train.contract import Contract
from train.export import read_model
from train.history import read_history
from train.manifest import Manifest


def export(workspace: Path, *options: str) -> dict[str, Any]:
    done = CliRunner().invoke(command, ["--workspace", str(workspace), "--json", *options])
    if done.exception:
        raise done.exception
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture(scope="module")
def workspace(left_alone: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("exported")
    (place / "data").symlink_to((left_alone / "data").resolve())
    shutil.copytree(left_alone / "runs", place / "runs")
    return place


@pytest.fixture(scope="module")
def folder(workspace: Path) -> Path:
    return Path(export(workspace, "--licence", "CC0-1.0", "--n", "2")["folder"])


def test_the_card_tells_what_the_run_recorded(workspace: Path, folder: Path) -> None:
    assert folder == workspace / "exports" / "tiny"
    text = (folder / "README.md").read_text(encoding="utf-8")
    head = vars(ModelCard(text).data)
    assert [head[key] for key in ("license", "library_name")] == ["cc0-1.0", "transformers"]
    assert {"phon", "text", "gpt2"} == set(head["tags"])
    best = min((record for record in log(workspace) if "val_loss" in record), key=lambda one: one["val_bits_per_byte"])
    assert f"| bits per byte of the original text | {best['val_bits_per_byte']:.4f} |" in text
    assert f"| loss, nats a token | {best['val_loss']:.4f} |" in text
    made = Manifest.read(workspace / "data" / "text")
    assert made is not None
    for one in made.inputs[:5]:
        assert f"| {Code(one['name'])} | {one['size_bytes']:,} | {Code(one['sha256'])} |" in text
    for name, value in read_history(workspace / "runs" / "tiny").settings.items():
        assert f"{name} = {json.dumps(value)}" in text
    assert "phon generate --run . --n 2 --temperature 0.7 --seed 0" in text
    assert r"| – | `<\|bos\|>` | 0 |" in text


def test_the_code_of_the_card_runs_and_starts_as_training_did(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names: dict[str, Any] = {"TEXT": "The sea"}
    monkeypatch.chdir(folder.parent)
    for code in re.findall(r"```python\n(.*?)```", (folder / "README.md").read_text(), re.DOTALL):
        exec(code, names)
        assert names["made"][0, 0] == 0
    assert names["tokenizer"].decode(names["made"][0], skip_special_tokens=True).startswith("The sea")


def test_phon_reads_what_it_exported(workspace: Path, folder: Path) -> None:
    model, contract, tokenizer = read_model(folder)
    before, _, plain = read_model(workspace / "runs" / "tiny" / "model")
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), before.parameters(), strict=True))
    assert tokenizer.encode("The sea").ids == [*contract.openings[""], *plain.encode("The sea").ids]


def test_with_types_a_text_begins_as_the_commonest_type(tmp_path: Path) -> None:
    folder = make_tokenizer(tmp_path / "made")
    contract = replace(Contract.read(folder), documents={"plays": 2, "poems": 3})
    begin_texts(folder, contract)
    made = AutoTokenizer.from_pretrained(folder)
    assert made("A")["input_ids"] == [*contract.openings["poems"], *made.encode("A", add_special_tokens=False)]
    assert made.decode(made("A")["input_ids"]) == "<|bos|><|type:poems|>A"
    assert Contract.read(folder).openings == contract.openings


def test_an_export_is_whole_and_not_made_twice(workspace: Path, folder: Path) -> None:
    found = Manifest.read(folder)
    assert found is not None and found.damage(folder) is None
    assert {path.name for path in folder.iterdir()} == {*found.files, "manifest.json"}
    assert [path.name for path in folder.parent.iterdir() if path.name.startswith(".")] == []
    assert export(workspace, "--licence", "CC0-1.0", "--n", "2")["up_to_date"]


def test_what_is_not_an_untouched_export_is_left_alone(
    workspace: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(PipelineError, match="was not written by phon export"):
        export(workspace, "--out", str(tmp_path))
    mine = shutil.copytree(folder, tmp_path / "mine")
    (mine / "README.md").write_text("my own words")
    with pytest.raises(PipelineError, match=r"README.md has .*, and exporting again would lose that"):
        export(workspace, "--out", str(mine))
    mended = shutil.copytree(folder, tmp_path / "mended")
    (mended / "picture.png").write_bytes(b"")
    with pytest.raises(PipelineError, match=r"picture.png was put there since"):
        export(workspace, "--out", str(mended))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PipelineError, match="was not written by phon export"):
        export(workspace, "--out", ".")
    assert (tmp_path / "thesis.tex").read_text() == "years of work"
    assert (mine / "README.md").read_text() == "my own words"


def test_a_space_writes_samples_with_the_phon_it_brings(
    workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    space = tmp_path / "space"
    export(workspace, "--space", "--out", str(space), "--n", "0", "--licence", "my own")
    head = vars(SpaceCard((space / "README.md").read_text()).data)
    assert [head[key] for key in ("sdk", "app_file")] == ["gradio", "app.py"]
    assert [head[key] for key in ("license", "license_name")] == ["other", "my-own"]
    assert {"gradio>=6,<7", "torch>=2.10"} <= set((space / "requirements.txt").read_text().split())
    (wheel,) = space.glob("phon-*.whl")
    with zipfile.ZipFile(wheel) as file:
        assert file.testzip() is None
        assert "phon-0.1.0.dist-info/entry_points.txt" in file.namelist()
    asked = (
        "import app, sys; app.unpack(); import pipeline.export\n"
        "from importlib.metadata import files\n"
        "assert pipeline.__file__.startswith(sys.path[0]), pipeline.__file__\n"
        "assert all(one.hash for one in files('phon') if one.name != 'RECORD')\n"
        "from train.notation import load_notation; print(load_notation({'name': 'arpabet'}).convert(['the sea']))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(space)!r})\n{asked}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (0, "['DA0 si1']\n"), done.stderr
    monkeypatch.setattr(space_app, "MODEL", space / "model")
    said = space_app.write("the sea", 0.8, "any", 2, 0)
    assert len(re.findall(r"\*\*\d\*\* .*valid\n\n```text\nthe sea", said)) == 2
    assert "temperature = -1.0 means nothing" in space_app.write("x", -1, "any", 1, 0)


def test_the_page_of_a_space_can_be_built(workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gradio = pytest.importorskip("gradio", reason="gradio wants other versions than phon is tested with")
    monkeypatch.setattr(space_app, "MODEL", workspace / "runs" / "tiny" / "model")
    assert isinstance(space_app.page(), gradio.Interface)


def test_options_that_do_not_go_together_are_refused(workspace: Path) -> None:
    for options in (["--gguf", "x.gguf", "--push", "me/x"], ["--private"]):
        with pytest.raises(PipelineError) as e:
            export(workspace, *options)
        assert e.value.exit_code == 2


def test_each_word_of_the_legend_has_its_phone() -> None:
    from phonetic.arpabet import Arpabet

    spoken = dict(zip(WORDS, Arpabet(form="spaced", stress=False).convert([*WORDS.values()]), strict=True))
    assert {name: said for name, said in spoken.items() if name not in said.split()} == {}


@pytest.mark.parametrize("text", ["<|bos|>", "a|b", "``x`", "*bold*\n# head", "<script>"])
def test_what_is_put_into_markdown_stays_what_it_is(text: str) -> None:
    assert "\n" not in cell(text) and not re.search(r"(?<!\\)[|<*]", cell(text))
    assert re.fullmatch(r"(`+) ?(.*?) ?\1", Code(text.replace("\n", " ")))
    assert block(text).splitlines()[1:-1] == text.splitlines()
