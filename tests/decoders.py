"""Decoders that tests share: the fewest that have every pair of options that can be combined."""

import itertools
import random
from typing import Any

import torch

from train.decoder import Decoder, Shape
from train.options import Options, choices

V, T = 37, 20
BOS, VERSE, PROSE, SONNET = 0, 3, 4, 5
TYPES = ((VERSE, 1, 0), (PROSE, 2, 0), (SONNET, 1, 1))
SIZES: dict[str, tuple[Any, ...]] = {
    "n_head": (4,),
    "n_layer": (3,),
    "n_kv_head": (None, 2, 1),
    "head_width": (None, 6),
    "n_inner": (None, 24),
    "alibi_heads": (None, 2),
    "attn_scale": (None, 0.2),
    "attn_softcap": (None, 3.0),
    "logit_softcap": (None, 5.0),
    "window": (None, 5),
    "n_encoder_layer": (0, 2),
}
VALUES = {**SIZES, **choices()}


def combinable(chosen: dict[str, Any]) -> bool:
    try:
        Options(n_embd=16, **chosen)
    except ValueError:
        return False
    return True


def cover(seed: int = 0) -> list[dict[str, Any]]:
    """Decoders that together have every pair of values that can be combined."""
    names = list(VALUES)
    pairs = {
        ((a, x), (b, y))
        for a, b in itertools.combinations(names, 2)
        for x in VALUES[a]
        for y in VALUES[b]
        if combinable({"n_head": 4, a: x, b: y})
    }
    draw, found = random.Random(seed), []
    while pairs:
        best: tuple[int, dict[str, Any], set[Any]] | None = None
        for _ in range(12):
            (a, x), (b, y) = draw.choice(sorted(pairs, key=repr))
            chosen = {"n_head": 4, a: x, b: y}
            for name in draw.sample(names, len(names)):
                if name not in chosen:
                    fits = [v for v in VALUES[name] if combinable({**chosen, name: v})]
                    gain = [
                        sum(((n, w), (name, v)) in pairs or ((name, v), (n, w)) in pairs for n, w in chosen.items())
                        for v in fits
                    ]
                    chosen[name] = fits[gain.index(max(gain))]
            has = {((p, chosen[p]), (q, chosen[q])) for p, q in itertools.combinations(names, 2)} & pairs
            if best is None or len(has) > best[0]:
                best = (len(has), chosen, has)
        assert best
        found.append(best[1])
        pairs -= best[2]
    return found


COVER = cover()


def named(chosen: dict[str, Any]) -> str:
    plain = Options()
    return "-".join(f"{k}={v}" for k, v in chosen.items() if v != getattr(plain, k))


def made(chosen: dict[str, Any], seed: int = 0, **more: Any) -> Decoder:
    """A decoder whose every weight matters."""
    model = Decoder(Shape(V, T, Options(n_embd=16, **{**chosen, **more}), TYPES, pad=2))
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in model.named_parameters():
            p.normal_(1.0 if "norm" in name else 0.0, 0.3, generator=generator)
    return model.eval()


def tokens(rows: int, length: int, seed: int = 1) -> torch.Tensor:
    drawn = torch.randint(6, V, (rows, length), generator=torch.Generator().manual_seed(seed))
    drawn[:, 0] = BOS
    drawn[:, 1] = torch.tensor([VERSE, PROSE, SONNET, 8])[torch.arange(rows) % 4]
    return drawn


def source(model: Decoder, rows: int) -> torch.Tensor | None:
    if not model.o.n_encoder_layer:
        return None
    drawn = torch.randint(6, V, (rows, 9), generator=torch.Generator().manual_seed(5))
    drawn[0, 6:] = 2
    return drawn


def at_once(model: Decoder, x: torch.Tensor, of: torch.Tensor | None) -> torch.Tensor:
    with torch.no_grad():
        return model.logits(x, model.start(len(x), x.shape[1], of))
