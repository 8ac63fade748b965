"""`phon tokenizer`: BPE on the training split, with the symbols of the notation whole; then the shards."""

import math
import re
import time
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from typing import Any, NamedTuple

import click

from pipeline import show
from pipeline.bpe import Merge, byte_characters, least_vocabulary, train_bpe
from pipeline.errors import PipelineError
from pipeline.options import json_option, workspace_option
from pipeline.pack import Report, pack, read_splits, require_text, show_splits
from pipeline.pretoken import count_chunks, count_pretokens, pre_tokenizer, word_separator
from train.contract import BOS, EOS, PAD, SOURCE_TOKENIZER, TOKENIZER, Contract, Pairing, span_token, type_token
from train.contract import NAME as CONTRACT
from train.files import lock, remove, remove_asides, sha256_file, sync_folder, write_json, write_text
from train.manifest import NAME as MANIFEST
from train.manifest import Manifest, describe_files
from train.notation import load_notation
from train.workspace import Workspace

STAGE = "tokenizer"
FILES = (TOKENIZER, "tokenizer_config.json", CONTRACT)
LONGEST_SHOWN = 12
SMALLEST, LARGEST = 512, 32768  # of the vocabularies chosen by default


def train_tokenizer(
    workspace: Workspace,
    vocab_size: int | None = None,
    *,
    separate: bool = False,
    sentinels: int = 0,
    report: Report = lambda line: None,
) -> dict[str, Any]:
    """Train a tokenizer on the training split into `workspace.tokenizer`, then pack the shards with it.

    Same text and vocabulary size, same bytes. What is done already is not done again.

    Args:
        workspace: Where to read and write.
        vocab_size: Tokens, special ones included; None: chosen by the size of the corpus. Fewer come out when the
            text has no more pairs to merge.
        separate: Give the sources of pairs a vocabulary of their own, of the same size.
        sentinels: Tokens to reserve for spans that training takes out of a source.
        report: Is told how far it is.

    Returns:
        What the table shows.

    Raises:
        TrainError: no converted text, or another process writes here.
        PipelineError: no training document, or a vocabulary too small for the symbols.
    """
    started = time.monotonic()
    text = require_text(workspace)
    if separate and "pairs" not in text.options:
        raise PipelineError(
            f"--separate is for pairs, and {workspace.text} holds documents", hint="leave it out", exit_code=2
        )
    folder = workspace.tokenizer
    with lock(folder):
        manifest_file = workspace.text / MANIFEST
        wanted = Manifest(
            stage=STAGE,
            inputs=[{"name": "text", "size_bytes": manifest_file.stat().st_size, "sha256": sha256_file(manifest_file)}],
            options={"vocab_size": vocab_size, "separate": separate, "sentinels": sentinels},
            versions={name: version(name) for name in ("phon", "tokenizers")},
        )
        up_to_date = wanted.is_current(folder)
        if not up_to_date:
            counts = _train(workspace, text, wanted.options, report)
            names = [*FILES, SOURCE_TOKENIZER] if separate else list(FILES)
            replace(wanted, counts=counts, files=describe_files(folder, names)).write(folder)
        made = Manifest.read(folder)
        assert made is not None, "it was written a moment ago"
    packed = pack(workspace, report=report, text=text)
    return _summary(made, packed, workspace, started, up_to_date=up_to_date and packed["up_to_date"])


class Learned(NamedTuple):
    """One byte-pair encoding: its tokens in the order of ids, and how it came to be so large."""

    vocabulary: list[str]
    merges: list[Merge]
    symbols: list[str]
    reason: str


def _train(workspace: Workspace, text: Manifest, options: Mapping[str, Any], report: Report) -> dict[str, Any]:
    """Count, train and write the tokenizer's files; returns the manifest's counts."""
    spec, pairs = text.options["notation"], text.options.get("pairs")
    symbols = symbols_of(spec)
    documents: Counter[str] = Counter()  # of the training split, by type
    words: Counter[str] = Counter()  # by column

    def training_texts(column: str, separator: str) -> Any:
        import pyarrow.compute as pc  # slow to import

        for split, table in read_splits(workspace, text, [column, "type"]):
            names = table.column("type").to_pylist()
            documents.update(dict.fromkeys(names, 0))
            if split == "train":
                texts = table.column(column).combine_chunks()
                documents.update(names if column == "text" else ())
                words[column] += len(texts) + pc.sum(pc.count_substring(texts, separator)).as_py()
                report(f"counting words: {documents.total():,} documents")
                yield texts

    chunks = count_chunks(training_texts("text", word_separator(spec)))
    if not documents.total():
        raise PipelineError(f"no training document in {workspace.text}", hint='run "phon prepare" on more text')
    types = [type_token(name) for name in sorted(filter(None, documents), key=str.encode)]
    specials = [BOS, EOS, PAD, *types, *map(span_token, range(options["sentinels"]))]
    both, all_symbols, names = chunks, symbols, spec["name"]
    source: Learned | None = None
    apart: list[str] = []  # the names of sources' tokens
    if pairs:
        given = count_chunks(training_texts("given", word_separator(pairs["notation"])))
        of_sources = symbols_of(pairs["notation"])
        if options["separate"]:
            source = learn(given, of_sources, options["vocab_size"], words["given"], (), pairs["notation"]["name"])
            apart = [mark_source(token) for token in source.vocabulary]
        else:
            both, names = chunks + given, f"{pairs['notation']['name']} and {spec['name']}"
            all_symbols = shared_symbols(of_sources, symbols)
    target = learn(both, all_symbols, options["vocab_size"], words.total(), specials, names, reserved=apart)
    tokens = [*specials, *target.vocabulary, *apart]
    _write(workspace, text, specials, tokens, target, source, documents)
    return {
        "vocab_size": len(tokens),
        "vocab_reason": target.reason + (f"; sources have {len(apart):,} of their own" if source else ""),
        "specials": specials,
        "training_words": words["text"],
        "training_symbols": count_symbols(chunks, symbols),
        "longest_tokens": longest(target.vocabulary),
    }


def symbols_of(spec: Mapping[str, Any]) -> list[str]:
    """What no token may split. White space always parts tokens, so what a symbol holds on either side of it counts."""
    return sorted({part for symbol in load_notation(spec).symbols for part in symbol.split()})


def shared_symbols(sources: list[str], targets: list[str]) -> list[str]:
    """The symbols of a vocabulary for both sides.

    Raises:
        PipelineError: two notations with symbols of their own: one's would be cut where the other's begin.
    """
    if sources and targets and sources != targets:
        raise PipelineError(
            "sources and targets are in notations with symbols of their own, which one vocabulary cannot keep whole",
            hint="pass --separate",
        )
    return sources or targets


def mark_source(token: str) -> str:
    """How tokenizer.json names a token of source-tokenizer.json: no merge makes it, so no target ever has it."""
    return f"<|source|>{token}"


def learn(
    chunks: Mapping[str, int],
    symbols: list[str],
    vocab_size: int | None,
    words: int,
    specials: Sequence[str],
    name: str,
    reserved: Collection[str] = (),
) -> Learned:
    """A byte-pair encoding of chunks that occur so often.

    Args:
        vocab_size: Its tokens with `specials`; None: chosen by the number of words.
        name: The notation's, for the message.
        reserved: More strings that no token may be.

    Raises:
        PipelineError: the vocabulary is too small for the symbols.
    """
    least = len(specials) + least_vocabulary(symbols)
    if vocab_size is not None and vocab_size < least:
        raise PipelineError(
            f"a vocabulary of {vocab_size:,} has no room for the special tokens, the 256 bytes and the symbols of "
            f"{name}",
            hint=f"pass --vocab-size {least} or more, or leave it out",
        )
    chosen, reason = (vocab_size, "as asked") if vocab_size is not None else choose_vocab_size(words, least)
    vocabulary, merges = train_bpe(
        count_pretokens(chunks, symbols), symbols, chosen - len(specials), reserved=frozenset([*specials, *reserved])
    )
    if len(specials) + len(vocabulary) < chosen:
        reason += f"; {chosen:,} was the aim, but no other pair of tokens occurs twice"
    return Learned(vocabulary, merges, symbols, reason)


def choose_vocab_size(words: int, least: int) -> tuple[int, str]:
    """A vocabulary size for a corpus of so many words, and why.

    It grows with the cube root of the corpus, as measured: of the sizes tried on 35,000 and on 700,000 words,
    those near 100 times the root gave the fewest bits per byte in equal time, and the most valid samples, since most
    words are then one token.
    """
    by_size = 64 * round(100 * math.cbrt(words) / 64)
    chosen = max(min(max(by_size, SMALLEST), LARGEST), 64 * math.ceil(least / 64))
    return chosen, f"about 100 times the cube root of {words:,} training words, within {SMALLEST:,} and {LARGEST:,}"


def count_symbols(chunks: Mapping[str, int], symbols: Sequence[str]) -> int:
    """How many symbols the chunks hold, each as often as it occurs; 0 for a notation without symbols."""
    if not symbols:
        return 0
    longest_first = sorted(symbols, key=lambda symbol: (-len(symbol), symbol))
    find = re.compile("|".join(map(re.escape, longest_first))).findall
    return sum(len(find(chunk)) * count for chunk, count in chunks.items())


def longest(vocabulary: Sequence[str]) -> list[str]:
    """The tokens of most characters, as text without the space before."""
    bytes_of = {character: byte for byte, character in enumerate(byte_characters())}
    texts = {bytes(bytes_of[mark] for mark in token).decode("utf-8", "replace").strip() for token in vocabulary}
    return sorted(texts, key=lambda text: (-len(text), text))[:LONGEST_SHOWN]


def build_tokenizer(tokens: Sequence[str], merges: Sequence[Merge], symbols: Sequence[str]) -> str:
    """The content of tokenizer.json.

    The special tokens stand in the vocabulary alone and not among the added tokens, so that whoever loads the file
    cannot find one in a text.
    """
    from tokenizers import Tokenizer, decoders, models  # slow to import

    vocabulary = {token: index for index, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.BPE(vocabulary, list(merges)))
    tokenizer.pre_tokenizer = pre_tokenizer(symbols)
    tokenizer.decoder = decoders.ByteLevel()
    content: str = tokenizer.to_str(pretty=True)
    return content


def _write(
    workspace: Workspace,
    text: Manifest,
    specials: Sequence[str],
    tokens: Sequence[str],
    target: Learned,
    source: Learned | None,
    documents: Mapping[str, int],
) -> None:
    """Write the tokenizer, what transformers needs to know of it, and the contract."""
    folder = workspace.tokenizer
    remove(folder / MANIFEST)  # from here on the folder is unfinished
    sync_folder(folder)
    remove_asides(folder)
    write_text(folder / TOKENIZER, build_tokenizer(tokens, target.merges, target.symbols))
    pairs = Pairing(**text.options["pairs"]) if "pairs" in text.options else None
    remove(folder / SOURCE_TOKENIZER)
    if source and pairs:
        write_text(folder / SOURCE_TOKENIZER, build_tokenizer(source.vocabulary, source.merges, source.symbols))
        offset, sha256 = len(tokens) - len(source.vocabulary), sha256_file(folder / SOURCE_TOKENIZER)
        pairs = replace(pairs, offset=offset, tokenizer_sha256=sha256)
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": BOS,
        "eos_token": EOS,
        "pad_token": PAD,
        "extra_special_tokens": list(specials[3:]),
        "split_special_tokens": True,  # <|bos|> in a text is seven characters
        "clean_up_tokenization_spaces": False,
    }
    write_json(folder / "tokenizer_config.json", config)
    ids = {token: index for index, token in enumerate(specials)}
    Contract(
        notation=text.options["notation"],
        vocab_size=len(tokens),
        bos=ids[BOS],
        eos=ids[EOS],
        pad=ids[PAD],
        openings={
            name: [ids[BOS], ids[type_token(name)]] if name else [ids[BOS]]
            for name in sorted(documents, key=str.encode)
        },
        documents={name: documents[name] for name in sorted(documents, key=str.encode)},
        tokenizer_sha256=sha256_file(folder / TOKENIZER),
        pairs=pairs,
        sentinels=[ids[token] for token in specials if token.startswith("<|span:")],
    ).write(folder)


def _summary(
    made: Manifest, packed: Mapping[str, Any], workspace: Workspace, started: float, *, up_to_date: bool
) -> dict[str, Any]:
    """What `train_tokenizer` hands back. Rates leave openings and ends out."""
    training = packed["train"]
    symbols, text_tokens = made.counts["training_symbols"], max(1, training["text_tokens"])
    return {
        **made.counts,
        "train": training,
        "pairs": packed["pairs"],
        "validation": packed["validation"],
        "bytes_per_token": round(training["n_bytes"] / text_tokens, 3),
        "symbols_per_token": round(symbols / text_tokens, 3) if symbols else None,
        "fertility": {name: round(sums["text_tokens"] / sums["words"], 3) for name, sums in training["types"].items()},
        "folders": [str(workspace.tokenizer), str(workspace.shards)],
        "up_to_date": up_to_date,
        "elapsed_s": round(time.monotonic() - started, 3),
        "next": packed["next"],
    }


@click.command("tokenizer")
@click.option("--vocab-size", type=click.IntRange(min=1), metavar="N", help="Tokens; by default, as the corpus allows.")
@click.option("--separate", is_flag=True, help="Of pairs: a vocabulary for each side rather than one for both.")
@click.option("--sentinels", type=click.IntRange(0), default=0, metavar="N", help="Reserve N for spans taken out.")
@workspace_option
@json_option
def command(vocab_size: int | None, separate: bool, sentinels: int, workspace: Workspace, as_json: bool) -> None:
    """Train a tokenizer on the converted text, then pack the text into token shards.

    Example: phon tokenizer --vocab-size 4096
    """
    with show.progress() as report:
        summary = train_tokenizer(workspace, vocab_size, separate=separate, sentinels=sentinels, report=report)
    if as_json:
        show.as_json(summary)
        return
    fertility = ", ".join(f"{name or 'all'} {value:.2f}" for name, value in summary["fertility"].items())
    per_token = summary["symbols_per_token"]
    done = "up to date" if summary["up_to_date"] else f"done in {summary['elapsed_s']:.1f} s"
    show.table(
        f"{done}: {' and '.join(summary['folders'])}",
        {
            "tokens": f"{summary['vocab_size']:,} ({summary['vocab_reason']})",
            "bytes per token": f"{summary['bytes_per_token']:.2f} of the original text",
            "symbols per token": f"{per_token:.2f}" if per_token else "",
            "tokens per word": fertility,
            "longest tokens": "  ".join(summary["longest_tokens"]),
            **show_splits(summary),
            "next": summary["next"],
        },
    )
