import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline.cli import main
from pipeline.errors import PipelineError
from pipeline.show import pace
from pipeline.stream import stream
from tests.models import make_tokenizer, random_model
from train.export import Vocabulary, write_model
from train.gpt2 import Shape

SHAPE = Shape(vocab_size=261, seq_len=48, n_layer=1, n_head=2, n_embd=32, n_inner=64)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("streamed")
    tokenizer = make_tokenizer(root / "data" / "tokenizer")
    folder = root / "runs" / "small" / "model"
    folder.mkdir(parents=True)
    write_model(folder, SHAPE, random_model(SHAPE).weights(), Vocabulary.read(tokenizer))
    (root / "runs" / "LATEST").write_text("small\n")
    return root


def command(workspace: Path, out: Path, n: int, *more: str) -> list[str]:
    settings = ["--n", str(n), "--temperature", "1.2", "--batch-size", "8", "--no-keep", "--json", "--out", str(out)]
    return ["generate", "--workspace", str(workspace), *settings, *more]


def test_killed_again_and_again_it_goes_on_and_ends_with_the_same_bytes(workspace: Path, tmp_path: Path) -> None:
    straight, out = tmp_path / "straight.jsonl", tmp_path / "samples.jsonl"
    n = 600
    assert main(command(workspace, straight, n)) == 0
    aside = tmp_path / ".aside-samples.jsonl"
    phon = [sys.executable, "-m", "pipeline.cli", *command(workspace, out, n)]
    lengths = [0]
    for number, code in ((signal.SIGKILL, -9), (signal.SIGINT, 5)):
        process = subprocess.Popen(phon, stderr=subprocess.PIPE, text=True)
        while process.poll() is None and (aside.stat().st_size if aside.exists() else 0) < lengths[-1] + 10_000:
            time.sleep(0.01)
        process.send_signal(number)
        _, said = process.communicate()
        assert process.returncode == code and not out.exists()
        lengths.append(aside.stat().st_size)
        if number == signal.SIGINT:
            assert "run the same command again to go on" in said
    with aside.open("ab") as file:
        file.write(b'{"index": 7')  # half a line, as a power cut may leave
    assert lengths == sorted(set(lengths)) and lengths[-1] < straight.stat().st_size
    assert main(command(workspace, out, n)) == 0
    assert out.read_bytes() == straight.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["samples.jsonl", "straight.jsonl"]
    assert [json.loads(line)["index"] for line in out.read_text().splitlines()] == list(range(n))


def test_another_command_does_not_go_on(workspace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "samples.jsonl"
    assert main(command(workspace, out, 20)) == 0
    aside = tmp_path / ".aside-samples.jsonl"
    with pytest.raises(KeyboardInterrupt), stream(out, {"n": 20}) as write:
        write('{"index": 0}')
        raise KeyboardInterrupt
    before = aside.read_bytes()
    whole = out.read_bytes()
    capsys.readouterr()
    assert main(command(workspace, out, 20)) == 1
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith(f"error: {out} is half written by another command: ") and "batch_size was null" in first
    assert str(aside) in second
    assert aside.read_bytes() == before and out.read_bytes() == whole


def test_only_whole_lines_in_order_are_kept(tmp_path: Path) -> None:
    out = tmp_path / "a.jsonl"
    with pytest.raises(ValueError), stream(out, {"n": 4}) as write:
        for line in ('{"index": 0}', '{"index": 1}', "\0\0", '{"index": 3}'):
            write(line)
        raise ValueError
    found: list[int] = []
    with stream(out, {"n": 4}, lambda record: found.append(record["index"])) as write:
        assert write.n == 2 and not out.exists()
        write('{"index": 2}')
    assert found == [0, 1]
    assert out.read_text() == '{"index": 0}\n{"index": 1}\n{"index": 2}\n'


def test_two_do_not_write_one_file(tmp_path: Path) -> None:
    with stream(tmp_path / "a", {}) as write:
        write('{"index": 0}')
        with pytest.raises(PipelineError, match=r"another process is writing .*/a"), stream(tmp_path / "a", {}):
            pass
    assert (tmp_path / "a").read_text() == '{"index": 0}\n'


def test_nothing_is_left_where_nothing_was_made(tmp_path: Path) -> None:
    with pytest.raises(PipelineError), stream(tmp_path / "a", {}):
        raise PipelineError("no", hint="")
    assert not any(tmp_path.iterdir())


def test_the_pace_is_that_of_this_run() -> None:
    assert pace(300, 1000, "samples", 200, 10.0) == "300 of 1,000 samples, 10.0/s, 1 min 10 s left"
    assert pace(0, 1000, "samples", 0, 10.0) == "0 of 1,000 samples"
