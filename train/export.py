"""Model folders: ordinary Hugging Face folders, with the tokenizer and the contract (`phon.json`) in them."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, Self

import torch
from safetensors import SafetensorError, safe_open
from tokenizers import Tokenizer

from train import contract as contracts
from train.contract import BOS, EOS, PAD, SOURCE_TOKENIZER, TOKENIZER, Contract, span_token, type_token
from train.errors import TrainError
from train.families import read_shape as shape_of
from train.files import (
    WEIGHTS,
    check_header,
    read_json,
    read_tensors,
    write_bytes,
    write_json,
    write_tensors,
    write_text,
)
from train.model import Model, Shape

CONFIG, GENERATION = "config.json", "generation_config.json"
COPIED = (TOKENIZER, "tokenizer_config.json", contracts.NAME)
TEMPERATURE = 0.7
RESTORE = "put back the folder as training left it, or take another checkpoint"
OURS = re.compile(r"^from train[.](\w+) import", re.MULTILINE)
MOST_LAYERS, WIDEST = 2**10, 2**20  # beyond, building a model only to refuse it would take long


class Vocabulary(NamedTuple):
    """A tokenizer's contract and the files that each model gets of it."""

    contract: Contract
    files: dict[str, bytes]

    @classmethod
    def read(cls, folder: Path) -> Self:
        """All of it, so that whatever becomes of the folder meanwhile, a run's models have one tokenizer.

        Raises:
            TrainError: the folder is damaged.
        """
        contract = Contract.read(folder)
        names = [*COPIED, *([SOURCE_TOKENIZER] if contract.pairs and contract.pairs.tokenizer_sha256 else [])]
        return cls(contract, {name: (folder / name).read_bytes() for name in names})


def write_model(folder: Path, shape: Shape, weights: Mapping[str, torch.Tensor], vocabulary: Vocabulary) -> None:
    """Write a model with its tokenizer into `folder`, which is there and not in use yet.

    Args:
        weights: As `Model.weights` gives them.
    """
    contract = vocabulary.contract
    assert shape.vocab_size == contract.vocab_size
    ids: dict[str, Any] = {"bos_token_id": contract.bos, "eos_token_id": contract.eos, "pad_token_id": contract.pad}
    for name, content in vocabulary.files.items():
        write_bytes(folder / name, content)
    config = shape.library_config(bos=contract.bos, eos=contract.eos, pad=contract.pad)
    write_json(folder / CONFIG, config)
    if "auto_map" in config:
        for name, text in code().items():
            write_text(folder / name, text)
    if config.get("is_encoder_decoder"):
        ids["decoder_start_token_id"] = contract.bos
    write_json(
        folder / GENERATION,
        # top_k 0 is none: the library's own default cuts at 50
        {**ids, "do_sample": True, "temperature": TEMPERATURE, "top_k": 0, "max_length": shape.seq_len},
    )
    write_tensors(folder / WEIGHTS, weights)


def code() -> dict[str, str]:
    """`train/portable.py` and the files of ours it needs, by name, importing one another as neighbours.

    With them transformers loads a decoder where phon is not installed. Nothing of ours reads them.
    """
    found: dict[str, str] = {}
    waiting = ["portable"]
    while waiting:
        name = f"{waiting.pop()}.py"
        if name not in found:
            text = (Path(__file__).parent / name).read_text(encoding="utf-8")
            found[name] = OURS.sub(r"from .\1 import", text)
            waiting += OURS.findall(text)
    return found


def read_model(folder: Path) -> tuple[Model, Contract, Tokenizer]:
    """The model, contract and tokenizer of a folder, each checked against the others.

    Raises:
        TrainError: a file is missing or damaged, or two of them do not belong together.
    """
    for name in (CONFIG, WEIGHTS, TOKENIZER):
        if not (folder / name).is_file():
            raise TrainError(f"{folder} is no model folder: it has no {name}", hint=RESTORE)
    contract = Contract.read(folder)
    tokenizer = read_tokenizer(folder, contract)
    shape = read_shape(folder / CONFIG, contract)
    weights = read_weights(folder / WEIGHTS, shape)
    with torch.device("meta"):
        model = shape.build()  # drawing weights only to overwrite them would take longer than reading them
    model.to_empty(device="cpu")
    model.load_weights(weights)
    return model.eval(), contract, tokenizer


def read_tokenizer(folder: Path, contract: Contract) -> Tokenizer:
    """The tokenizer of a folder, which takes text that looks like a special token for ordinary characters.

    Raises:
        TrainError: it is not the one that the contract describes.
    """
    try:
        tokenizer = Tokenizer.from_file(str(folder / TOKENIZER))
    except Exception as error:  # the library raises nothing more exact
        raise TrainError(f"{folder / TOKENIZER} is no tokenizer: {error}", hint=RESTORE) from error
    tokenizer.encode_special_tokens = True  # not stored in the file
    bos = tokenizer.token_to_id(BOS)
    openings = {name: [bos, tokenizer.token_to_id(type_token(name))] if name else [bos] for name in contract.openings}
    expected = {
        "vocab_size": tokenizer.get_vocab_size(),
        "bos": bos,
        "eos": tokenizer.token_to_id(EOS),
        "pad": tokenizer.token_to_id(PAD),
        "openings": openings,
        "sentinels": [tokenizer.token_to_id(span_token(number)) for number in range(len(contract.sentinels))],
    }
    for key, value in expected.items():
        found = getattr(contract, key)
        if found != value:
            raise TrainError(
                f"{folder / contracts.NAME} says {key} = {found}, but by {TOKENIZER} it is {value}: samples would "
                "start or end otherwise than the training documents did",
                hint=RESTORE,
            )
    return tokenizer


def read_shape(path: Path, contract: Contract) -> Shape:
    """The shape that a config.json describes.

    Raises:
        TrainError: it is no model of ours, or its ids are not the contract's.
    """
    config = read_json(path)
    if not isinstance(config, dict):
        raise TrainError(f"{path} holds no settings", hint=RESTORE)
    ids = {"bos_token_id": contract.bos, "eos_token_id": contract.eos, "pad_token_id": contract.pad}
    for key, value in {**ids, "vocab_size": contract.vocab_size}.items():
        if config.get(key) != value:
            raise TrainError(
                f"{path} says {key} = {config.get(key)}, but the tokenizer it was trained with has {value}",
                hint=RESTORE,
            )
    try:
        shape = shape_of(config)
        expected = shape.library_config(bos=contract.bos, eos=contract.eos, pad=contract.pad)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise TrainError(f"{path} does not give the shape of a model of ours: {error!r}", hint=RESTORE) from error
    for key in ("activation_function", "layer_norm_epsilon"):
        if config.get(key, expected.get(key)) != expected.get(key):
            raise TrainError(
                f"{path} says {key} = {config[key]}; only {expected.get(key)} can be read",
                hint="read such a model with transformers' AutoModelForCausalLM",
            )
    if min(shape.sizes) < 1 or shape.n_layer > MOST_LAYERS or max(shape.sizes) > WIDEST:
        raise TrainError(f"{path} gives sizes that no model has: {shape}", hint=RESTORE)
    return shape


def read_weights(path: Path, shape: Shape) -> Mapping[str, torch.Tensor]:
    """The weights of a safetensors file, those of a model of this shape and no others.

    Raises:
        TrainError: the file is cut short, damaged, or of another shape.
    """
    check_header(path)
    try:
        with safe_open(path, "pt") as file:
            found = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, ValueError) as error:
        raise TrainError(f"{path} is not whole: {error}", hint=RESTORE) from error
    with torch.device("meta"):
        expected = {name: tuple(p.shape) for name, p in shape.build().weights().items()}
    for name in sorted(expected.keys() | found.keys()):
        if expected.get(name) != found.get(name):
            there, wanted = found.get(name, "missing"), expected.get(name, "no part")
            raise TrainError(f"{path}: {name} is {there}, but by {CONFIG} it is {wanted}", hint=RESTORE)
    return read_tensors(path)
