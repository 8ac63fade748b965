"""A decoder's folder where phon is not installed, and where someone else has written into it."""

import ast
import sys
from pathlib import Path

import pytest
import torch

from tests.elsewhere import logits_without_phon
from tests.models import TYPES, make_tokenizer
from train.decoder import Decoder, Shape
from train.export import Vocabulary, code, read_model, write_model
from train.options import Options

N_VOCAB = 3 + len(TYPES) + 256
MADE_OF = {
    "AutoModelForCausalLM": Options(n_layer=2, n_embd=16, position="alibi", types=True, token_shift=True, n_kv_head=1),
    "AutoModelForSeq2SeqLM": Options(n_layer=2, n_embd=16, n_encoder_layer=1, position="sinusoidal", tied=False),
}
TOKENS, SOURCE = [[0, 3, 70, 80, 90], [0, 4, 71, 81, 91]], [[60, 61, 62], [63, 64, 2]]


def made(kind: str) -> Decoder:
    model = Decoder(Shape(N_VOCAB, 16, MADE_OF[kind], ((3, 1, 0), (4, 2, 0)) if MADE_OF[kind].types else (), pad=2))
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for name, p in model.named_parameters():
            p.normal_(1.0 if "norm" in name else 0.0, 0.3, generator=generator)
    return model.eval()


def written(root: Path, kind: str) -> Path:
    model, folder = made(kind), root / kind
    folder.mkdir(parents=True)
    write_model(folder, model.shape, model.weights(), Vocabulary.read(make_tokenizer(root / f"{kind}-tokenizer")))
    return folder


def logits(model: Decoder) -> torch.Tensor:
    of = torch.tensor(SOURCE) if model.o.n_encoder_layer else None
    with torch.no_grad():
        return model.logits(torch.tensor(TOKENS), model.start(2, 16, of))


def test_a_folder_loads_where_phon_is_not_installed_and_what_is_saved_there_is_read_here(tmp_path: Path) -> None:
    tokens, source = {"input_ids": TOKENS}, {"input_ids": SOURCE, "decoder_input_ids": TOKENS}
    given = {kind: tokens if kind == "AutoModelForCausalLM" else source for kind in MADE_OF}
    folders = {kind: written(tmp_path, kind) for kind in MADE_OF}
    work = {kind: (str(folders[kind]), given[kind]) for kind in MADE_OF}
    for kind, found in logits_without_phon(work, tmp_path / "home").items():
        torch.testing.assert_close(torch.tensor(found), logits(made(kind)), rtol=0, atol=1e-5)
        ours = read_model(folders[kind])[0]
        assert isinstance(ours, Decoder)
        assert ours.shape == made(kind).shape
        assert torch.equal(logits(ours), logits(made(kind)))


def test_phon_runs_no_code_of_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = written(tmp_path, "AutoModelForCausalLM")
    names = code().keys()
    assert names == {path.name for path in folder.glob("*.py")}
    for name in names:
        (folder / name).write_text("raise SystemExit('a stranger was let in')")
    monkeypatch.chdir(folder)
    ours = read_model(folder)[0]
    assert isinstance(ours, Decoder)
    assert torch.equal(logits(ours), logits(made("AutoModelForCausalLM")))


def test_the_code_of_a_folder_needs_torch_and_transformers_alone() -> None:
    imported = set()
    for text in code().values():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Import):
                imported |= {alias.name.split(".")[0] for alias in node.names}
            if isinstance(node, ast.ImportFrom):
                assert node.level == 0 or f"{node.module}.py" in code()
                imported |= {str(node.module).split(".")[0]} if node.level == 0 else set()
    assert imported - sys.stdlib_module_names == {"torch", "transformers"}


@pytest.mark.parametrize("kind", MADE_OF)
def test_a_new_one_is_drawn_as_training_draws_it(kind: str) -> None:
    from train import portable

    shape = made(kind).shape
    config = portable.DecoderConfig(**shape.library_config(bos=0, eos=1, pad=2))
    torch.manual_seed(5)
    drawn = portable.DecoderForCausalLM(config).model
    torch.manual_seed(5)
    expected = shape.build()  # which draws numbers too, of no use
    expected.initialise(torch.default_generator)
    assert drawn.shape == shape
    assert all(torch.equal(a, b) for a, b in zip(drawn.parameters(), expected.parameters(), strict=True))


def test_more_tokens_than_the_context_holds_are_refused() -> None:
    from train import portable

    model = made("AutoModelForCausalLM")
    config = portable.DecoderConfig(**model.shape.library_config(bos=0, eos=1, pad=2))
    with pytest.raises(ValueError, match="17 tokens, but the model's context has 16"):
        portable.DecoderForCausalLM(config)(torch.zeros(1, 17, dtype=torch.long))
