"""A workspace as `phon prepare` leaves it, without preparing anything."""

import hashlib
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from train.config import Config
from train.files import write_atomic
from train.folder import CONFIG, FACTS, STAGE, Run, start
from train.log import Log
from train.manifest import Manifest, describe_files
from train.workspace import Workspace

PLAIN = {"name": "text", "version": "1", "options": {}}
Prepared = Callable[..., Workspace]
MakeRun = Callable[..., Path]


@pytest.fixture
def prepared(tmp_path: Path) -> Prepared:
    """Makes a workspace of converted documents, given as (type, text); each tenth from the second is validation."""

    def make(
        documents: Sequence[tuple[str, str]], notation: dict[str, Any] | None = None, per_part: int = 7
    ) -> Workspace:
        workspace = Workspace(tmp_path)
        for part in range(0, len(documents), per_part):
            rows = [
                {
                    "id": f"{number}",
                    "source": "corpus.txt",
                    "type": name,
                    "text": text,
                    "n_bytes": 2 * len(text.encode()),
                    "split_key": int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) | 1 << 62,
                    "original": None,
                }
                for number, (name, text) in enumerate(documents[part : part + per_part], start=part)
            ]
            schema = pa.schema(
                [(name, pa.string()) for name in ("id", "source", "type", "text")]
                + [("n_bytes", pa.int64()), ("split_key", pa.uint64()), ("original", pa.string())]
            )
            with write_atomic(workspace.text / f"part-{part // per_part:05}.parquet") as file:
                pq.write_table(pa.Table.from_pylist(rows, schema=schema), file)
        held_out = [str(number) for number in range(1, len(documents), 10)]
        Manifest(
            stage="prepare",
            inputs=[],
            options={"notation": notation or PLAIN},
            versions={},
            counts={"validation": {"below": 0, "ids": held_out}},
            files=describe_files(workspace.text, [path.name for path in workspace.text.glob("part-*")]),
        ).write(workspace.text)
        return workspace

    return make


@pytest.fixture
def compact(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The spec of a notation with the symbols of compact ARPAbet, without a lexicon to load."""

    class Compact:
        symbols = tuple(vowel + stress for vowel in "a@AcWYERIieoOUu" for stress in "012") + tuple(
            "bCDdfghJklmnGprsStTvwyzZ"
        )

    monkeypatch.setattr("pipeline.tokenizer.load_notation", lambda spec: Compact)
    return {"name": "arpabet", "version": "2", "options": {"form": "compact", "stress": True}}


@pytest.fixture
def phones() -> list[tuple[str, str]]:
    """Sixty documents in compact ARPAbet, of two types."""
    text = "fA0nE1tI0k I1GglI0S k@1t s@1t a0n D@1t m@1t wI1 h@1z, DA0 b@1t. O1l wU1d"
    chance = random.Random(0)
    return [(("prose", "verse")[i % 2], " ".join(chance.choices(text.split(), k=20))) for i in range(60)]


@pytest.fixture
def make_run(tmp_path: Path) -> MakeRun:
    """Makes a run's folder as a training leaves it: 1,000 tokens a step at 1,000 tokens/s more each step.

    It tells of its loss every step, measures every other step, and is finished once `step` is 8. The records of `more`
    go to the end of the log.
    """

    def make(
        name: str = "toy",
        *,
        step: int = 8,
        bits: Callable[[int], float] | None = lambda step: 3 - step / 10,
        more: Sequence[dict[str, Any]] = (),
        facts: dict[str, Any] | None = None,
        **settings: Any,
    ) -> Path:
        run = Run(tmp_path / "runs" / name, is_new=True, is_finished=False)
        config = Config().with_values({"train.max_steps": 8, **settings})
        start(run, config, {"precision": "fp32", "shards": "5" * 64, "tokenizer": "7" * 64, **(facts or {})})
        log = Log(run.path, 0)
        for at in range(1, step + 1):
            log.add(
                {"step": at, "loss": 7 - at / 2, "lr": at / 1000, "grad_norm": 1 / at, "tokens": 1000 * at}
                | {"epoch": at / 4, "tokens_per_s": 1000.0 * at, "mfu": None, "memory": 10**9 + at}
            )
            if bits and at % 2 == 0:
                log.add({"step": at, "val_loss": 2.0, "val_perplexity": 7.389, "val_bits_per_byte": bits(at)})
        for record in more:
            log.add(record)
        log.close()
        if step == 8:
            Manifest(
                stage=STAGE,
                inputs=[],
                options={},
                versions={"torch": "2.99"},
                counts={"parameters": 1_234_567, "steps": 8, "weights_step": 8, "tokens": 8000},
                files=describe_files(run.path, [CONFIG, FACTS]),
            ).write(run.path)
        return run.path

    return make
