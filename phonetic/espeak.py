"""The process that speaks: run by itself, it reads what to say from standard input and writes sound to standard output.

espeak-ng is under the GPL, so no process of ours loads it but this one, which imports nothing of ours: voice.py starts
it and passes plain data. A request is a line of JSON, `{"text": ..., "voice": ..., "rate": ...}`; the answer is a line
of JSON, `{"bytes": ..., "sample_rate": ...}` with so many bytes of 16-bit sound behind it, or `{"error": ...}`. The
first line, `{"ready": ...}`, says what speaks: the library of espeakng-loader, or else the program espeak-ng.
"""

import ctypes
import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Any

Speak = Callable[[str, str, int], tuple[bytes, int]]  # text, voice and words a minute to sound and its sample rate
# Source: espeak-ng 1.52, src/include/espeak-ng/speak_lib.h
RETRIEVAL, RATE, BY_CHARACTER, UTF8, PHONEMES, AT_END, NO_EXIT = 1, 1, 1, 1, 0x100, 0x1000, 0x8000
PROGRAM = "espeak-ng"
PROGRAM_S = 60  # seconds the program may take for one request
HEADER = 44  # bytes of a WAV file before its sound


def by_library() -> Speak | None:
    """espeak-ng as a library, if espeakng-loader is installed."""
    try:
        import espeakng_loader  # type: ignore[import-not-found,unused-ignore]  # the extra phon[speech]
    except ImportError:
        return None
    library = ctypes.CDLL(espeakng_loader.get_library_path())
    sample_rate = library.espeak_Initialize(RETRIEVAL, 0, espeakng_loader.get_data_path().encode(), NO_EXIT)
    if sample_rate <= 0:
        raise RuntimeError("espeak-ng does not find its data")
    sound = bytearray()

    def take(samples: Any, count: int, events: Any) -> int:
        if samples and count > 0:
            sound.extend(ctypes.string_at(samples, 2 * count))
        return 0

    callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)(take)
    library.espeak_SetSynthCallback(callback)

    def speak(text: str, voice: str, rate: int) -> tuple[bytes, int]:
        if library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise LookupError(f"there is no voice {voice!r}")
        library.espeak_SetParameter(RATE, rate, 0)
        sound.clear()
        data = text.encode()
        status = library.espeak_Synth(
            data, ctypes.c_size_t(len(data) + 1), 0, BY_CHARACTER, 0, UTF8 | PHONEMES | AT_END, None, callback
        )
        library.espeak_Synchronize()
        if status != 0:
            raise RuntimeError(f"espeak-ng failed with {status}")
        return bytes(sound), sample_rate

    return speak


def by_program() -> Speak | None:
    """espeak-ng as a program of the system."""
    program = shutil.which(PROGRAM)
    if program is None:
        return None

    def speak(text: str, voice: str, rate: int) -> tuple[bytes, int]:
        command = [program, "-v", voice, "-s", str(rate), "--stdout", "--stdin"]
        done = subprocess.run(command, input=text.encode(), capture_output=True, timeout=PROGRAM_S, check=False)
        if done.returncode != 0 or len(done.stdout) < HEADER:
            said = done.stderr.decode(errors="replace").strip() or f"exit code {done.returncode}"
            raise LookupError(said.splitlines()[0])
        return done.stdout[HEADER:], int.from_bytes(done.stdout[24:28], "little")

    return speak


def answer(fields: dict[str, Any], sound: bytes = b"") -> None:
    """Write one answer."""
    sys.stdout.buffer.write(json.dumps(fields).encode() + b"\n" + sound)
    sys.stdout.buffer.flush()


def main() -> None:
    """Answer requests until standard input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who started us ends us
    kind, speak = "library", by_library()
    if speak is None:
        kind, speak = "program", by_program()
    if speak is None:
        answer({"error": "absent"})
        return
    answer({"ready": kind})
    for line in sys.stdin.buffer:
        try:
            request = json.loads(line)
            sound, sample_rate = speak(request["text"], request["voice"], request["rate"])
        except (LookupError, RuntimeError, subprocess.SubprocessError) as error:
            answer({"error": str(error)})
        else:
            answer({"bytes": len(sound), "sample_rate": sample_rate}, sound)


if __name__ == "__main__":
    main()
