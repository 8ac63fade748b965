"""README.md of a model that is shared: what it is, how it is used, what it was made from, by its run's records."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.legend import legend
from pipeline.markup import Code, block, plain, table
from pipeline.report import ran_on
from pipeline.sampler import Judged
from train.contract import BOS, SOURCE_TOKENIZER, Contract, type_token
from train.history import History
from train.log import duration
from train.manifest import Manifest

FILES_SHOWN = 50  # of a corpus
SHOWN = 500  # characters of a sample
UNKNOWN = "unknown"
# What the Hub knows as a value of `license`; others are given as `other` with their name.
LICENCES = {
    *("unknown", "other", "apache-2.0", "mit", "isc", "zlib", "unlicense", "wtfpl", "bsl-1.0", "artistic-2.0"),
    *("bsd", "bsd-2-clause", "bsd-3-clause", "cc", "cc0-1.0", "cc-by-2.0", "cc-by-3.0", "cc-by-4.0", "cc-by-sa-3.0"),
    *("cc-by-sa-4.0", "cc-by-nc-2.0", "cc-by-nc-3.0", "cc-by-nc-4.0", "cc-by-nd-4.0", "cc-by-nc-nd-3.0"),
    *("cc-by-nc-nd-4.0", "cc-by-nc-sa-3.0", "cc-by-nc-sa-4.0", "gpl", "gpl-2.0", "gpl-3.0", "agpl-3.0", "lgpl"),
    *("lgpl-2.1", "lgpl-3.0", "mpl-2.0", "odbl", "odc-by", "pddl", "openrail"),
}


@dataclass(frozen=True)
class Drawn:
    """Samples for the card, and how they were made."""

    samples: Sequence[Judged]
    spelled: Sequence[str]  # in English; empty where the notation cannot be turned back
    temperature: float
    seed: int
    held: bool  # to the notation's grammar


@dataclass(frozen=True)
class Exported:
    """All that a card tells.

    Args:
        said: The model's make, in words.
        config: Its config.json.
        run: What its run told; None for a model that came alone.
        made: The manifests of the data that this very run was trained on; empty where it is gone.
        licence: Of the data, and so of the model.
    """

    name: str
    said: str
    n_parameters: int
    config: Mapping[str, Any]
    contract: Contract
    run: History | None
    made: Mapping[str, Manifest]
    licence: str
    drawn: Drawn | None


def card(model: Exported) -> str:
    """The card, from its metadata on."""
    parts = [
        f"# {plain(model.name.rpartition('/')[2])}",
        opening(model),
        *section("Use", use(model)),
        *section("Notation", [legend(model.contract.notation)]),
        *section("Samples", samples(model)),
        *section("Figures", figures(model)),
        *section("Data", data(model)),
        *section("Tokenizer and openings", tokenizer(model.contract)),
        *section("Training", training(model)),
    ]
    return f"---\n{metadata(model)}\n---\n\n" + "\n\n".join(parts) + "\n"


def section(title: str, parts: Sequence[str] | Iterator[str]) -> list[str]:
    """A heading and what stands under it; nothing where nothing does."""
    inside = list(parts)
    return [f"## {title}", *inside] if inside else []


def metadata(model: Exported) -> str:
    """What the Hub reads of a card, as YAML."""
    from huggingface_hub import ModelCardData  # takes a second

    notation = model.contract.notation["name"]
    named, also = licence(model.licence)
    return ModelCardData(
        license=named,
        license_name=also,
        library_name="transformers",
        pipeline_tag=None if model.contract.pairs else "text-generation",
        language=None if notation == "text" else "en",
        tags=["phon", notation, str(model.config["model_type"]), *(["custom_code"] if needs_code(model) else [])],
    ).to_yaml()


def licence(name: str) -> tuple[str, str | None]:
    """A licence as the Hub's metadata has it: one that it knows, or `other` and the name."""
    known = name.lower()
    return (known, None) if known in LICENCES else ("other", "-".join(known.split()))


def needs_code(model: Exported) -> bool:
    """Whether transformers runs code from the model's folder to load it."""
    return "auto_map" in model.config


def opening(model: Exported) -> str:
    """What it is, in a paragraph."""
    writes = (
        "It was trained on pairs and writes a target for a source."
        if model.contract.pairs
        else "It writes text of that kind from nothing, or goes on from a beginning. It follows no instructions."
    )
    kind = "ordinary text" if model.contract.notation["name"] == "text" else "English written by its sounds"
    return (
        f"A language model of the architecture {Code(model.config['model_type'])}, {plain(model.said)}, "
        f"{model.n_parameters:,} parameters, trained from scratch on {kind}. {writes}"
    )


def use(model: Exported) -> Iterator[str]:
    """Code that works: with transformers alone, and with phon."""
    code = ", trust_remote_code=True" if needs_code(model) else ""
    name = json.dumps(model.name)
    if pairs := model.contract.pairs:
        yield block(
            "from transformers import AutoModelForSeq2SeqLM, AutoTokenizer\n\n"
            f"tokenizer = AutoTokenizer.from_pretrained({name}{code})\n"
            f"model = AutoModelForSeq2SeqLM.from_pretrained({name}{code})\n"
            'made = model.generate(tokenizer(TEXT, return_tensors="pt").input_ids, do_sample=False)\n'
            "print(tokenizer.decode(made[0], skip_special_tokens=True))",
            "python",
        )
        yield f"TEXT is a source, in the notation {Code(pairs.notation['name'])}; what comes is its target."
        if pairs.tokenizer_sha256:
            yield (
                f"Sources have a tokenizer of their own: in place of `tokenizer(TEXT)` take the ids that "
                f"{Code(SOURCE_TOKENIZER)} gives, add {pairs.offset:,} to each, and end with {model.contract.eos}."
            )
        return
    yield block(
        "from transformers import AutoModelForCausalLM, AutoTokenizer\n\n"
        f"tokenizer = AutoTokenizer.from_pretrained({name}{code})\n"
        f"model = AutoModelForCausalLM.from_pretrained({name}{code})\n"
        "made = model.generate()\n"
        "print(tokenizer.decode(made[0], skip_special_tokens=True))",
        "python",
    )
    yield f"`generate` starts from {Code(BOS)}, as each training document did. To go on from a text in the notation:"
    yield block('made = model.generate(tokenizer(TEXT, return_tensors="pt").input_ids)', "python")
    types = [type_name for type_name in model.contract.openings if type_name]
    if types:
        usual = usual_opening(model.contract)
        tokens = json.dumps([BOS, type_token(types[0])], ensure_ascii=False)
        yield (
            f"In training the token of the document's type came next. `generate` alone draws it; before a text the "
            f"tokenizer puts {Code(type_token(usual)) if usual else 'none'}. To choose another:"
        )
        yield block(
            "import torch\n\n"
            f"opening = tokenizer.convert_tokens_to_ids({tokens})\n"
            "beginning = tokenizer.encode(TEXT, add_special_tokens=False)\n"
            "made = model.generate(torch.tensor([opening + beginning]))",
            "python",
        )
    yield "With phon installed, in a copy of this folder, every sample is valid, and English is converted first:"
    yield block('phon generate --run . --n 3\nphon generate --run . --prompt "once upon a time"', "sh")


def usual_opening(contract: Contract) -> str:
    """The type whose opening stands before a text of no known type: none if documents had none, else the commonest."""
    return "" if "" in contract.openings else max(contract.openings, key=lambda name: contract.documents.get(name, 0))


def samples(model: Exported) -> Iterator[str]:
    """Samples with the command that makes them again."""
    drawn = model.drawn
    if drawn is None or not drawn.samples:
        return
    n = len(drawn.samples)
    command = f"phon generate --run . --n {n} --temperature {drawn.temperature:g} --seed {drawn.seed}"
    how = "held to the notation's grammar" if drawn.held else "with nothing held to"
    cut = any(len(sample.text) > SHOWN for sample in drawn.samples)
    yield f"{'The beginnings of all' if cut else 'All'} samples of {Code(command)}, {how}:"
    for sample, english in zip(drawn.samples, drawn.spelled or [""] * n, strict=True):
        mark = "valid" if sample.valid else "not valid"
        about = ", ".join(filter(None, [sample.type, mark, "" if sample.ended else "without an end"]))
        yield f"{sample.index + 1}. {plain(about)}"
        yield block("\n\n".join(beginning(text) for text in (sample.text, english) if text))


def beginning(text: str) -> str:
    """As much of a text as is shown."""
    return text if len(text) <= SHOWN else text[:SHOWN].rpartition(" ")[0] + " …"


def figures(model: Exported) -> Iterator[str]:
    """What was measured."""
    run = model.run
    if run is None:
        yield "This model came without the records of its training."
        return
    if run.best:
        best = run.best
        rows: list[tuple[str, object]] = [
            ("loss, nats a token", f"{best['val_loss']:.4f}"),
            ("perplexity, a token", f"{best['val_perplexity']:.2f}"),
            ("bits per byte of the original text", f"{best['val_bits_per_byte']:.4f}"),
        ]
        yield f"On the documents held out, at step {best['step']:,}:"
        yield table(["figure", "value"], rows)
    if run.sampled:
        step = run.sampled[-1]["step"]
        last = [record for record in run.sampled if record["step"] == step]
        yield f"Valid samples of those drawn while training, at step {step:,}, with nothing held to:"
        yield table(
            ["temperature", "valid", "of"],
            [(record["temperature"], f"{record['valid']:.0%}", len(record["samples"])) for record in last],
        )


def data(model: Exported) -> Iterator[str]:
    """What it was trained on."""
    said = model.licence if model.licence.lower() != UNKNOWN else "unknown; whoever exported the model did not say"
    yield f"Licence of the data: {plain(said)}."
    if not model.made:
        yield table(["type", "training documents"], [(name or "–", n) for name, n in model.contract.documents.items()])
        yield "Which files these were is not recorded here."
        return
    for split, title in (("train", "Trained on"), ("validation", "Held out")):
        counts = model.made["shards"].counts[split]
        rows = [
            (name or "–", of["documents"], of["words"], of["n_bytes"], of["tokens"])
            for name, of in counts["types"].items()
        ]
        yield f"{title} {counts['documents']:,} documents; bytes are those of the original text:"
        yield table(["type", "documents", "words", "bytes", "tokens"], rows)
    if "text" not in model.made:
        return
    inputs = model.made["text"].inputs
    digest = hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()
    yield f"{len(inputs):,} inputs; SHA-256 of their list, with names, sizes and hashes: {Code(digest)}."
    yield table(
        ["input", "bytes", "SHA-256"],
        [(Code(one["name"]), one["size_bytes"], Code(one["sha256"])) for one in inputs[:FILES_SHOWN]],
    )
    if len(inputs) > FILES_SHOWN:
        yield f"And {len(inputs) - FILES_SHOWN:,} more."


def tokenizer(contract: Contract) -> Iterator[str]:
    """Tokens, and what each document started with."""
    yield (
        f"Byte-level BPE of {contract.vocab_size:,} tokens, none of which splits a symbol of the notation. "
        "Every training document started with its opening, and every sample must:"
    )
    rows = []
    for name, ids in contract.openings.items():
        tokens = [BOS, type_token(name)] if name else [BOS]
        rows.append((name or "–", Code(" ".join(tokens)), ", ".join(map(str, ids)), contract.documents.get(name, 0)))
    yield table(["type", "opening", "ids", "training documents"], rows)
    yield "`phon.json` says the same to programs."


def training(model: Exported) -> Iterator[str]:
    """What it was trained by, and on."""
    run = model.run
    if run is None:
        return
    rows: list[tuple[str, object]] = [("state", run.state), ("tokens", run.tokens)]
    if "epoch" in run.last:
        rows.append(("passes over the data", f"{run.last['epoch']:.2f}"))
    if run.manifest and "weights_step" in run.manifest.counts:
        rows.append(("step of the weights", run.manifest.counts["weights_step"]))
    if run.tokens_per_s:
        rows.append(("tokens a second, the median", f"{run.tokens_per_s:,.0f}"))
        rows.append(("time at that rate", duration(run.tokens / run.tokens_per_s)))
    if run.memory is not None:
        rows.append(("memory, the most", f"{run.memory / 2**30:.2f} GiB"))
    rows.append(("precision", run.facts.get("precision", "–")))
    yield table(["", ""], rows)
    for place in run.environments:
        yield f"On, from step {place['from_step']:,}:"
        yield table(["", ""], ran_on(place))
    settings = "\n".join(f"{key} = {json.dumps(value)}" for key, value in run.settings.items())
    yield f"All settings, as resolved:\n\n{block(settings, 'toml')}"
