"""`phon models`: the families of models and all configs with their sizes, or one of them in full."""

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from pipeline import show
from pipeline.options import json_option, workspace_option
from pipeline.runs import align
from train.workspace import Workspace

FAMILIES = {
    "gpt2": "GPT-2 as OpenAI built it, the default",
    "decoder": "ours, with options: positions, norms, gates, an encoder",
    "transformers": "any architecture of the library that writes text",
}
MICRO_BATCH = 8  # rows, where a config leaves them to the device
UNITS = ((10**9, "G"), (10**6, "M"), (10**3, "k"), (1, ""))
HEADS = ("config", "family", "shape", "published", "ours", "memory", "FLOPs")


def describe(name: str, workspace: Workspace) -> dict[str, Any]:
    """The sizes of a config's model, for programs; `parameters` is null where there is no tokenizer.

    Args:
        name: A config's name, or a TOML file.

    Raises:
        TrainError: there is no such config, or it or the tokenizer is damaged.
    """
    # Slow imports: a help page needs none of them.
    from train import config as configs
    from train import contract as contracts
    from train.choose import LONGEST_ROW
    from train.families import shape_of
    from train.memory import Step, knows, states, step_memory

    config = configs.load(name)
    seq_len, rows = config.data.seq_len, config.train.micro_batch
    seq_len, rows = LONGEST_ROW if seq_len == "auto" else seq_len, MICRO_BATCH if rows == "auto" else rows
    contract = None
    if (workspace.tokenizer / contracts.NAME).is_file():
        contract = contracts.Contract.read(workspace.tokenizer)
    published = shape_of(config, config.model.published_vocab_size, seq_len)
    shape = shape_of(config, contract.vocab_size, seq_len, contract) if contract else published
    is_whole = knows(shape)
    how = Step(rows, micro_steps=2, optimizer=config.optim.name, has_average=config.optim.ema > 0)
    return {
        "name": Path(name).stem,
        "family": config.model.family,
        "model_type": getattr(config.model, "model_type", None),
        "n_layer": shape.n_layer,
        "n_head": shape.n_head,
        "n_embd": shape.n_embd,
        "seq_len": seq_len,
        "micro_batch": rows,
        "published_vocab_size": published.vocab_size,
        "parameters_published": published.n_parameters,
        "vocab_size": contract.vocab_size if contract else None,
        "parameters": shape.n_parameters if contract else None,
        "memory_bytes": step_memory(shape, how).peak if is_whole else states(shape, config.optim),
        "memory_has_activations": is_whole,
        "flops_per_token": shape.flops_per_token,
    }


def list_models(workspace: Workspace) -> list[dict[str, Any]]:
    """All configs that come with the program, in order of family and size.

    Raises:
        TrainError: the tokenizer is damaged.
    """
    from train import config as configs

    rows = [describe(name, workspace) for name in configs.names()]
    families = [*FAMILIES]
    return sorted(rows, key=lambda row: (families.index(row["family"]), row["parameters_published"]))


def list_lines(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The families, a table with a line a config, and what its columns say."""
    width = max(map(len, FAMILIES))
    table = [
        [
            row["name"],
            row["model_type"] or row["family"],
            f"{row['n_layer']}x{row['n_head']}x{row['n_embd']}",
            brief(row["parameters_published"]),
            brief(row["parameters"]),
            ("" if row["memory_has_activations"] else ">") + f"{brief(row['memory_bytes'])}B",
            brief(row["flops_per_token"]),
        ]
        for row in rows
    ]
    vocabulary = next((row["vocab_size"] for row in rows if row["vocab_size"]), None)
    ours = f"with the {vocabulary:,} tokens of data/tokenizer" if vocabulary else "there is no tokenizer yet"
    legend = (
        f"shape: layers x heads x width. published, ours: parameters with the published vocabulary; {ours}. memory: "
        "of a training step on one GPU in bf16 with the config's rows, calculated; > where activations come on top. "
        "FLOPs: of training, a token."
    )
    families = [f"  {name.ljust(width)}  {what}" for name, what in FAMILIES.items()]
    below = textwrap.wrap(legend, 78, initial_indent="  ", subsequent_indent="  ")
    return [*families, "", *align([HEADS, *table]), "", *below]


def brief(number: int | None) -> str:
    """A large number in two to four digits, as 1.6 G; nothing for none."""
    if number is None:
        return ""
    size, unit = next((size, unit) for size, unit in UNITS if number >= size or size == 1)
    return f"{number / size:.{0 if number >= 100 * size or size == 1 else 1}f} {unit}"


def one_lines(row: Mapping[str, Any]) -> dict[str, str]:
    """One config's sizes as labels and values."""
    has = "weights, gradients and the optimizer's averages"
    counted = f"{has}, activations and logits" if row["memory_has_activations"] else f"{has}; activations come on top"
    return {
        "family": row["family"] + (f", {row['model_type']}" if row["model_type"] else ""),
        "shape": f"{row['n_layer']} layers, {row['n_head']} heads, width {row['n_embd']}",
        "published": f"{row['parameters_published']:,} parameters with {row['published_vocab_size']:,} tokens",
        "ours": "" if row["parameters"] is None else f"{row['parameters']:,} with {row['vocab_size']:,} tokens",
        "memory": f"{brief(row['memory_bytes'])}B with {row['micro_batch']} rows of {row['seq_len']:,}: {counted}",
        "FLOPs a token": f"{row['flops_per_token']:,}, forward and backward",
    }


def settings(name: str) -> list[str]:
    """The lines of a config, comments and all."""
    from train.config import path_of

    return path_of(name).read_text(encoding="utf-8").splitlines()


@click.command("models")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@workspace_option
@json_option
def command(names: tuple[str, ...], workspace: Workspace, as_json: bool) -> None:
    """List the families of models and the configs there are, or show those named in full.

    Parameters are counted with the vocabulary that a config was published with, and with that of data/tokenizer, where
    there is one. Memory is calculated, for one GPU.

    Example: phon models tiny
    """
    rows = [describe(name, workspace) for name in names] if names else list_models(workspace)
    if as_json:
        show.as_json(rows)
    elif not names:
        click.echo("\n".join(list_lines(rows)))
    else:
        for name, row in zip(names, rows, strict=True):
            show.table(row["name"], one_lines(row))
            click.echo("\n".join(["", *map(show.printable, settings(name))]))
