"""One voice for many who ask: what they want said as a WAV, one at a time."""

import contextlib
import io
import threading
from collections.abc import Callable, Iterable, Iterator

from phonetic.errors import PhoneticError
from phonetic.voice import Voice
from pipeline.say import write_wav

CLOSE_S = 2.0


class Aloud:
    """A voice that is started when first needed. Close it.

    Args:
        start: What starts it.

    Attributes:
        silence: Why nothing can be said here, and what to do; empty if it can.
    """

    def __init__(self, start: Callable[[], Voice] = Voice) -> None:
        self._start = start
        self._voice: Voice | None = None
        self._lock = threading.Lock()
        self.silence = ""
        try:
            with self._ready():
                pass
        except PhoneticError as error:
            self.silence = f"{error}; {error.hint}"

    def wav(self, lines: Iterable[str]) -> bytes:
        """The sound of lines of compact phones.

        Raises:
            PhoneticError, PipelineError: it cannot be said.
        """
        file = io.BytesIO()
        with self._ready() as voice:
            write_wav(file, voice, lines)
        return file.getvalue()

    def close(self) -> None:
        """End the voice, in the middle of a line if it takes long."""
        has_it = self._lock.acquire(timeout=CLOSE_S)
        if self._voice:
            self._voice.close()
        self._voice = None
        if has_it:
            self._lock.release()

    @contextlib.contextmanager
    def _ready(self) -> Iterator[Voice]:
        """The voice for one alone; one that broke down is replaced the next time."""
        with self._lock:
            self._voice = self._voice or self._start()
            try:
                yield self._voice
            except PhoneticError:
                self._voice.close()
                self._voice = None
                raise
