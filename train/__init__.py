"""Shards to a model to tokens: configuration, packing, the loop, checkpoints, generation. Knows no phones."""
