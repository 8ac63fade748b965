"""A toy model trained by real processes: what the tests of training share."""

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
TOY = ["--config", "tiny", "model.n_layer=2", "model.n_embd=32", "model.n_head=2", "data.seq_len=64"]
TOY += ["train.global_batch=512", "train.micro_batch=4", "train.max_steps=24", "optim.warmup_steps=3"]
TOY += ["log.log_every=1", "log.eval_every=8", "log.sample_every=0", "log.save_every=5"]
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "error::UserWarning:train"}


def phon(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "pipeline.cli", *arguments], check=True, capture_output=True, cwd=ROOT)


def command(workspace: Path, *arguments: str) -> list[str]:
    return [sys.executable, str(ROOT / "train" / "run.py"), "--workspace", str(workspace), *arguments]


def trained(workspace: Path, *arguments: str, code: int = 0, env: dict[str, str] | None = None) -> str:
    """Train to the end; what was said."""
    done = subprocess.run(
        command(workspace, *arguments), capture_output=True, text=True, env={**ENVIRONMENT, **(env or {})}, timeout=240
    )
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


def weights(workspace: Path, run: str = "tiny") -> str:
    return hashlib.sha256((workspace / "runs" / run / "model" / "model.safetensors").read_bytes()).hexdigest()


def log(workspace: Path, run: str = "tiny") -> list[dict[str, Any]]:
    lines = (workspace / "runs" / run / "log.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def losses(workspace: Path, run: str = "tiny") -> list[tuple[int, float]]:
    return [(record["step"], record["loss"]) for record in log(workspace, run) if "loss" in record]


def validations(workspace: Path) -> list[tuple[int, float]]:
    return [(record["step"], record["val_loss"]) for record in log(workspace) if "val_loss" in record]


def linked(shards: Path, place: Path) -> Path:
    """The empty folder `place` as a workspace on the same data as `shards`, with no runs yet."""
    (place / "data").symlink_to((shards / "data").resolve())
    return place


def start(workspace: Path, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command(workspace, *arguments), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=ENVIRONMENT
    )


def wait_for(holds: Callable[[], bool], process: subprocess.Popen[Any]) -> None:
    until = time.monotonic() + 120
    while not holds():
        assert process.poll() is None, "".join(str(pipe.read()) for pipe in (process.stdout, process.stderr) if pipe)
        assert time.monotonic() < until
        time.sleep(0.002)


def steps_logged(workspace: Path) -> int:
    path = workspace / "runs" / "tiny" / "log.jsonl"
    return path.read_bytes().count(b'"loss"') if path.is_file() else 0


def killed(workspace: Path, *arguments: str, after: int) -> None:
    """Train until so many steps are logged, then kill the process."""
    process = start(workspace, *arguments)
    wait_for(lambda: steps_logged(workspace) >= after, process)
    process.kill()
    process.communicate()
