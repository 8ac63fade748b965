"""Our decoder is x-transformers' with the same weights in each option that both have, and GPT-2 by default.

Weights are copied from ours to theirs. Where the two write the same function otherwise, the copy makes up for it: they
scale learned positions by dim^-0.5, store gammas less 1, turn neighbouring channels where we turn one of each half, and
let query head i read key head i mod n_kv_head, where we read i // (n_head / n_kv_head).

x-transformers 2.31.10 has no soft cap of logits (it caps the stream before the last norm), no scale of queries times
keys but the usual one, unless they are normed, no root-mean-square norm of the embedding, no value residual whose share
is one number a layer and learned (its own is one a head and token), no biases of attention and norms, no DeepNorm by
name (a constant on the residual is the same forward pass), and no types read off the tokens. Its root-mean-square norm
has no epsilon, so ours is compared without. Soft cap and ALiBi together are left out: they cap what ALiBi takes too, so
that it stops growing with distance, which Press et al. 2022 do not mean; we cap the product of query and key alone.
Only whole rows are compared: with a cache theirs errs where tokens are shifted, and fails for xPos with ALiBi.
"""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from train.decoder import Decoder, Shape, deepnorm
from train.gpt2 import as_decoder
from train.options import Options

V, T, PAD = 31, 24, 2
SHARED: dict[str, dict[str, Any]] = {
    "plain": {},
    "no positions": {"position": "none"},
    "sinusoidal": {"position": "sinusoidal"},
    "rotary": {"position": "rotary"},
    "rotary, another base": {"position": "rotary", "rotary_base": 50_000.0},
    "xpos": {"position": "xpos"},
    "alibi": {"position": "alibi"},
    "alibi in some heads": {"position": "alibi", "alibi_heads": 3},
    "alibi in some heads of learned positions": {"alibi_heads": 2},
    "alibi and xpos": {"position": "xpos", "alibi_heads": 2},
    "rms": {"norm": "rms"},
    "post": {"norm_at": "post"},
    "post, rms": {"norm_at": "post", "norm": "rms"},
    "sandwich": {"norm_at": "sandwich"},
    "deepnorm": {"norm_at": "deepnorm"},
    "squared relu": {"feed_forward": "relu2"},
    "swiglu": {"feed_forward": "swiglu"},
    "geglu": {"feed_forward": "geglu"},
    "reglu": {"feed_forward": "reglu"},
    "no biases": {"bias": False},
    "no biases, gated": {"bias": False, "feed_forward": "swiglu"},
    "inner width": {"n_inner": 40},
    "two heads of keys": {"n_kv_head": 2},
    "two heads of keys, rotary": {"n_kv_head": 2, "position": "rotary"},
    "one head of keys": {"n_kv_head": 1},
    "head width": {"head_width": 12},
    "norms of queries and keys": {"qk_norm": True},
    "norms of queries and keys, their scale": {"qk_norm": True, "attn_scale": 10 / 8, "position": "rotary"},
    "soft cap": {"attn_softcap": 2.0},
    "soft cap and rotary": {"attn_softcap": 2.0, "position": "rotary"},
    "window": {"window": 5},
    "token shift": {"token_shift": True},
    "token shift, post": {"token_shift": True, "norm_at": "post"},
    "token shift, sandwich": {"token_shift": True, "norm_at": "sandwich"},
    "value residual": {"value_residual": True},
    "value residual, one head of keys": {"value_residual": True, "n_kv_head": 1},
    "embedding norm": {"embedding_norm": True},
    "its own head": {"tied": False},
    "modern": {"position": "rotary", "norm": "rms", "feed_forward": "swiglu", "n_kv_head": 2, "bias": False},
    "orca": {"position": "xpos", "alibi_heads": 2, "norm_at": "deepnorm", "token_shift": True, "n_kv_head": 1},
}


def layers(o: Options, *, of_encoder: bool = False) -> dict[str, Any]:
    """Our options in their words."""
    acts: dict[str, nn.Module] = {"gelu": nn.GELU("tanh"), "geglu": nn.GELU("tanh"), "reglu": nn.ReLU()}
    (alpha, _), (alpha_e, _) = deepnorm(o.n_layer, o.n_encoder_layer)
    turns = o.position in ("rotary", "xpos")
    found: dict[str, Any] = {
        "dim": o.n_embd,
        "depth": o.n_encoder_layer if of_encoder else o.n_layer,
        "heads": o.n_head,
        "attn_dim_head": o.width,
        "attn_kv_heads": o.kv_heads,
        "rotary_pos_emb": turns,
        "rotary_xpos": o.position == "xpos",
        "rotary_emb_dim": o.width if turns else None,
        # They raise the base to a power of this; their own base is ours by default.
        "rotary_base_rescale_factor": (o.rotary_base / 10_000) ** ((o.width - 2) / o.width),
        "alibi_pos_bias": o.alibi > 0,
        "alibi_num_heads": o.alibi or None,
        "use_rmsnorm": o.norm == "rms",
        "pre_norm": o.norm_at in ("pre", "sandwich"),
        "sandwich_norm": o.norm_at == "sandwich",
        "scale_residual_constant": (alpha_e if of_encoder else alpha) if o.norm_at == "deepnorm" else 1.0,
        "ff_mult": o.inner / o.n_embd,
        "ff_glu": o.is_gated,
        "ff_swish": o.feed_forward == "swiglu",
        "ff_relu_squared": o.feed_forward == "relu2",
        "ff_custom_activation": acts.get(o.feed_forward),
        "ff_no_bias": not o.bias,
        "shift_tokens": int(o.token_shift),
        "add_value_residual": o.value_residual,
        "learned_value_residual_mix": False,
        "verbose": False,
    }
    if o.qk_norm:  # they scale to a length of 1, we to a root mean square of 1
        found |= {"attn_qk_norm": True, "attn_qk_norm_scale": (o.attn_scale or o.width**-0.5) * o.width}
    if o.attn_softcap:
        found |= {"attn_softclamp_logits": True, "attn_logit_softclamp_value": o.attn_softcap}
    if o.window:
        found["attn_max_attend_past"] = o.window - 1
    return found


def wrapped(o: Options, attn_layers: Any) -> Any:
    from x_transformers import TransformerWrapper

    return TransformerWrapper(
        num_tokens=V,
        max_seq_len=T,
        attn_layers=attn_layers,
        use_abs_pos_emb=o.position in ("learned", "sinusoidal"),
        scaled_sinu_pos_emb=o.position == "sinusoidal",
        post_emb_norm=o.embedding_norm,
        tie_embedding=o.tied,
        tie_embedding_scale=1.0,
    ).eval()


def ours(o: Options, seed: int = 0) -> Decoder:
    """Every weight matters, but for biases that they do not have."""
    model = Decoder(Shape(V, T, o, pad=PAD))
    generator = torch.Generator().manual_seed(seed)
    for name, p in model.named_parameters():
        p.data.normal_(1.0 if "norm" in name or "join" in name else 0.0, 0.2, generator=generator)
        if name.endswith("bias") and "mlp." not in name:
            p.data.zero_()
        if name.endswith("mix"):
            p.data.fill_(0.5)
    for module in model.modules():
        if isinstance(module, nn.RMSNorm):
            module.eps = 1e-12
    return model.eval()


def copy_norm(ours: nn.Module, theirs: Any, *, offset: float = 1.0) -> None:
    if not isinstance(ours, nn.Identity):
        gamma = theirs.gamma if hasattr(theirs, "gamma") else theirs.g
        gamma.copy_(ours.get_parameter("weight") - offset)


def copy_join(ours: Any, norms: Any) -> None:
    before, after_branch, after = norms
    if before is not None:
        copy_norm(ours.before, before)
    if after_branch is not None or after is not None:
        copy_norm(ours.after, after_branch or after)


def copy_attention(o: Options, q: Tensor, k: Tensor, v: Tensor, proj: Tensor, theirs: Any, *, turns: bool) -> None:
    w, groups = o.width, o.n_head // o.kv_heads
    channels = torch.arange(w).view(2, -1).t().flatten() if turns else torch.arange(w)
    heads = torch.arange(o.n_head).view(o.kv_heads, groups).t().flatten()
    theirs.to_q.weight.copy_(q.view(o.n_head, w, -1)[heads][:, channels].flatten(0, 1))
    theirs.to_k.weight.copy_(k.view(o.kv_heads, w, -1)[:, channels].flatten(0, 1))
    theirs.to_v.weight.copy_(v)
    theirs.to_out.weight.copy_(proj.view(-1, o.n_head, w)[:, heads].flatten(1))


def copy_blocks(o: Options, blocks: Any, theirs: Any) -> None:
    entries = iter(theirs.layers)

    def following() -> tuple[Any, Any]:
        norms, block, _ = next(entries)
        return norms, block.fn if o.token_shift else block

    for block in blocks:
        norms, attention = following()
        copy_join(block.attn_join, norms)
        q, k, v = block.attn.qkv.weight.split(block.attn.split)
        copy_attention(o, q, k, v, block.attn.proj.weight, attention, turns=o.position in ("rotary", "xpos"))
        if block.crosses:
            norms, attention = following()
            copy_join(block.cross_join, norms)
            k, v = block.cross.kv.weight.chunk(2)
            copy_attention(o, block.cross.q.weight, k, v, block.cross.proj.weight, attention, turns=False)
        norms, feed_forward = following()
        copy_join(block.mlp_join, norms)
        linear = [module for module in feed_forward.modules() if isinstance(module, nn.Linear)]
        for one, other in zip((block.mlp.up, block.mlp.proj), linear, strict=True):
            other.weight.copy_(one.weight)
            if other.bias is not None:  # their gated layer has one always
                other.bias.copy_(torch.zeros_like(other.bias) if one.bias is None else one.bias)


@torch.no_grad()
def copied(model: Decoder, blocks: Any, final: nn.Module, theirs: Any) -> Any:
    o = model.o
    theirs.token_emb.emb.weight.copy_(model.embed.weight)
    if o.position == "learned":
        theirs.pos_emb.emb.weight.copy_(model.place.weight * o.n_embd**0.5)
    if o.position == "sinusoidal":
        theirs.pos_emb.scale.copy_(model.place_scale)
    if o.embedding_norm:
        copy_norm(model.smooth, theirs.post_emb_norm, offset=0.0)
    copy_blocks(o, blocks, theirs.attn_layers)
    copy_norm(final, theirs.attn_layers.final_norm)
    if not o.tied:
        theirs.to_logits.weight.copy_(model.lm_head.weight)
    return theirs


@pytest.mark.parametrize("chosen", SHARED.values(), ids=SHARED)
def test_a_shared_option_gives_the_same_logits(chosen: dict[str, Any]) -> None:
    from x_transformers import Decoder as TheirDecoder

    o = Options(n_layer=3, n_head=4, n_embd=32, **chosen)
    model = ours(o)
    theirs = copied(model, model.h, model.final, wrapped(o, TheirDecoder(**layers(o))))
    x = torch.randint(0, V, (2, T), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected, found = theirs(x), model.logits(x, model.start(2, T))
    assert expected.std() > 0.1
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    "chosen",
    [{}, {"position": "rotary", "norm": "rms", "n_kv_head": 2}, {"position": "alibi"}, {"norm_at": "deepnorm"}],
)
def test_an_encoder_decoder_gives_the_same_logits(chosen: dict[str, Any]) -> None:
    from x_transformers import Decoder as TheirDecoder
    from x_transformers import Encoder as TheirEncoder

    o = Options(n_layer=2, n_encoder_layer=3, n_head=4, n_embd=32, **chosen)
    model = ours(o)
    of = wrapped(o, TheirEncoder(**layers(o, of_encoder=True)))
    copied(model, model.encoder, model.encoded, of)
    theirs = copied(model, model.h, model.final, wrapped(o, TheirDecoder(**layers(o), cross_attend=True)))
    generator = torch.Generator().manual_seed(1)
    x, source = (torch.randint(3, V, (2, n), generator=generator) for n in (T, 10))
    source[1, 7:] = PAD
    with torch.no_grad():
        memory = of(source, mask=source != PAD, return_embeddings=True)
        expected = theirs(x, context=memory, context_mask=source != PAD)
        found = model.logits(x, model.start(2, T, source))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("is_tied", [True, False])
def test_with_default_options_it_is_gpt2(is_tied: bool) -> None:
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config(vocab_size=V, n_positions=T, n_embd=32, n_layer=3, n_head=4, tie_word_embeddings=is_tied)
    theirs = GPT2LMHeadModel(config).eval()
    generator = torch.Generator().manual_seed(2)
    for p in theirs.parameters():
        p.data.normal_(0.0, 0.2, generator=generator)
    model = Decoder(Shape(V, T, Options(n_layer=3, n_head=4, n_embd=32, tied=is_tied)))
    model.load_weights(as_decoder(theirs.state_dict()))
    x = torch.randint(0, V, (2, T), generator=generator)
    with torch.no_grad():
        torch.testing.assert_close(model.logits(x, model.start(2, T)), theirs(x).logits, rtol=0, atol=1e-5)
