import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
import torch
from click.testing import CliRunner
from tokenizers import Tokenizer

from phonetic.errors import PhoneticError
from pipeline import radio
from pipeline.cli import main
from pipeline.errors import PipelineError
from pipeline.layout import lay_out, wrap
from pipeline.sampler import Judged, Sampler
from pipeline.samples import command as samples_command
from tests.models import make_tokenizer
from tests.unit.pipeline.test_say import Beeper
from train.contract import Contract
from train.draw import Sampling
from train.export import Vocabulary, write_model
from train.files import read_tensors, write_tensors
from train.generate import generate
from train.gpt2 import GPT2, Shape
from train.notation import Problem
from train.targets import IGNORE

DOCUMENTS = {"plays": "to be or not to be", "poems": "once upon a midnight dreary"}
SHAPE = Shape(vocab_size=261, seq_len=32, n_layer=2, n_head=2, n_embd=32, n_inner=64)


def learn_by_heart(tokenizer_folder: Path) -> GPT2:
    """A model that knows one document of each type."""
    contract = Contract.read(tokenizer_folder)
    tokenizer = Tokenizer.from_file(str(tokenizer_folder / "tokenizer.json"))
    rows = [[*contract.opening(name), *tokenizer.encode(text).ids, 1] for name, text in DOCUMENTS.items()]
    tokens = torch.full((len(rows), SHAPE.seq_len), contract.pad)
    targets = torch.full_like(tokens, IGNORE)
    for i, row in enumerate(rows):
        tokens[i, : len(row)] = torch.tensor(row)
        targets[i, : len(row) - 1] = tokens[i, 1 : len(row)]
    model = GPT2(SHAPE)
    model.initialise(torch.Generator().manual_seed(0))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(60):
        optimizer.zero_grad()
        (model(tokens, targets) / (targets != IGNORE).sum()).backward()
        optimizer.step()
    return model


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with one run."""
    root = tmp_path_factory.mktemp("trained")
    tokenizer = make_tokenizer(root / "data" / "tokenizer")
    folder = root / "runs" / "small" / "model"
    folder.mkdir(parents=True)
    model = learn_by_heart(tokenizer)
    write_model(folder, model.shape, model.weights(), Vocabulary.read(tokenizer))
    (root / "runs" / "LATEST").write_text("small\n")
    return root


@pytest.fixture
def workspace(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COLUMNS", "100")
    root = Path(shutil.copytree(trained, tmp_path / "workspace"))
    monkeypatch.setenv("PHON_WORKSPACE", str(root))
    return root


def phon(*arguments: str) -> int:
    return main(["generate", *arguments])


def test_a_type_asked_for_is_the_type_that_comes(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert phon("--n", "2", "--type", "poems", "--temperature", "0") == 0
    out, err = capsys.readouterr()
    assert out == "✓ 1 · poems\n  once upon a midnight dreary\n\n✓ 2 · poems\n  once upon a midnight dreary\n\n"
    assert err.startswith("2 valid of 2, 56 tokens in ") and err.endswith("tokens/s), seed 0, run small, kept as 1\n")


def test_without_a_type_all_types_come(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert phon("--temperature", "0") == 0
    out = capsys.readouterr().out
    assert out.count("✓") == 10
    assert all(f"· {name}\n  {text}\n" in out for name, text in DOCUMENTS.items())


def test_json_has_an_object_a_line_that_says_how_it_was_made(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert phon("--json", "--n", "3", "--type", "plays", "--temperature", "0", "--prompt", "to be", "--seed", "7") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line) for line in lines] == [
        {
            "index": index,
            "type": "plays",
            "text": "to be or not to be",
            "ended": True,
            "valid": True,
            "problems": [],
            "n_tokens": 14,
            "run": "small",
            "checkpoint": None,
            "seed": 7,
            "temperature": 0.0,
            "top_k": None,
            "top_p": None,
            "min_p": None,
            "max_new_tokens": None,
            "prompt": "to be",
            "constraints": {},
        }
        for index in range(3)
    ]


def test_the_same_seed_gives_the_same_samples_whatever_the_batch(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outputs = []
    for options in (("--seed", "4"), ("--seed", "4", "--batch-size", "3"), ("--seed", "5")):
        assert phon("--json", "--temperature", "3", "--n", "6", *options) == 0
        outputs.append(capsys.readouterr().out)
    assert outputs[0] == outputs[1]
    assert outputs[0] != outputs[2]


def test_a_sample_that_does_not_end_is_marked_at_its_end(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert phon("--n", "1", "--type", "plays", "--temperature", "0", "--max-new-tokens", "5") == 0
    out, err = capsys.readouterr()
    assert out == (
        "✗ 1 · plays\n  to be\n" + " " * 7 + "^\n  character 6: stops at the length limit, without an end\n\n"
    )
    assert err.startswith("0 valid of 1")


def test_beams_find_the_likeliest_samples_first(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert phon("--json", "--num-beams", "3", "--n", "2", "--type", "poems") == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert found[0]["text"] == "once upon a midnight dreary" != found[1]["text"]
    assert found[0]["num_beams"] == 3 and found[0]["temperature"] == 0


def test_an_english_prompt_is_converted_and_part_of_the_sample(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert phon("--n", "1", "--type", "poems", "--temperature", "0", "--prompt", " once\n upon") == 0
    assert "  once upon a midnight dreary\n" in capsys.readouterr().out


def test_a_prompt_may_end_inside_a_word(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert phon("--n", "1", "--type", "poems", "--temperature", "0", "--prompt-phones", "once upon a mid") == 0
    assert "  once upon a midnight dreary\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "code", "message", "hint"),
    [
        (["--prompt-phones", "to  be"], 2, "--prompt-phones, character 4, ' ': a space that", "--prompt"),
        (["--prompt", "a", "--prompt-phones", "b"], 2, "--prompt and --prompt-phones are both given", "pass one"),
        (["--prompt", " \n"], 2, "nothing of the prompt", "pass words"),
        (["--type", "letters"], 1, "no type 'letters'", "plays, poems"),
        (["--prompt", "never " * 9], 1, "prompt has 53 tokens, with its opening 55; the model's context has 32", "29"),
        (["--max-new-tokens", "31"], 1, "max_new_tokens = 31, but of the context of 32", "30 or fewer"),
        (["--temperature", "-1"], 2, "temperature = -1.0 means nothing", "0 (greedy) or more"),
        (["--top-k", "0"], 2, "top_k = 0 means nothing", "1 or more"),
        (["--top-p", "0"], 2, "top_p = 0.0 means nothing", "at most 1"),
        (["--num-beams", "3", "--top-k", "4"], 2, "temperature and cuts are for drawing", "leave num_beams out"),
        (["--num-beams", "3", "--type", "poems"], 2, "and 10 are asked for", "--num-beams 10"),
        (["--n", "0"], 2, "n = 0 means nothing", "1 or more"),
        (["--strip", "1,hot"], 2, "--strip '1,hot' is no list of temperatures", "0.3,0.7"),
        (["--strip", "1", "--temperature", "1"], 2, "--strip and --temperature are both given", "one of them"),
        (["--strip", "1,-1"], 2, "temperature = -1.0 means nothing", "0 (greedy) or more"),
        (["--seed", "-4"], 2, "seed = -4 means nothing", "0 or more"),
        (["--run", "large"], 1, "no run 'large'", "there are: small"),
    ],
)
def test_a_mistake_is_told_in_one_line_with_a_hint(
    workspace: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    code: int,
    message: str,
    hint: str,
) -> None:
    assert phon(*arguments) == code
    out, err = capsys.readouterr()
    first, second = err.splitlines()
    assert out == ""
    assert first.startswith("error: ") and message in first
    assert second.startswith("hint: ") and hint in second


def test_without_a_run_it_says_to_train(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert phon("--workspace", str(tmp_path)) == 1
    err = capsys.readouterr().err
    assert "error: no run in" in err and "accelerate launch train/run.py" in err


def test_a_run_is_found_by_name_and_by_path(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = shutil.copytree(workspace / "runs" / "small", workspace / "runs" / "other")
    for name in ("other", str(run), str(run / "model")):
        assert phon("--n", "1", "--run", name, "--no-keep") == 0
        assert capsys.readouterr().err.endswith(f"run {name}\n")


def test_a_run_in_training_is_sampled_from_its_newest_checkpoint(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = workspace / "runs" / "small"
    (run / "checkpoints").mkdir()
    (run / "model").rename(run / "checkpoints" / "step-00000100")
    (run / "checkpoints" / "LATEST").write_text("step-00000100\n")
    assert phon("--n", "1", "--temperature", "0", "--json") == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["checkpoint"] == "step-00000100"
    assert "small has no finished model yet: sampling its checkpoint step-00000100\n" in err
    (run / "checkpoints" / "LATEST").unlink()
    assert phon() == 1
    assert "neither a model nor a checkpoint yet" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("phon.json", '"bos": 0', '"bos": 5', "phon.json says bos = 5, but by tokenizer.json it is 0"),
        ("tokenizer.json", "{", " {", "is not the tokenizer that"),
        ("config.json", '"bos_token_id": 0', '"bos_token_id": 50256', "config.json says bos_token_id = 50256"),
        ("config.json", '"n_layer": 2', '"n_layer": 3', "h.2.attn.c_attn.bias is missing"),
        ("phon.json", '"version": "1"', '"version": "0"', "was written by text version 0"),
    ],
)
def test_parts_that_do_not_belong_together_are_refused(
    workspace: Path, capsys: pytest.CaptureFixture[str], file: str, old: str, new: str, message: str
) -> None:
    path = workspace / "runs" / "small" / "model" / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    assert phon() == 1
    out, err = capsys.readouterr()
    assert out == "" and message in err.splitlines()[0] and err.splitlines()[1].startswith("hint: ")


def test_a_file_is_written_whole_instead_of_printing(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out_file = workspace / "samples" / "ten.jsonl"
    assert phon("--json", "--out", str(out_file)) == 0
    out, err = capsys.readouterr()
    assert out == "" and f"written to {out_file}" in err
    lines = out_file.read_text().splitlines()
    assert [json.loads(line)["index"] for line in lines] == list(range(10))
    assert [path.name for path in out_file.parent.iterdir()] == ["ten.jsonl"]
    assert phon("--n", "1", "--temperature", "0", "--type", "plays", "--out", str(out_file)) == 0
    assert out_file.read_text() == "✓ 1 · plays\n  to be or not to be\n\n"
    assert phon("--type", "letters", "--out", str(out_file)) == 1
    assert out_file.read_text().startswith("✓")  # an error leaves the old file


def test_the_trainers_model_and_the_written_one_give_the_same_samples(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tokenizer_folder = workspace / "data" / "tokenizer"
    model, contract = learn_by_heart(tokenizer_folder), Contract.read(tokenizer_folder)
    tokenizer = Tokenizer.from_file(str(tokenizer_folder / "tokenizer.json"))
    made = [sample.text(tokenizer) for sample in generate(model, contract, n=5, sampling=Sampling(2.0), seed=1)]
    assert phon("--json", "--n", "5", "--temperature", "2", "--seed", "1") == 0
    assert [json.loads(line)["text"] for line in capsys.readouterr().out.splitlines()] == made


def test_the_same_samples_at_several_temperatures(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert phon("--strip", "0,2,3", "--n", "2", "--type", "plays") == 0
    out, err = capsys.readouterr()
    blocks = re.split(r"temperature (\S+)\n", out)[1:]
    assert blocks[::2] == ["0", "2", "3"] and all(block.count(" · plays") == 2 for block in blocks[1::2])
    assert err.startswith("2 valid of 2 at 0, ") and err.endswith("kept as 1, 2, 3\n")
    assert phon("--temperature", "3", "--n", "2", "--type", "plays", "--no-keep") == 0
    assert capsys.readouterr().out.strip() == blocks[5].strip()


def test_json_tells_surprisal_english_and_where_it_is_said(
    workspace: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(radio, "Voice", Beeper)
    said = workspace / "said"
    options = ("--n", "1", "--type", "plays", "--temperature", "0", "--explain", "--spell", "--say", str(said))
    assert phon("--json", *options) == 0
    record = json.loads(capsys.readouterr().out)
    assert (record["english"], record["wav"]) == ("to be or not to be", "01.wav")
    told = record["surprisal"]
    assert "".join(record["text"][one["start"] : one["end"]] for one in told) == record["text"]
    assert len(told) == record["n_tokens"] and all(one["bits"] < 1 for one in told)  # it knows it by heart
    assert sorted(path.name for path in said.iterdir()) == ["01.wav", "radio.wav"]


def test_without_a_voice_it_says_so_before_it_samples(
    workspace: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent() -> None:
        raise PhoneticError("there is no espeak-ng to speak with", hint="install it")

    monkeypatch.setattr(radio, "Voice", absent)
    assert phon("--say", str(workspace / "said")) == 1
    out, err = capsys.readouterr()
    assert (
        out == "" and err.startswith("error: there is no espeak-ng") and not (workspace / "data" / "samples").exists()
    )


def samples(*arguments: str) -> tuple[int, str]:
    """What `phon samples` prints and its exit code."""
    done = CliRunner().invoke(samples_command, arguments)
    return done.exit_code, done.output


def test_every_sample_can_be_made_again_from_its_record(
    workspace: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = ["--temperature", "2.5", "--top-p", "0.97", "--seed", "5", "--batch-size", "3"]
    assert phon("--n", "5", *drawn, "--prompt-phones", "to b", "--regex", "[a-z ]*") == 0
    assert phon("--n", "2", "--json", "--max-new-tokens", "9") == 0
    shown = [json.loads(line)["text"] for line in capsys.readouterr().out.splitlines()[-2:]]
    code, listed = samples("--json")
    records = [json.loads(line) for line in listed.splitlines()]
    assert [record["name"] for record in records] == ["2.2", "2.1", "1.5", "1.4", "1.3", "1.2", "1.1"]
    assert [record["text"] for record in records[:2]] == shown[::-1]
    for name in ("2.2", "1.5", "1.3"):
        code, told = samples("--again", name)
        assert code == 0 and f"{name}: the same, byte for byte\n" in told
    make = Sampler.samples

    def moved(self: Sampler, **options: Any) -> Any:  # as if those that are made alone came out otherwise
        return make(self, **{**options, "seed": options["seed"] + (options["batch_size"] == 1)})

    with monkeypatch.context() as patch:
        patch.setattr(Sampler, "samples", moved)
        assert samples("--again", "1.5")[0] == 0
        assert samples("--again", "2.1")[0] == 0
    code, told = samples("--n", "1", "--type", records[4]["type"], "--grep", records[4]["text"])
    assert code == 0 and "1.3" in told and "top p 0.97, prompt to b, regex [a-z ]*" in told


def test_a_model_that_has_changed_is_told(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert phon("--n", "1", "--temperature", "2", "--type", "plays") == 0
    folder = workspace / "runs" / "small" / "model"
    weights = read_tensors(folder / "model.safetensors")
    write_tensors(folder / "model.safetensors", {name: 0 * values for name, values in weights.items()})
    code, told = samples("--again", "1.1")
    assert code == 1 and f"1.1: not the same as it was (the model in {folder} is another one now)" in told
    folder.rename(folder.with_name("gone"))
    done = CliRunner().invoke(samples_command, ["--again", "1.1"])
    assert isinstance(done.exception, PipelineError) and "the model of call 1 is gone" in str(done.exception)


def judged(text: str, *problems: Problem) -> Judged:
    return Judged(0, "", text, True, not problems, list(problems), 0)


def test_carets_stand_under_what_is_wrong_on_each_line() -> None:
    shown = lay_out(judged("abc defg hij", Problem(4, 10, "no word"), Problem(11, 12, "no letter")), 12)
    # width 10 beside the indent: "abc defg " and "hij"
    assert click.unstyle(shown) == (
        "✗ 1\n  abc defg \n      ^^^^^\n  hij\n  ^ ^\n  character 5 'defg h': no word\n  character 12 'j': no letter\n"
    )


def test_a_long_problem_is_told_by_its_beginning() -> None:
    shown = lay_out(judged("x" * 90, Problem(0, 90, "endless")), 120)
    assert shown.endswith(f"  character 1 '{'x' * 24}…': endless\n")


def test_many_problems_are_not_all_told() -> None:
    shown = lay_out(judged("?" * 9, *(Problem(i, i + 1, "what") for i in range(9))), 80)
    assert shown.count("what") == 5 and shown.endswith("  and 4 more\n")


def test_a_sample_cannot_steer_the_terminal() -> None:
    hostile = "a\x1b[31mb\x9bc\rd\u202ee"
    shown = lay_out(judged(hostile, Problem(1, 3, "odd")), 80)
    for mark in "\x9b\r\u202e":
        assert mark not in shown
    assert "a�[31mb�c�d�e" in shown


@pytest.mark.parametrize("text", ["", "a", "aa bb cc dd", "abcdefghijkl", "ab abcdefghijkl ab", "a  b    c         d"])
def test_wrapping_loses_nothing(text: str) -> None:
    lines = [text[start:end] for start, end in wrap(text, 6)]
    assert "".join(lines) == text
    assert all(len(line) <= 6 for line in lines)


def test_the_command_is_there_before_torch_is() -> None:
    code = "import sys, pipeline.generate; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
