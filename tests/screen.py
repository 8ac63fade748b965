"""A terminal small enough to test with: what stands on its screen after a program wrote to it."""

import contextlib
import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
import threading
from pathlib import Path
from typing import Any

from tests.toy import ENVIRONMENT, command

CONTROL = re.compile(r"\x1b\[(\??[\d;]*)([A-Za-z])|[\r\n]|[^\x00-\x1f\x7f]+")


class Screen:
    """Lines of characters, a cursor, and the lines that have scrolled away; it knows what the dashboard may send."""

    def __init__(self, columns: int, rows: int) -> None:
        self.columns, self.rows = columns, rows
        self.gone: list[str] = []
        self.lines = [""] * rows
        self.x = self.y = 0
        self.has_cursor = True

    @property
    def all(self) -> list[str]:
        """What was ever said and not taken back."""
        return [line.rstrip() for line in [*self.gone, *self.lines]]

    def feed(self, text: str) -> None:
        """Take what a program wrote; characters that steer otherwise than we know are an error."""
        at = 0
        while at < len(text):
            match = CONTROL.match(text, at)
            assert match, f"unknown control at {text[at : at + 20]!r}"
            at = match.end()
            if match[2]:
                self._steer(match[1], match[2])
            elif match[0] == "\r":
                self.x = 0
            elif match[0] == "\n":
                self._down()
            else:
                for character in match[0]:
                    self._put(character)

    def _steer(self, values: str, what: str) -> None:
        n = int(values) if values.isdigit() else 1
        if what == "A":
            self.y = max(0, self.y - n)
        elif what == "K":
            assert values == "2"
            self.lines[self.y] = ""
        elif values == "?25":
            self.has_cursor = what == "h"
        else:
            assert what == "m", f"unknown control {values}{what}"

    def _down(self) -> None:
        self.y += 1
        if self.y == self.rows:
            self.gone.append(self.lines.pop(0))
            self.lines.append("")
            self.y -= 1

    def _put(self, character: str) -> None:
        if self.x == self.columns:
            self.x = 0
            self._down()
        line = self.lines[self.y].ljust(self.columns)
        self.lines[self.y] = line[: self.x] + character + line[self.x + 1 :]
        self.x += 1


class Terminal:
    """A training whose stderr is a terminal."""

    def __init__(self, workspace: Path, *arguments: str, columns: int = 100, rows: int = 40, **env: str) -> None:
        self._main, self._its = pty.openpty()
        self.resize(columns, rows)
        self.settings: list[Any] = termios.tcgetattr(self._its)
        sizeless = {name: value for name, value in ENVIRONMENT.items() if name not in ("COLUMNS", "LINES")}
        self.process = subprocess.Popen(
            command(workspace, *arguments),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._its,
            env={**sizeless, "TERM": "xterm-256color", "PYTHONUTF8": "1", **env},
        )
        self.written = b""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def resize(self, columns: int, rows: int) -> None:
        """Give it another size; a program sees that when it asks."""
        fcntl.ioctl(self._its, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def end(self) -> tuple[int, str]:
        """Wait for the program: its exit code, and all that it wrote."""
        assert self.process.communicate(timeout=120)[0] == b""  # stdout is for products
        self.is_sane = termios.tcgetattr(self._its) == self.settings
        os.close(self._its)
        self._reader.join(10)
        os.close(self._main)
        return self.process.returncode, self.written.decode()

    def _read(self) -> None:
        with contextlib.suppress(OSError):  # all who could write are gone
            while found := os.read(self._main, 65536):
                self.written += found
