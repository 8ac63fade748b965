"""What a run tells: JSON lines in its folder, lines or a bar on the terminal, trackers where installed."""

import json
import sys
import time
from pathlib import Path
from typing import IO, Any

from train.files import write_bytes

Record = dict[str, Any]
LOG = "log.jsonl"


class Log:
    """log.jsonl of one run, each step once; only the main process writes.

    Args:
        folder: The run's.
        step: Steps taken so far: what a killed run logged beyond its checkpoint is dropped, since it comes again.
    """

    def __init__(self, folder: Path, step: int) -> None:
        self.path = folder / LOG
        kept = [record for record in read(self.path) if record["step"] <= step]
        write_bytes(self.path, b"".join(_line(record) for record in kept))
        self._file: IO[bytes] = self.path.open("ab")

    def add(self, record: Record) -> None:
        """Append one record; it has a `step`."""
        self._file.write(_line(record))
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def read(path: Path) -> list[Record]:
    """The records of a log; a last line that a kill cut off is left out."""
    if not path.is_file():
        return []
    records = []
    for line in path.read_bytes().split(b"\n"):
        try:
            records.append(json.loads(line))
        except ValueError:
            continue
    return records


def _line(record: Record) -> bytes:
    return json.dumps(record, ensure_ascii=False).encode() + b"\n"


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
    """Progress on stderr: one line that renews itself on a terminal, plain lines elsewhere."""

    def __init__(self, *, silent: bool = False) -> None:
        self.max_steps = 0
        self.silent = silent
        self.renews = sys.stderr.isatty()
        self._open = False

    def say(self, text: str) -> None:
        """A line that stays."""
        if self.silent:
            return
        if self._open:
            print("\r\x1b[K", end="", file=sys.stderr)
            self._open = False
        print(text, file=sys.stderr, flush=True)

    def step(self, record: Record) -> None:
        """Where training is."""
        if self.silent:
            return
        parts = [f"step {record['step']:,}/{self.max_steps:,}", f"loss {record['loss']:.3f}"]
        parts.append(f"{record['tokens_per_s']:,.0f} tokens/s")
        if record.get("mfu") is not None:
            parts.append(f"MFU {100 * record['mfu']:.0f} %")
        parts.append(f"{duration(record['eta_s'])} left")
        line = " · ".join(parts)
        if self.renews:
            share = round(24 * record["step"] / self.max_steps)
            print(f"\r\x1b[K{'━' * share}{'╌' * (24 - share)} {line}", end="", file=sys.stderr, flush=True)
            self._open = True
        else:
            print(line, file=sys.stderr, flush=True)


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
