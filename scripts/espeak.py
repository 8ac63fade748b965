"""espeak-ng's pronunciations, to compare with.

Needs `pip install espeakng-loader`, which holds espeak-ng (GPL-3); phon does not ask for it.
"""

import ctypes
import importlib
import re
from typing import Any

from scripts.pronunciations import arpabet

RETRIEVAL, IPA, UTF8 = 1, 2, 1
_SIGNS = {
    **{"eɪ": "A", "aɪ": "I", "oʊ": "O", "aʊ": "W", "ɔɪ": "Y", "tʃ": "ʧ", "dʒ": "ʤ", "n̩": "ən", "ɚ": "ɜ", "ɐ": "ə"},
    **{"oː": "ɔ", "ː": "", "x": "k", "ç": "h", "r": "ɹ", "-": "", " ": ""},
}
_SIGN = re.compile("|".join(sorted(_SIGNS, key=len, reverse=True)))


class Espeak:
    """The library, with its American voice."""

    def __init__(self) -> None:
        loader = importlib.import_module("espeakng_loader")
        self.library: Any = ctypes.CDLL(loader.get_library_path())
        self.library.espeak_Initialize(RETRIEVAL, 0, loader.get_data_path().encode(), 0)
        self.library.espeak_SetVoiceByName(b"en-us")
        self.library.espeak_TextToPhonemes.restype = ctypes.c_char_p

    def predict(self, words: list[str]) -> list[str]:
        """Compact pronunciations."""
        found = []
        for word in words:
            text = ctypes.c_char_p(word.encode())
            ipa = self.library.espeak_TextToPhonemes(ctypes.byref(text), UTF8, IPA).decode()
            ipa = re.sub(r"(.)\1", r"\1", _SIGN.sub(lambda sign: _SIGNS[sign[0]], ipa))
            found.append(arpabet(word, ipa) or "")
        return found
