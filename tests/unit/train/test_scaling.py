import math

import pytest

from train import laws
from train.advice import Choice, advise, levine_depth, step_law_batch, step_law_rate
from train.gpt2 import Shape
from train.mosaic import PRESETS, compute_for
from train.scaling import BESIROGLU, HOFFMANN, MUENNIGHOFF, critical_batch, expect, frontier_weights, kaplan


@pytest.mark.parametrize(("passes", "worth"), [(1, 1.0), (4, 0.9314), (8, 0.8280), (16, 0.6614), (40, 0.3792)])
def test_a_token_of_many_passes_is_worth_what_was_published(passes: float, worth: float) -> None:
    assert MUENNIGHOFF.worth(1, passes) / passes == pytest.approx(worth, abs=1e-4)


def test_chinchillas_compute_wants_about_20_tokens_a_weight_but_not_by_the_printed_constants() -> None:
    n, d = BESIROGLU.optimum(5.76e23)
    assert [n, d, d / n] == pytest.approx([72.2e9, 1.33e12, 18.4], rel=0.01)
    n, d = HOFFMANN.optimum(5.76e23)
    assert d / n == pytest.approx(92.6, rel=0.01)


def test_weights_beyond_what_a_corpus_asks_for_are_worth_less_and_less() -> None:
    best = MUENNIGHOFF.optimum_for(1e9)
    assert list(MUENNIGHOFF.optimum(6 * best * 1e9)) == pytest.approx([best, 1e9])
    assert MUENNIGHOFF.worth_of_weights(best / 2, 1e9) == best / 2
    more = [MUENNIGHOFF.worth_of_weights(k * best, 1e9) / best for k in (2, 10, 1000)]
    assert more == sorted(more) and more[-1] <= 1 + MUENNIGHOFF.R_N


def test_laws_of_batch_and_rate_give_their_papers_figures() -> None:
    seven_b = Shape(102_400, 4096, 30, 32, 4096, 16_384)
    assert laws.learning_rate(seven_b, 2e12).value == pytest.approx(4.25e-4, rel=0.01)
    assert laws.batch(seven_b, 2e12).value == pytest.approx(9.22e6, rel=0.01)
    assert [step_law_rate(1.07e9, 1e11), step_law_batch(1e11)] == pytest.approx([1.56e-3, 1.11e6], rel=0.01)
    assert critical_batch(3.2) == pytest.approx(826e3, rel=0.01)
    assert kaplan(8.5e7, 1e20) == pytest.approx((8.8e13 / 8.5e7) ** 0.076, rel=0.03)  # their two forms of L(N)


def test_the_law_of_depth_gives_the_published_width_and_gpt2_larges_depth() -> None:
    assert levine_depth(1e12)[1] == pytest.approx(30_000, rel=0.03)
    assert levine_depth(12 * 36 * 1280**2)[0] == pytest.approx(37.7, abs=0.1)
    assert [round(x) for x in levine_depth(12 * 18 * 1280**2)] == [33, 949]


@pytest.mark.parametrize(
    ("name", "generated", "trained", "perplexity", "tokens", "trained_tokens", "utilised"),
    [
        ("mosaic-52m", 53_914_560, 51_475_968, 32.54483020726001, "4.6", 4_718_592_000, "6.8"),
        ("mosaic-83m", 85_842_800, 82_056_320, 27.8418719514438, "5.5", 5_767_168_000, "7.5"),
        ("mosaic-125m", 114_677_880, 124_439_808, 24.63635695536824, "6.7", 7_340_032_000, "8.3"),
    ],
)
def test_mosaicmls_table_comes_out_to_the_printed_digit(
    name: str, generated: int, trained: int, perplexity: float, tokens: str, trained_tokens: int, utilised: str
) -> None:
    row = PRESETS[name]
    assert (row.generated.n_parameters, row.shape.n_parameters) == (generated, trained)
    assert row.perplexity == pytest.approx(perplexity, rel=1e-12)
    assert str(row.tokens / 1e9)[:3] == tokens  # the table cuts off
    assert row.trained_tokens == trained_tokens
    assert f"{100 * row.utilised:.1f}" == utilised
    assert frontier_weights(compute_for(85e6)) == pytest.approx(85e6)


@pytest.mark.parametrize(
    ("sizes", "parameters"),
    [((8, 8, 512), 51_475_968), ((10, 10, 640), 82_056_320), ((12, 12, 768), 124_439_808),
     ((36, 20, 1280), 774_030_080), ((48, 25, 1600), 1_557_611_200),
     ((18, 20, 1280), 419_836_160), ((18, 64, 1280), 419_836_160)],
)  # fmt: skip
def test_weights_are_counted_as_transformers_counts_them(sizes: tuple[int, int, int], parameters: int) -> None:
    n_layer, n_head, n_embd = sizes
    assert Shape(50_257, 1024, n_layer, n_head, n_embd, 4 * n_embd).n_parameters == parameters


def test_repeated_text_goes_by_the_law_for_it_and_little_text_by_none() -> None:
    assert expect(1e8, 8e7, 1e9, 1.0).by.startswith("Besiroglu")
    repeated = expect(1e8, 8e7, 1e8, 8.0)
    assert repeated.by.startswith("Muennighoff") and not repeated.is_beyond
    assert repeated.low < repeated.loss <= repeated.high
    assert expect(1e6, 9e5, 1e5, 10.0).is_beyond
    assert expect(1e8, 8e7, 1e8, 16.0).loss < expect(1e8, 8e7, 1e8, 4.0).loss


def advice(n_layer: int, n_head: int, n_embd: int, epochs: float = 1.0) -> dict[str, str]:
    choice = Choice(Shape(50_257, 1024, n_layer, n_head, n_embd, 4 * n_embd), 1e9, epochs, 5e5)
    found = advise(choice)
    assert all("arXiv" in line.source for line in found)
    return {line.about: line.text for line in found}


def test_advice_tells_narrow_heads_odd_depths_and_many_passes() -> None:
    assert "too narrow" in advice(18, 64, 1280)["heads"] and "20 heads of 64" in advice(18, 64, 1280)["heads"]
    assert "as usual" in advice(36, 20, 1280)["heads"]
    assert "shallow" in advice(18, 20, 1280)["depth"] and "near it" in advice(36, 20, 1280)["depth"]
    assert "weight decay 1.6" in advice(12, 12, 768, epochs=16)["passes"]
    assert math.isfinite(levine_depth(1000.0)[0])
