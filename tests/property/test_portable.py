"""What holds for a decoder in transformers' hands, whatever its options."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn.functional import pad

from tests.decoders import COVER, T, at_once, made, named, source, tokens
from train.decoder import Decoder
from train.files import read_tensors, write_json, write_tensors
from train.targets import IGNORE

EOS, PAD = 1, 2
LENGTHS = (5, 2, 4)


def folder_of(model: Decoder, folder: Path) -> Path:
    write_json(folder / "config.json", model.shape.library_config(bos=0, eos=EOS, pad=PAD))
    write_tensors(folder / "model.safetensors", model.weights())
    return folder


def loaded(folder: Path, model: Decoder) -> Any:
    from train import portable  # loads transformers

    kind = portable.DecoderForSeq2SeqLM if model.o.n_encoder_layer else portable.DecoderForCausalLM
    other, how = kind.from_pretrained(folder, output_loading_info=True)
    assert not any(how[problem] for problem in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    return other


def prompts() -> tuple[list[torch.Tensor], dict[str, torch.Tensor]]:
    """Rows of unlike length, and the same as a batch that is padded on the left."""
    rows = [tokens(1, length, seed=length)[0] for length in LENGTHS]
    batch = torch.full((len(rows), max(LENGTHS)), PAD)
    for line, row in zip(batch, rows, strict=True):
        line[len(line) - len(row) :] = row
    mask = (torch.arange(max(LENGTHS)) >= max(LENGTHS) - torch.tensor(LENGTHS)[:, None]).long()
    return rows, {"ids": batch, "mask": mask}


def arguments(batch: dict[str, torch.Tensor], of: torch.Tensor | None) -> dict[str, torch.Tensor]:
    if of is None:
        return {"input_ids": batch["ids"], "attention_mask": batch["mask"]}
    return {
        "input_ids": of,
        "attention_mask": (of != PAD).long(),
        "decoder_input_ids": batch["ids"],
        "decoder_attention_mask": batch["mask"],
    }


@torch.no_grad()
def greedy(model: Decoder, row: torch.Tensor, of: torch.Tensor | None, n: int) -> list[int]:
    """By our own cache, alone; to the end."""
    cache, x, found = model.start(1, T, of), row[None], list[int]()
    while len(found) < n and EOS not in found:
        x = model.read(x, cache).argmax(-1, keepdim=True)
        found.append(int(x))
    return found


def after(made: torch.Tensor, n_prompt: int) -> list[int]:
    ids: list[int] = made[n_prompt:].tolist()
    return ids[: ids.index(EOS) + 1] if EOS in ids else ids


@pytest.mark.parametrize("chosen", COVER, ids=named)
def test_it_generates_as_ours_does_greedily_and_by_beams_and_samples(chosen: dict[str, Any], tmp_path: Path) -> None:
    model = made(chosen)
    rows, batch = prompts()
    of = source(model, len(rows))
    other = loaded(folder_of(model, tmp_path), model)
    given = arguments(batch, of)
    if of is not None:  # the library wants each to start with this one
        other.generation_config.decoder_start_token_id = None
        given["decoder_start_token_id"] = batch["ids"][:, 0]
    n = 8
    found = other.generate(**given, max_new_tokens=n, do_sample=False)
    for i, row in enumerate(rows):
        alone = greedy(model, row, None if of is None else of[i : i + 1], n)
        assert after(found[i], max(LENGTHS)) == alone
    torch.manual_seed(0)
    sampled = other.generate(**given, max_new_tokens=n, do_sample=True, num_return_sequences=2)
    assert sampled.shape[0] == 2 * len(rows) and max(LENGTHS) < sampled.shape[1] <= max(LENGTHS) + n
    beams = [
        other.generate(**given, max_new_tokens=n, do_sample=False, num_beams=3, use_cache=keeps)
        for keeps in (True, False)
    ]
    assert torch.equal(*beams)


@pytest.mark.parametrize("chosen", COVER, ids=named)
def test_it_comes_back_as_it_was_saved_with_our_logits(chosen: dict[str, Any], tmp_path: Path) -> None:
    model = made(chosen)
    x, of = tokens(3, T), source(model, 3)
    other = loaded(folder_of(model, tmp_path), model)
    other.save_pretrained(tmp_path / "again")
    again = loaded(tmp_path / "again", model)
    given = arguments({"ids": x, "mask": torch.ones_like(x)}, of)
    with torch.no_grad():
        first, second = (one(**given).logits for one in (other, again))
    torch.testing.assert_close(first, at_once(model, x, of), rtol=0, atol=1e-5)
    assert torch.equal(first, second)
    weights = read_tensors(tmp_path / "again/model.safetensors")
    assert weights.keys() == model.weights().keys()
    ours = model.shape.build().eval()
    ours.load_weights(weights)
    assert torch.equal(at_once(ours, x, of), at_once(model, x, of))


@pytest.mark.parametrize("chosen", COVER, ids=named)
def test_labels_give_our_loss_and_padding_on_the_right_changes_nothing(chosen: dict[str, Any], tmp_path: Path) -> None:
    model, x = made(chosen), tokens(3, T - 3)
    of = source(model, 3)
    other = loaded(folder_of(model, tmp_path), model)
    if of is None:
        padded = pad(x, (0, 3), value=PAD)
        loss = other(padded, (padded != PAD).long(), labels=pad(x, (0, 3), value=IGNORE)).loss
    else:  # of the source on the left too
        padded = pad(of, (2, 0), value=PAD)
        loss = other(padded, (padded != PAD).long(), labels=pad(x[:, 1:], (0, 3), value=IGNORE)).loss
    ours = model(x[:, :-1], x[:, 1:], source=of) / x[:, 1:].numel()
    torch.testing.assert_close(loss, ours, rtol=1e-5, atol=1e-5)
    loss.backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in other.parameters())
