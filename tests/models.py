"""Models and tokenizers that tests share."""

import json
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from train.contract import BOS, EOS, PAD, Contract, type_token
from train.files import sha256_file
from train.gpt2 import GPT2, Shape

TYPES = ("plays", "poems")


def random_model(shape: Shape) -> GPT2:
    """A random model sure enough of itself to be told from a uniform one."""
    model = GPT2(shape)
    with torch.no_grad():
        for p in model.parameters():
            p.normal_(0.0, 0.3, generator=torch.Generator().manual_seed(p.numel()))
    return model


def make_tokenizer(folder: Path, types: tuple[str, ...] = TYPES) -> Path:
    """A tokenizer folder whose tokens are bytes."""
    folder.mkdir(parents=True)
    specials = [BOS, EOS, PAD, *map(type_token, types)]
    tokens = [*specials, *sorted(pre_tokenizers.ByteLevel.alphabet())]
    tokenizer = Tokenizer(models.BPE({token: i for i, token in enumerate(tokens)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": BOS,
        "eos_token": EOS,
        "pad_token": PAD,
        "split_special_tokens": True,
        "clean_up_tokenization_spaces": False,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    Contract(
        notation={"name": "text", "version": "1", "options": {}},
        vocab_size=len(tokens),
        bos=0,
        eos=1,
        pad=2,
        openings={name: [0, 3 + i] for i, name in enumerate(types)} or {"": [0]},
        documents=dict.fromkeys(types, 2) or {"": 2},
        tokenizer_sha256=sha256_file(folder / "tokenizer.json"),
    ).write(folder)
    return folder
