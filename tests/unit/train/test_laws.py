import pytest

from train import laws
from train.gpt2 import Shape


def shape(n_layer: int, n_embd: int, seq_len: int) -> Shape:
    return Shape(32_000, seq_len, n_layer, 4, n_embd, 4 * n_embd)


def test_the_laws_give_what_their_authors_used() -> None:
    # DeepSeek LLM 7B, 2T tokens: learning rate 4.2e-4, 2,304 rows of 4,096 (arXiv 2401.02954, table 2).
    published = shape(30, 4096, 4096)
    assert laws.learning_rate(published, 2e12).value == pytest.approx(4.2e-4, rel=0.02)
    assert laws.batch(published, 2e12).value == pytest.approx(2304 * 4096, rel=0.03)


def test_small_models_and_corpora_get_what_they_bear() -> None:
    little = shape(4, 128, 256)
    assert laws.learning_rate(little, 1e6).value == 3e-3
    assert laws.batch(little, 1e6).value == 1e6 / 400
    assert "400 steps are left" in laws.batch(little, 1e6).why


@pytest.mark.parametrize("steps", [10, 1_000, 100_000])
def test_a_batch_for_so_many_steps_is_the_batch_for_their_tokens(steps: int) -> None:
    found = laws.batch_for_steps(shape(12, 768, 1024), steps).value
    by_law = 0.2920 * (laws.flops_per_token(shape(12, 768, 1024)) * found * steps) ** 0.3271
    assert found == pytest.approx(by_law, rel=1e-6)


def test_repeated_text_gets_more_decay_and_dropout() -> None:
    decays = [laws.weight_decay(epochs).value for epochs in (0.5, 4, 8, 16, 1000)]
    assert decays == [0.1, 0.1, 0.4, 1.6, 3.0]
    assert [laws.dropout(epochs).value for epochs in (1, 4, 5)] == [0, 0, 0.1]
