"""Models that tests share."""

import torch

from train.gpt2 import GPT2, Shape


def random_model(shape: Shape) -> GPT2:
    """A random model sure enough of itself to be told from a uniform one."""
    model = GPT2(shape)
    with torch.no_grad():
        for p in model.parameters():
            p.normal_(0.0, 0.3, generator=torch.Generator().manual_seed(p.numel()))
    return model
