"""What may stand in a config: its sections and keys, and the nearest to one that is none."""

import difflib
from collections.abc import Iterable, Mapping, Sequence

from train import architecture
from train.errors import TrainError

ELSEWHERE = {  # what other trainers call our keys
    "learning_rate": "optim.lr",
    "warmup": "optim.warmup_steps",
    "batch_size": "train.micro_batch",
    "block_size": "data.seq_len",
    "n_positions": "data.seq_len",
    "context_length": "data.seq_len",
    "hidden_size": "model.n_embd",
    "d_model": "model.n_embd",
    "num_layers": "model.n_layer",
    "num_heads": "model.n_head",
    "d_ff": "model.n_inner",
    "steps": "train.max_steps",
}


def check_keys(
    section: str,
    keys: Iterable[str],
    sections: Mapping[str, Sequence[str]],
    source: str,
    aliases: Mapping[str, str],
    *,
    exit_code: int = 1,
) -> None:
    """Refuse a section or key that does not exist, with the nearest that does.

    Args:
        sections: The keys of each.
        aliases: Other names for some keys of the section `model`.

    Raises:
        TrainError: there is no such section or key, or another sets it.
    """
    if section not in sections:
        near = difflib.get_close_matches(section, sections, 1, cutoff=0.4)
        hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(sections)}"
        raise TrainError(f"{source}: there is no section {section!r}", hint=hint, exit_code=exit_code)
    there = sections[section]
    for key in keys:
        if key in there:
            continue
        owner = architecture.owner(key) if section == "model" and "model_type" in there else ""
        if owner:
            raise TrainError(f"{source}: model.{key} is not set here", hint=owner, exit_code=exit_code)
        known = {k: f"{s}.{k}" for s, keys in sections.items() for k in keys} | ELSEWHERE
        known |= {k: f"{section}.{k}" for k in there}
        if section == "model":
            known |= {alias: f"model.{name}" for alias, name in aliases.items()}
        near = difflib.get_close_matches(key, known, 1, cutoff=0.5)
        suggestion = known[near[0]] if near else ""
        hint = f"did you mean {suggestion}?" if suggestion else f"there are: {', '.join(there)}"
        raise TrainError(f"{source}: unknown key {section}.{key}", hint=hint, exit_code=exit_code)
