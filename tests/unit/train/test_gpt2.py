import warnings
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch.nn import functional as F

from train.attention import Look, attend, pieces
from train.gpt2 import GPT2, Cache, Shape, hf_config, shape_of
from train.targets import IGNORE

SHAPE = Shape(vocab_size=101, seq_len=24, n_layer=3, n_head=2, n_embd=16, n_inner=40)


def random_model(shape: Shape = SHAPE, seed: int = 0) -> GPT2:
    """A model whose every weight matters: biases and norms drawn too."""
    generator = torch.Generator().manual_seed(seed)
    model = GPT2(shape)
    with torch.no_grad():
        for p in model.parameters():
            p.normal_(0.0, 0.3, generator=generator)
    return model


def library_model(shape: Shape = SHAPE) -> Any:
    from transformers import GPT2Config, GPT2LMHeadModel

    return GPT2LMHeadModel(GPT2Config(**hf_config(shape, bos=0, eos=1, pad=2))).eval()


def random_tokens(rows: int, length: int, seed: int = 1) -> torch.Tensor:
    return torch.randint(SHAPE.vocab_size, (rows, length), generator=torch.Generator().manual_seed(seed))


def logits_everywhere(model: GPT2, tokens: torch.Tensor) -> torch.Tensor:
    """(B, T, V), each position read anew."""
    with torch.no_grad():
        read = [
            model.read(tokens[:, :t], Cache(model.shape, len(tokens), t, model.wte.weight))
            for t in range(1, tokens.shape[1] + 1)
        ]
    return torch.stack(read, 1)


UNTIED = replace(SHAPE, tied=False)


@pytest.mark.parametrize("shape", [SHAPE, UNTIED])
def test_transformers_gives_the_same_logits_with_our_weights(shape: Shape) -> None:
    model, other = random_model(shape), library_model(shape)
    missing, unexpected = other.load_state_dict(model.weights(), strict=False)
    assert (missing, unexpected) == (["lm_head.weight"] if shape.tied else [], [])  # the head is the embedding
    tokens = random_tokens(2, SHAPE.seq_len)
    with torch.no_grad():
        assert torch.allclose(other(tokens).logits, logits_everywhere(model, tokens), atol=1e-5)


@pytest.mark.parametrize("shape", [SHAPE, UNTIED])
def test_we_give_the_same_logits_with_weights_of_transformers(shape: Shape) -> None:
    other, model = library_model(shape), random_model(shape, seed=5)
    with torch.no_grad():
        for p in other.parameters():
            p.add_(0.1 * torch.randn(p.shape, generator=torch.Generator().manual_seed(p.numel())))
    model.load_weights(other.state_dict())
    tokens = random_tokens(2, 9)
    with torch.no_grad():
        assert torch.allclose(other(tokens).logits, logits_everywhere(model, tokens), atol=1e-5)


def test_weights_come_back_as_they_were() -> None:
    model, other = random_model(seed=1), random_model(seed=2)
    other.load_weights(model.weights())
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), other.parameters(), strict=True))


@pytest.mark.parametrize("pieces", [[1] * 12, [5, 1, 1, 5], [4, 8], [12]])
def test_reading_in_pieces_is_reading_at_once(pieces: list[int]) -> None:
    model = random_model()
    tokens = random_tokens(3, 12)
    expected = logits_everywhere(model, tokens)
    cache = Cache(SHAPE, 3, 12, model.wte.weight)
    with torch.no_grad():
        for piece in pieces:
            read = model.read(tokens[:, cache.length : cache.length + piece], cache)
            assert torch.allclose(read, expected[:, cache.length - 1], atol=1e-5)


def test_rows_that_are_kept_go_on_as_before() -> None:
    model = random_model()
    tokens = random_tokens(4, 6)
    cache = Cache(SHAPE, 4, 6, model.wte.weight)
    kept = torch.tensor([3, 1])
    with torch.no_grad():
        model.read(tokens[:, :5], cache)
        cache.keep(kept)
        read = model.read(tokens[kept, 5:], cache)
    assert torch.allclose(read, logits_everywhere(model, tokens)[kept, -1], atol=1e-5)


def test_a_token_does_not_see_those_after_it() -> None:
    model = random_model()
    tokens, targets = random_tokens(1, 8), random_tokens(1, 8, seed=2)
    changed = tokens.clone()
    changed[0, 5:] = 7
    targets[0, 5:] = IGNORE
    with torch.no_grad():
        assert torch.equal(model(tokens, targets), model(changed, targets))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_token_of_a_shared_row_does_not_see_those_after_it(dtype: torch.dtype) -> None:
    model = random_model().to(dtype)
    tokens, targets = random_tokens(1, 16), random_tokens(1, 16, seed=2)
    positions = torch.cat([torch.arange(7), torch.arange(9)])[None]
    changed = tokens.clone()
    changed[0, 5:7] = changed[0, 12:] = 7
    targets[0, 5:7] = targets[0, 12:] = IGNORE
    with torch.no_grad():
        assert torch.equal(model(tokens, targets, positions), model(changed, targets, positions))


def test_the_loss_is_that_of_transformers() -> None:
    model, other = random_model(), library_model()
    other.load_state_dict(model.weights(), strict=False)
    tokens = random_tokens(3, 20)
    tokens[:, -1] = 4
    labels = tokens.clone()
    labels[0, 10:15] = IGNORE
    targets = F.pad(labels[:, 1:], (0, 1), value=IGNORE)
    ours = model(tokens, targets)
    mean = other(tokens, labels=labels).loss  # it shifts the labels itself
    assert torch.allclose(ours / (targets != IGNORE).sum(), mean, atol=1e-5)
    ours.backward()
    gradient = model.wte.weight.grad
    assert gradient is not None
    mean.backward()
    assert torch.allclose(gradient / (targets != IGNORE).sum(), other.transformer.wte.weight.grad, atol=1e-5)


def test_documents_that_share_a_row_do_not_see_each_other() -> None:
    model, lengths = random_model(), (9, 4, 11)
    tokens, targets = random_tokens(2, 24), random_tokens(2, 24, seed=2)
    positions = torch.cat([torch.arange(n) for n in lengths]).expand(2, 24)
    model(tokens, targets, positions).backward()
    packed = [p.grad for p in model.parameters()]
    apart = random_model()
    pieces = zip(tokens.split_with_sizes(lengths, 1), targets.split_with_sizes(lengths, 1), strict=True)
    losses = [apart(*piece) for piece in pieces]
    torch.autograd.backward(losses)
    with torch.no_grad():
        torch.testing.assert_close(model(tokens, targets, positions), torch.stack(losses).sum())
    torch.testing.assert_close(packed, [p.grad for p in apart.parameters()], rtol=1e-4, atol=1e-4)


def test_documents_in_blocks_are_documents_by_a_mask() -> None:
    q, k, v = (torch.randn(2, 3, 128, 16, generator=torch.Generator().manual_seed(i)) for i in range(3))
    positions = torch.stack([torch.arange(128) % 50, torch.arange(128)])
    look = Look(pieces=pieces(positions))
    by_mask = attend(q, k, v, look.prepared(positions, in_blocks=False))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it tells that without compiling it is slow
        in_blocks = attend(q, k, v, look.prepared(positions, in_blocks=True))
    torch.testing.assert_close(in_blocks, by_mask, rtol=1e-4, atol=1e-5)


def test_activations_computed_twice_give_the_same_gradient() -> None:
    shape = replace(SHAPE, dropout=0.2)
    gradients = []
    for checkpointing in (False, True):
        model = random_model(shape).train()
        model.checkpointing = checkpointing
        torch.manual_seed(3)
        model(random_tokens(3, 20), random_tokens(3, 20, seed=2)).backward()
        gradients.append([p.grad for p in model.parameters()])
    assert all(torch.equal(a, b) for a, b in zip(*gradients, strict=True) if a is not None and b is not None)


@pytest.mark.parametrize("is_shared", [False, True])
def test_attention_written_out_for_bf16_is_attention(is_shared: bool) -> None:
    attention = random_model().h[0].get_submodule("attn").to(torch.bfloat16)
    x = torch.randn(2, 24, 16, generator=torch.Generator().manual_seed(3))
    look = Look(pieces=(torch.arange(24) // 10).expand(2, 24) if is_shared else None)
    with torch.no_grad():
        written_out = attention(x.bfloat16(), look).float()
        library = attention.float()(x.bfloat16().float(), look)
    assert torch.allclose(written_out, library, atol=0.03)


def test_initial_weights_have_the_deviations_of_gpt2() -> None:
    shape = Shape(vocab_size=500, seq_len=64, n_layer=8, n_head=4, n_embd=128, n_inner=512)
    model = GPT2(shape)
    model.initialise(torch.Generator().manual_seed(0))
    for name, p in model.named_parameters():
        if p.dim() == 1:
            assert torch.all(p == (1.0 if name.endswith("weight") else 0.0)), name
        else:
            deviation = 0.02 / 4 if "c_proj" in name else 0.02  # 4: the root of 2 a layer, 8 layers
            assert p.std().item() == pytest.approx(deviation, rel=0.03), name
            assert p.mean().item() == pytest.approx(0.0, abs=4 * deviation / p.numel() ** 0.5), name


def test_the_same_generator_draws_the_same_weights() -> None:
    models = [GPT2(SHAPE), GPT2(SHAPE)]
    for model in models:
        model.initialise(torch.Generator().manual_seed(7))
    assert all(torch.equal(a, b) for a, b in zip(*(model.parameters() for model in models), strict=True))


@pytest.mark.parametrize(
    ("n_layer", "n_head", "n_embd", "published"),
    [
        (8, 8, 512, 51_475_968),
        (10, 10, 640, 82_056_320),
        (12, 12, 768, 124_439_808),
        (36, 20, 1280, 774_030_080),
        (48, 25, 1600, 1_557_611_200),
    ],
)
def test_parameters_are_as_many_as_published(n_layer: int, n_head: int, n_embd: int, published: int) -> None:
    shape = Shape(50257, 1024, n_layer, n_head, n_embd, 4 * n_embd)
    with torch.device("meta"):
        counted = sum(p.numel() for p in GPT2(shape).parameters())
    assert counted == shape.n_parameters == published


@pytest.mark.parametrize("shape", [SHAPE, UNTIED])
def test_the_shape_comes_back_from_the_config(shape: Shape) -> None:
    assert shape_of(hf_config(shape, bos=0, eos=1, pad=2)) == shape
    assert shape.n_parameters == sum(p.numel() for p in GPT2(shape).parameters())
