"""Architectures of transformers through the whole of a training: stopped, resumed, sampled from, loaded elsewhere."""

import json
from pathlib import Path

import pytest
import torch

from pipeline.evaluate import evaluate
from pipeline.trained import find_model
from tests.forked import done, train
from tests.jobs import together
from tests.toy import log, losses, weights
from train.draw import Sampling
from train.export import read_model
from train.generate import generate
from train.workspace import Workspace

SHAPES = {
    "llama": "hidden_size=32 intermediate_size=64 num_hidden_layers=2 num_attention_heads=2",
    "qwen3": "hidden_size=32 intermediate_size=64 num_hidden_layers=2 num_attention_heads=2 head_dim=16 "
    "num_key_value_heads=1",
    "gpt_neox": "hidden_size=32 intermediate_size=64 num_hidden_layers=2 num_attention_heads=2",
    "mamba2": "hidden_size=32 num_hidden_layers=2 num_heads=4 head_dim=16 state_size=8 n_groups=1 chunk_size=16",
}
TOY = ["data.seq_len=64", "train.global_batch=512", "train.micro_batch=4", "train.max_steps=6", "optim.lr=0.003"]
TOY += ["optim.warmup_steps=0", "log.log_every=1", "log.eval_every=3", "log.sample_every=6", "log.save_every=2"]
TOY += ["log.n_samples=2"]


def settings(model_type: str) -> list[str]:
    keys = [f"model.{setting}" for setting in SHAPES[model_type].split()]
    return ["--config", "tiny", "model.family=transformers", f"model.model_type={model_type}", *keys, *TOY]


@pytest.mark.parametrize("model_type", SHAPES)
def test_it_trains_stops_goes_on_to_the_same_bytes_and_samples(workspace: Path, model_type: str) -> None:
    from transformers import AutoModelForCausalLM

    made = ["--workspace", str(workspace), *settings(model_type)]
    said = workspace / "said"
    assert done(train, [*made, "log.name=alone"], said) == 0, said.read_text()
    assert ("document packing" in said.read_text()) == (model_type == "mamba2")
    assert done(train, [*made, "log.name=stopped"], said, None, 4) == 5, said.read_text()
    assert done(train, [*made, "log.name=stopped"], said) == 0, said.read_text()
    assert "resumed at step" in said.read_text()
    assert weights(workspace, "stopped") == weights(workspace, "alone")
    seen = losses(workspace, "alone")
    assert losses(workspace, "stopped") == seen and seen[-1][1] < seen[0][1]
    drawn = [record for record in log(workspace, "alone") if "samples" in record]
    assert len(drawn) == 4

    folder = workspace / "runs" / "alone" / "model"
    model, contract, tokenizer = read_model(folder)
    samples = list(generate(model, contract, n=3, sampling=Sampling(max_new_tokens=8), batch_size=2))
    alone = list(generate(model, contract, n=3, sampling=Sampling(max_new_tokens=8), batch_size=1))
    assert [sample.ids for sample in samples] == [sample.ids for sample in alone]
    assert all(isinstance(sample.text(tokenizer), str) for sample in samples)
    loaded = AutoModelForCausalLM.from_pretrained(folder).eval()
    tokens = torch.arange(3, 15)[None]
    with torch.no_grad():
        theirs = loaded(tokens).logits[:, -1]
        assert torch.allclose(model.read(tokens, model.start(1, 12)), theirs, atol=1e-5)
    assert json.loads((folder / "config.json").read_text())["model_type"] == model_type
    figures = evaluate(find_model(Workspace(workspace), "alone"), Workspace(workspace))
    last = [record["val_loss"] for record in log(workspace, "alone") if "val_loss" in record][-1]
    assert figures["loss"] == pytest.approx(last, rel=0.01)  # in training it was measured in bf16


def test_shards_of_it_learn_what_the_whole_learns(workspace: Path) -> None:
    quick = [*settings("llama"), "model.tie_word_embeddings=true", "optim.name=adamw", "train.precision=fp32"]
    said = together(workspace, *quick, "log.name=shared", file="fsdp2")
    assert "weights shared out among 2 processes" in said
    assert done(train, ["--workspace", str(workspace), *quick, "log.name=alone"], workspace / "said") == 0
    for (step, loss), (same_step, expected) in zip(
        losses(workspace, "shared"), losses(workspace, "alone"), strict=True
    ):
        assert step == same_step
        assert loss == pytest.approx(expected, rel=1e-4)
    both = [read_model(workspace / "runs" / name / "model")[0].weights() for name in ("shared", "alone")]
    assert all(torch.allclose(tensor, both[1][name], atol=1e-4) for name, tensor in both[0].items())
