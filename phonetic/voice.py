"""Phones aloud: sound from espeak-ng, which speaks in a process of its own (espeak.py)."""

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from phonetic.errors import PhoneticError
from phonetic.mnemonics import mnemonics

VOICE = "en-us"
WORDS_A_MINUTE = 175
SLOWEST, FASTEST = 80, 450  # what espeak-ng can do
LIMIT_S = 30.0  # how long an answer may take
LONGEST_HEAD = 1 << 16  # bytes of an answer's first line
INSTALL = "install it with: pip install 'phon[speech]', or with your system's package espeak-ng"
COMMAND = (sys.executable, "-I", str(Path(__file__).with_name("espeak.py")))


class Voice:
    """Somebody who reads phones aloud, for as many lines as there are. Close it, or use it in a `with`.

    Args:
        name: A voice of espeak-ng; other languages' voices say English sounds badly.
        rate: Words a minute.
        command: What to start; espeak.py unless told otherwise.
        limit_s: How long an answer may take.

    Raises:
        PhoneticError: espeak-ng is not installed, or the rate cannot be.

    Attributes:
        sample_rate: Samples a second of what was said last.
    """

    def __init__(
        self,
        name: str = VOICE,
        rate: int = WORDS_A_MINUTE,
        *,
        command: Sequence[str] = (),
        limit_s: float = LIMIT_S,
    ) -> None:
        if not SLOWEST <= rate <= FASTEST:
            raise PhoneticError(
                f"{rate} words a minute cannot be said", hint=f"give a rate between {SLOWEST} and {FASTEST}"
            )
        self.name, self.rate = name, rate
        self.sample_rate = 22050
        self._limit_s = limit_s
        self._waiting = bytearray()
        self._process = subprocess.Popen(command or COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        try:
            self._answer()
        except BaseException:
            self.close()
            raise

    def wave(self, line: str) -> bytes:
        """The sound of a line of compact phones: 16-bit samples, low byte first, one channel.

        Raises:
            PhoneticError: there is no such voice, or espeak-ng broke down or does not answer.
        """
        text = mnemonics(line)
        if not text:
            return b""
        request = json.dumps({"text": text, "voice": self.name, "rate": self.rate})
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(request.encode() + b"\n")
            head = self._answer()
            self.sample_rate = head["sample_rate"]
            return self._read(head["bytes"], time.monotonic() + self._limit_s)
        except BrokenPipeError as error:
            raise self._broken() from error
        except KeyboardInterrupt:
            self.close()
            raise

    def close(self) -> None:
        """End the process. Nothing can be said after that."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _answer(self) -> dict[str, Any]:
        """The first line of an answer."""
        until = time.monotonic() + self._limit_s
        while (end := self._waiting.find(b"\n")) < 0:
            self._receive(until)
            if len(self._waiting) > LONGEST_HEAD:
                raise self._broken()
        line = bytes(self._waiting[:end])
        del self._waiting[: end + 1]
        try:
            head: dict[str, Any] = json.loads(line)
        except ValueError as error:
            raise self._broken() from error
        if head.get("error") == "absent":
            raise PhoneticError("there is no espeak-ng to speak with", hint=INSTALL)
        if "error" in head:
            raise PhoneticError(f"espeak-ng: {head['error']}", hint="as voice try en-us, en-us+f3 or en-us+m3")
        return head

    def _read(self, size: int, until: float) -> bytes:
        while len(self._waiting) < size:
            self._receive(until)
        sound = bytes(self._waiting[:size])
        del self._waiting[:size]
        return sound

    def _receive(self, until: float) -> None:
        """Wait for more of an answer."""
        pipe = self._process.stdout
        assert pipe is not None
        if not select.select([pipe], [], [], max(0.0, until - time.monotonic()))[0]:
            self.close()
            raise PhoneticError(
                f"espeak-ng has not answered for {self._limit_s:g} seconds",
                hint="give it shorter lines, or try again",
            )
        data = os.read(pipe.fileno(), 1 << 16)
        if not data:
            raise self._broken()
        self._waiting += data

    def _broken(self) -> PhoneticError:
        self._process.kill()
        code = self._process.wait()
        return PhoneticError(
            f"espeak-ng broke down (exit code {code})", hint="try again, or leave out what it was to say"
        )
