"""What holds for a decoder whatever its options: for every pair of them, in the fewest decoders that have all pairs."""

from typing import Any

import pytest
import torch

from tests.decoders import COVER, VALUES, T, at_once, made, named, source, tokens
from train.decoder import shape_of
from train.recall import Memory
from train.targets import IGNORE


def nll(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="sum")


@pytest.mark.parametrize("chosen", COVER, ids=named)
def test_reading_in_pieces_is_reading_at_once(chosen: dict[str, Any]) -> None:
    model, x = made(chosen), tokens(3, T)
    of = source(model, 3)
    whole = at_once(model, x, of)
    for pieces in ([1] * T, [7, 1, 1, 6, 5], [2, 18], [T - 1, 1]):
        memory = model.start(3, T, of)
        with torch.no_grad():
            parts = [model.logits(part, memory) for part in x.split_with_sizes(pieces, 1)]
        torch.testing.assert_close(torch.cat(parts, 1), whole, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(
        model(x[:, :-1], x[:, 1:], source=of), nll(whole[:, :-1], x[:, 1:]), rtol=1e-4, atol=1e-3
    )


@pytest.mark.parametrize("chosen", COVER, ids=named)
def test_padding_on_the_left_changes_nothing_and_a_batch_is_one_by_one(chosen: dict[str, Any]) -> None:
    model, lengths = made(chosen), [11, 4, 7]
    of = source(model, 3)
    rows = [tokens(1, length, seed=length) for length in lengths]
    pads = torch.tensor([max(lengths) - length for length in lengths])
    batch = torch.cat([torch.cat([torch.full((1, int(p)), 2), row], 1) for p, row in zip(pads, rows, strict=True)])
    memory = model.start(3, T, of, pads)
    with torch.no_grad():
        together = [model.logits(batch, memory)[:, -1]]
        together += [model.logits(step, memory)[:, -1] for step in tokens(3, 7, seed=9)[:, 2:, None].unbind(1)]
    for i, row in enumerate(rows):
        alone = model.start(1, T, None if of is None else of[i : i + 1])
        with torch.no_grad():
            seen = [model.logits(row, alone)[:, -1]]
            seen += [model.logits(step, alone)[:, -1] for step in tokens(3, 7, seed=9)[i : i + 1, 2:, None].unbind(1)]
        torch.testing.assert_close(torch.cat(seen), torch.stack([x[i] for x in together]), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("chosen", COVER, ids=named)
def test_a_token_does_not_see_those_after_it(chosen: dict[str, Any]) -> None:
    model, x = made(chosen), tokens(2, T)
    changed = x.clone()
    changed[:, 12:] = 7
    of = source(model, 2)
    assert torch.equal(at_once(model, x, of)[:, :12], at_once(model, changed, of)[:, :12])


@pytest.mark.parametrize("chosen", COVER, ids=named)
def test_documents_that_share_a_row_do_not_see_each_other(chosen: dict[str, Any]) -> None:
    model = made(chosen)
    if model.o.n_encoder_layer:
        pytest.skip("an encoder reads one source a row")
    parts = [tokens(1, n, seed=n) for n in (8, 3, 9)]
    row = torch.cat(parts, 1)
    places = torch.cat([torch.arange(part.shape[1]) for part in parts])[None]
    targets = torch.cat([torch.cat([part[:, 1:], torch.tensor([[IGNORE]])], 1) for part in parts], 1)
    apart = sum(nll(at_once(model, part, None)[:, :-1], part[:, 1:]) for part in parts)
    torch.testing.assert_close(model(row, targets, places), apart, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("chosen", COVER, ids=named)
def test_the_gradient_reaches_every_weight_whether_activations_are_kept_or_not(chosen: dict[str, Any]) -> None:
    gradients = []
    for checkpointing in (False, True):
        model = made(chosen).train()
        model.checkpointing = checkpointing
        x = tokens(4, T)
        model(x[:, :-1], x[:, 1:], source=source(model, 4)).backward()
        gradients.append({name: p.grad for name, p in model.named_parameters()})
    for name, g in gradients[0].items():
        assert g is not None and g.abs().sum() > 0, name
        torch.testing.assert_close(g, gradients[1][name])


@pytest.mark.parametrize("chosen", COVER, ids=named)
def test_a_decoder_comes_back_from_its_config_and_weights(chosen: dict[str, Any]) -> None:
    model, x = made(chosen), tokens(2, 9)
    config = model.shape.library_config(bos=0, eos=1, pad=2)
    assert shape_of(config) == model.shape
    other = shape_of(config).build().eval()
    other.load_weights(model.weights())
    of = source(model, 2)
    assert torch.equal(at_once(other, x, of), at_once(model, x, of))
    assert sum(p.numel() for p in model.parameters()) == model.shape.n_parameters


@pytest.mark.parametrize("chosen", COVER, ids=named)
def test_rows_that_are_kept_go_on_as_before(chosen: dict[str, Any]) -> None:
    model, x = made(chosen), tokens(4, 12)
    of, kept = source(model, 4), torch.tensor([3, 1, 1])
    memory = model.start(4, T, of)
    with torch.no_grad():
        model.logits(x[:, :8], memory)
        memory.keep(kept)
        after = model.logits(x[kept, 8:], memory)
    torch.testing.assert_close(after, at_once(model, x, of)[kept, 8:], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("chosen", COVER, ids=named)
def test_half_precision_is_nearly_the_same(chosen: dict[str, Any]) -> None:
    model, x = made(chosen), tokens(3, T)
    of = source(model, 3)
    whole = at_once(model, x, of)
    memory = model.to(torch.bfloat16).start(3, T, of)
    with torch.no_grad():
        parts = [model.logits(part, memory) for part in x.split_with_sizes([12, 1, 7], 1)]
    assert {part.dtype for part in parts} == {torch.bfloat16}
    assert (torch.cat(parts, 1).float() - whole).norm() < 0.2 * whole.norm()


def test_the_cover_has_few_decoders_and_every_value() -> None:
    assert len(COVER) < 60
    for name, values in VALUES.items():
        assert {chosen[name] for chosen in COVER} == set(values), name
    assert isinstance(made(COVER[0]).start(1, 1), Memory)
