"""What a run tells: JSON lines in its folder, lines on the terminal, trackers where installed."""

import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, Self

from train import lines
from train.files import write_bytes

Record = dict[str, Any]
LOG = "log.jsonl"
NUMBERS = {"loss", "lr", "grad_norm", "tokens", "epoch", "tokens_per_s", "temperature", "valid"}
NUMBERS |= {"val_loss", "val_perplexity", "val_bits_per_byte"}
PARTS = {"text", "type", "ended", "valid"}  # of a sample


class Log:
    """log.jsonl of one run, each step once; only the main process writes.

    Args:
        folder: The run's.
        kept: Records so far: what a killed run logged after its checkpoint is dropped, since it comes again.

    Attributes:
        count: Records in it.
        damaged: How many of those to be kept are not as they were written, and are left out.
    """

    def __init__(self, folder: Path, kept: int) -> None:
        self.path = folder / LOG
        records = [record for record in _lines(self.path)[:kept] if record is not None]
        self.count, self.damaged = len(records), kept - len(records)
        write_bytes(self.path, b"".join(map(lines.write, records)))
        self._file: IO[bytes] = self.path.open("ab")

    def add(self, record: Record) -> None:
        """Append one record; it has a `step`."""
        self._file.write(lines.write(record))
        self._file.flush()
        self.count += 1

    def sync(self) -> None:
        """Bring it to disk: a checkpoint counts on the records before it."""
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def read(path: Path) -> list[Record]:
    """The records of a log that are whole."""
    return scan(path)[0]


def scan(path: Path) -> tuple[list[Record], int]:
    """The records of a log, and how many lines are damaged; a last line that a kill cut off is none of them."""
    found = _lines(path)
    return [record for record in found if record is not None], found.count(None)


def _lines(path: Path) -> list[Record | None]:
    """The record of each line, None where it is damaged."""
    if not path.is_file():
        return []
    *whole, _ = path.read_bytes().split(b"\n")  # each line ends in one: what follows the last is not written yet
    return [_record(line) for line in whole]


def _record(line: bytes) -> Record | None:
    """What was logged; None if the line is not as it was written."""
    record = lines.read(line)
    return record if _is_record(record) else None


def _is_record(record: Any) -> bool:
    """Whether it has the keys that are read, in their kinds."""
    if not isinstance(record, dict) or type(record.get("step")) is not int or not 0 <= record["step"] < 2**63:
        return False
    known = NUMBERS & record.keys()
    if not all(type(record[key]) is float or (type(record[key]) is int and abs(record[key]) < 2**63) for key in known):
        return False
    samples = record.get("samples", [])
    return isinstance(samples, list) and all(isinstance(one, dict) and one.keys() >= PARTS for one in samples)


def printable(text: str) -> str:
    """The text without characters that could steer a terminal."""
    return "".join(mark if mark.isprintable() else "\N{REPLACEMENT CHARACTER}" for mark in text)


def duration(seconds: float) -> str:
    """Seconds as a person would say them: 42 s, 3 min 05 s, 2 h 10 min."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest:02} s"
    return f"{minutes // 60} h {minutes % 60:02} min"


class Display:
    """Progress on stderr in plain lines; `train.dashboard` shows more of it where there is a screen."""

    def __init__(self, *, silent: bool = False) -> None:
        self.max_steps = 0
        self.silent = silent

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        self.close()

    def close(self) -> None:
        """Leave the terminal as it was."""

    def begin(self, name: str, max_steps: int, told: Sequence[Record]) -> None:
        """A run starts, or goes on after what its log has told."""
        self.max_steps = max_steps

    def say(self, text: str) -> None:
        """A line that stays."""
        if not self.silent:
            print(text, file=sys.stderr, flush=True)

    def doing(self, what: str) -> None:
        """What the time goes to from now on, other than steps."""

    def tick(self, step: int) -> None:
        """A step is taken."""

    def step(self, record: Record) -> None:
        """Where training is."""
        parts = [f"step {record['step']:,}/{self.max_steps:,}", f"loss {record['loss']:.3f}"]
        parts.append(f"{record['tokens_per_s']:,.0f} tokens/s")
        if record.get("mfu") is not None:
            parts.append(f"MFU {100 * record['mfu']:.0f} %")
        parts.append(f"{duration(record['eta_s'])} left")
        self.say(" · ".join(parts))

    def measured(self, record: Record) -> None:
        """The validation split was measured."""
        self.say(
            f"step {record['step']:,} · validation loss {record['val_loss']:.3f} · "
            f"perplexity {record['val_perplexity']:.2f} · {record['val_bits_per_byte']:.4f} bits per byte"
        )

    def sampled(self, record: Record) -> None:
        """Samples were drawn at a temperature; the first is shown."""
        samples = record["samples"]
        valid = sum(bool(sample["valid"]) for sample in samples)
        shown = printable(samples[0]["text"][:100])
        self.say(f"  temperature {record['temperature']}: {valid} of {len(samples)} valid · {shown}")

    def saved(self, step: int) -> None:
        """A checkpoint is on disk."""


class Clock:
    """Tokens a second over the steps since last asked, and the time left; monotonic."""

    def __init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Begin anew, after a pause that was no training."""
        self._start = time.perf_counter()
        self._tokens = self._steps = 0

    def count(self, tokens: int) -> None:
        """One step has gone by."""
        self._tokens += tokens
        self._steps += 1

    def read(self, steps_left: int) -> tuple[float, float]:
        """Tokens/s since the last reading, and seconds left; then begin anew."""
        elapsed = max(1e-9, time.perf_counter() - self._start)
        rate, eta = self._tokens / elapsed, steps_left * elapsed / max(1, self._steps)
        self.restart()
        return rate, eta
