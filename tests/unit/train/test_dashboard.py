import io
import math
import re
import sys
import time
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console

from train import dashboard
from train.dashboard import Dashboard, choose_display
from train.log import Display, Record
from train.panel import Figures
from train.spark import KEPT, Trace, bars

STYLE = re.compile(r"\x1b\[[\d;]*m")
HOSTILE = "\x1b[2J\x1b]0;title\x07 \u202e\r\n\x9b31m 漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字 fA0nE1tI0k " * 9


def training(step: int, **more: Any) -> Record:
    return {
        "step": step, "loss": 8 / math.sqrt(step), "lr": 1.9e-3, "grad_norm": 0.42, "tokens": 3000 * step,
        "epoch": step / 240, "tokens_per_s": 5200.0, "mfu": 0.28, "memory": 1_240_000_000, "eta_s": 4000.0, **more,
    }  # fmt: skip


def validation(step: int, bits: float) -> Record:
    return {"step": step, "val_loss": 3.401, "val_perplexity": 30.0, "val_bits_per_byte": bits}


def sampled(temperature: float, text: str, valid: bool) -> Record:
    return {"step": 500, "temperature": temperature, "valid": 0.5, "samples": [{"text": text, "valid": valid}]}


def figures() -> Figures:
    seen = Figures("typed", 1223)
    for step in range(10, 760, 10):
        seen.take(training(step))
        if step % 100 == 0:
            seen.take(validation(step, 1.5 + abs(step - 600) / 1000))
    for temperature in (0.5, 0.7, 1.0, 1.3):
        seen.take(sampled(temperature, HOSTILE, temperature < 1))
    seen.saved = 700
    return seen


def drawn(seen: Figures, width: int, height: int) -> list[str]:
    console = Console(file=io.StringIO(), width=width, height=height, force_terminal=True, color_system=None)
    with console.capture() as captured:
        console.print(seen)
    return captured.get().splitlines()


@pytest.mark.parametrize("width", [20, 40, 60, 71, 80, 100, 237])
@pytest.mark.parametrize("height", [8, 24, 40])
def test_the_panel_fits_any_terminal(width: int, height: int) -> None:
    seen = figures()
    lines = drawn(seen, width, height)
    assert {cell_len(line) for line in lines} == {width}
    assert len(lines) == seen.height < height
    assert "step 750" in lines[1]
    assert all(character.isprintable() for line in lines for character in line)


def test_the_panel_has_every_figure_and_the_first_sample_of_each_temperature() -> None:
    lines = drawn(figures(), 80, 30)
    text = "\n".join(lines)
    for figure in (
        "step 750 of 1,223   61%   epoch 3.12   1 h 06 min left", "loss 0.292", "bits per byte 1.6000",
        "lr 1.90e-03", "gradient 0.42", "tokens/s 5,200", "MFU 28%", "memory 1.24 GB",
        "validation 3.401 at step 700", "best 1.5000 at step 600", "checkpoint step 700",
        "✓ 0.7  50% valid", "✗ 1.3  50% valid",
    ):  # fmt: skip
        assert figure in text, f"{figure}\n{text}"


def test_before_the_first_record_there_is_a_panel() -> None:
    text = "\n".join(drawn(Figures("x", 10), 60, 24))
    assert "step 0 of 10" in text and "loss" not in text


def test_bars_are_lowest_at_the_least_value_and_full_at_the_greatest() -> None:
    assert bars([0, 1, 2, 3, 4, 5, 6, 7], 8, 1).lines == ["▁▂▃▄▅▆▇█"]
    assert bars([0, 15], 4, 2).lines == ["  ██", "▁▁██"]
    assert bars([3, 3, 3], 2, 1).lines == ["▁▁"]
    assert bars([100, *range(1, 11)], 11, 1)[1:] == (10, 1)  # one outlier does not flatten the rest


def test_a_trace_keeps_its_shape_in_bounded_memory() -> None:
    trace = Trace()
    for step in range(100_000):
        trace.add(step)
    trace.add(math.nan)
    assert KEPT // 2 <= len(trace.means) < KEPT
    assert trace.means == sorted(trace.means)
    assert bars(trace.means, 4, 1).lines == ["▁▃▆█"]


@pytest.fixture
def shown() -> tuple[Dashboard, io.StringIO]:
    """A dashboard that writes into a text."""
    text = io.StringIO()
    console = Console(
        file=text, width=80, height=30, force_terminal=True, markup=False, _environ={"TERM": "xterm-256color"}
    )
    return Dashboard(console), text


def test_many_quick_steps_are_drawn_a_few_times_a_second(shown: tuple[Dashboard, io.StringIO]) -> None:
    display, text = shown
    start = time.perf_counter()
    with display:
        display.begin("toy", 3000, [])
        for step in range(1, 3001):
            display.tick(step)
            display.step(training(step))
        drawings = text.getvalue().count("╭")
    assert 2 <= drawings <= 2 + (time.perf_counter() - start) / dashboard.LEAST_S
    assert "step 3,000 of 3,000" in STYLE.sub("", text.getvalue())  # the last is shown at the end


def test_messages_stand_above_the_panel_and_cannot_steer_the_terminal(shown: tuple[Dashboard, io.StringIO]) -> None:
    display, text = shown
    stderr = sys.stderr
    with display:
        display.begin("toy", 10, [training(3)])
        display.say("before [red]\nafter\x1b[2J")
        print("a warning", file=sys.stderr)
        display.sampled(sampled(0.7, HOSTILE, True))
    assert sys.stderr is stderr
    written = text.getvalue()
    assert "before [red]\nafter\ufffd[2J\n" in written and "\x1b[2J" not in written
    assert "a warning\n" in written
    assert written.rindex("╰") > written.rindex("a warning")
    assert written.endswith("\x1b[?25h")


def test_without_a_screen_there_are_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    with Display() as display:
        display.begin("toy", 1223, [])
        display.doing("measuring")
        display.tick(10)
        display.step(training(10))
        display.measured(validation(10, 1.6))
        display.sampled(sampled(0.7, "\x1b[2Jhi", True))
        display.saved(10)
        display.say("done")
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines() == [
        "step 10/1,223 · loss 2.530 · 5,200 tokens/s · MFU 28 % · 1 h 06 min left",
        "step 10 · validation loss 3.401 · perplexity 30.00 · 1.6000 bits per byte",
        "  temperature 0.7: 1 of 1 valid · \ufffd[2Jhi",
        "done",
    ]


def test_a_failure_ends_the_panel(shown: tuple[Dashboard, io.StringIO]) -> None:
    display, text = shown
    with pytest.raises(ZeroDivisionError), display:
        display.begin("toy", 10, [])
        raise ZeroDivisionError
    assert "ended" in text.getvalue() and text.getvalue().endswith("\x1b[?25h")
    display.say("later")  # as a plain line


@pytest.mark.parametrize(
    ("is_terminal", "env", "options", "kind"),
    [
        (True, {}, {}, Dashboard),
        (False, {}, {}, Display),
        (True, {"NO_COLOR": "1"}, {}, Display),
        (True, {"TERM": "dumb"}, {}, Display),
        (True, {"TERM": ""}, {}, Display),
        (True, {}, {"plain": True}, Display),
        (True, {}, {"silent": True}, Display),
    ],
)
def test_the_dashboard_is_chosen_where_it_can_be_shown(
    is_terminal: bool, env: dict[str, str], options: dict[str, bool], kind: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stderr(io.StringIO):
        encoding = "utf-8"

        def isatty(self) -> bool:
            return is_terminal

    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in {"TERM": "xterm", **env}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "stderr", Stderr())
    assert type(choose_display(**options)) is kind
