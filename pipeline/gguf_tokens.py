"""A tokenizer as llama.cpp reads it, with the same ids for every text, or why that cannot be.

llama.cpp knows pre-tokenizers by name, and none of its names cuts text as ours do. One, `sarvam-moe`, cuts at line ends
alone. With it the ids are the same where no merge joins what our pre-tokenizer would ever cut apart, for then the cuts
change nothing; the merges tell whether that is so. Its tokens are text, not bytes: a space is written as U+2581, and a
character that is no token becomes tokens of single bytes. The same holds of our merges as long as none makes a part of
a character. Text with U+2581 in it is the exception: llama.cpp takes it for a space.
"""

import functools
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from pipeline.bpe import byte_characters
from pipeline.errors import PipelineError
from pipeline.pretoken import pattern, pre_tokenizer
from pipeline.tokenizer import symbols_of
from train.contract import Contract

MODEL, PRE = "gpt2", "sarvam-moe"
ESCAPED = "\u2581"
APOSTROPHES = "'’"
NORMAL, CONTROL, BYTE = 1, 3, 6  # kinds of tokens, as the gguf package numbers them
# A character of each kind that our pre-tokenizer tells apart, and what may stand beside a pair of tokens.
WORD, APOSTROPHE, MARK, BLANK, LINE = "a", "'", ",", " ", "\n"
BESIDE = ["".join(of) for n in range(3) for of in itertools.product((WORD, APOSTROPHE, MARK, BLANK, LINE), repeat=n)]


class Tokens(NamedTuple):
    """What a GGUF file says of a tokenizer."""

    texts: list[str]
    kinds: list[int]
    merges: list[str]


def tokens_of(tokenizer: Mapping[str, Any], contract: Contract) -> Tokens:
    """A tokenizer.json for llama.cpp.

    Raises:
        PipelineError: llama.cpp would give some text other ids.
    """
    check_ours(tokenizer, contract)
    parted = parting(symbols_of(contract.notation))
    model = tokenizer["model"]
    pairs = [pair if isinstance(pair, list) else pair.split(" ") for pair in model["merges"]]
    merges = []
    for left, right in (map(as_bytes, pair) for pair in pairs):
        if not is_text(left + right):
            raise refusal(f"the token {shown(left + right)} is a part of a character, which no token there can be")
        if is_text(left) != is_text(right):
            raise refusal(f"a merge joins {shown(left)}, and {shown(right)}, of which one is a part of a character")
        if not is_text(left):
            continue  # two bytes that make a character, with which llama.cpp begins
        if parted(left.decode(), right.decode()):
            raise refusal(f"a merge joins {shown(left)} and {shown(right)}, which this tokenizer sometimes cuts apart")
        merges.append(f"{escaped(left)} {escaped(right)}")
    texts, kinds = [""] * contract.vocab_size, [CONTROL] * contract.vocab_size
    special = contract.special_ids()
    for name, token in model["vocab"].items():
        if token in special:
            texts[token] = name
            continue
        raw = as_bytes(name)
        is_byte = not is_text(raw) or raw == b"\0"  # which would end a string there
        texts[token], kinds[token] = (f"<0x{raw[0]:02X}>", BYTE) if is_byte else (escaped(raw), NORMAL)
    if len({*texts}) != len(texts):
        raise refusal("two of its tokens would be the same text there")
    return Tokens(texts, kinds, merges)


def check_ours(tokenizer: Mapping[str, Any], contract: Contract) -> None:
    """Refuse a tokenizer.json that `phon tokenizer` did not write, or that is for pairs.

    Raises:
        PipelineError: it is one.
    """
    steps = (tokenizer.get("pre_tokenizer") or {}).get("pretokenizers") or [{}]
    cuts = (steps[0].get("pattern") or {}).get("Regex")
    model = tokenizer["model"]
    if model["type"] != "BPE" or any(model.get(key) for key in ("byte_fallback", "ignore_merges", "dropout")):
        raise refusal("it is not the byte-level BPE that phon trains")
    if cuts != pattern(symbols_of(contract.notation)) or tokenizer.get("normalizer") or tokenizer.get("added_tokens"):
        raise refusal("it cuts text otherwise than phon's own do")


def parting(symbols: Sequence[str]) -> Callable[[str, str], bool]:
    """Tells of two tokens whether our pre-tokenizer, with something beside them, ever cuts between them.

    Only the kinds of the characters matter to it, and no further than two of them away.
    """
    cut = pre_tokenizer(symbols).pre_tokenize_str

    @functools.cache
    def kind(character: str) -> str:
        if character in APOSTROPHES:
            return APOSTROPHE
        if character.isspace():
            return BLANK if character == " " else LINE
        return WORD if len(cut(WORD + character)) == 1 else MARK

    @functools.cache
    def ever(left: str, right: str) -> bool:
        for before, after in itertools.product(BESIDE, BESIDE):
            at = len(before + left)
            if any(start == at for _, (start, _) in cut(before + left + right + after)):
                return True
        return False

    def parted(left: str, right: str) -> bool:
        return ever("".join(map(kind, left[-3:])), "".join(map(kind, right[:3])))

    return parted


def as_bytes(token: str) -> bytes:
    """What a token of tokenizer.json stands for."""
    return bytes(BYTES[character] for character in token)


BYTES = {character: byte for byte, character in enumerate(byte_characters())}


def is_text(raw: bytes) -> bool:
    """Whether it is whole characters."""
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


def escaped(raw: bytes) -> str:
    """A token's text as llama.cpp has it."""
    return raw.decode().replace(" ", ESCAPED)


def shown(raw: bytes) -> str:
    """A token in a message."""
    return repr(raw.decode() if is_text(raw) else raw)


def refusal(why: str) -> PipelineError:
    """What stops an export."""
    return PipelineError(
        f"llama.cpp would not read text as this model's tokenizer does: {why}",
        hint="share it as a folder instead: phon export without --gguf",
    )
