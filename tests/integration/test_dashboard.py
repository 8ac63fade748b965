"""A real training watched on a terminal."""

import re
import signal
import time
from pathlib import Path

import pytest

from tests.screen import Screen, Terminal
from tests.toy import TOY, losses, steps_logged, wait_for, weights

WATCHED = [*TOY, "log.sample_every=12", "log.n_samples=2"]


def test_a_training_on_a_terminal_shows_its_figures(workspace: Path, left_alone: Path) -> None:
    code, written = Terminal(workspace, *WATCHED).end()
    assert code == 0, written
    screen = Screen(100, 40)
    screen.feed(written)
    seen = "\n".join(screen.all)
    for figure in ("step 24 of 24", "100%", "epoch ", "bits per byte ", "lr ", "gradient ", "tokens/s "):
        assert seen.count(figure) >= 1, f"{figure}\n{seen}"
    assert f"loss {losses(workspace)[-1][1]:.3f}" in seen
    assert re.search(r"memory \d\.\d\d GB", seen)
    assert "checkpoint step 24" in seen
    assert len(re.findall(r"│ [✓✗] (?:0\.5|0\.7|1\.0|1\.3) +\d+% valid  ", seen)) == 4
    assert (seen.count("╭"), seen.count("╰")) == (1, 1)  # nothing is left of those before
    assert [line[:24] for line in screen.all if "validation loss" in line] == [
        "step 8 · validation loss", "step 16 · validation los", "step 24 · validation los",
    ]  # fmt: skip
    assert [line for line in screen.all if line][-1] == "next: phon generate --temperature 0.7"
    assert screen.has_cursor
    assert weights(workspace) == weights(left_alone)  # watching changes nothing


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_training_asked_to_stop_leaves_a_sane_terminal(workspace: Path, number: int) -> None:
    terminal = Terminal(workspace, *TOY, "train.max_steps=2000")
    wait_for(lambda: steps_logged(workspace) >= 3, terminal.process)
    terminal.process.send_signal(number)
    code, written = terminal.end()
    assert code == 5, written
    assert terminal.is_sane
    screen = Screen(100, 40)
    screen.feed(written)
    assert screen.has_cursor and screen.x == 0
    assert [line for line in screen.all if line][-1] == "hint: run the same command again to go on"
    assert "\n".join(screen.all).count("╭") == 1


def test_a_terminal_that_becomes_narrow_is_drawn_narrow(workspace: Path) -> None:
    terminal = Terminal(workspace, *TOY, "train.max_steps=400", columns=120)
    wait_for(lambda: steps_logged(workspace) >= 3, terminal.process)
    at = len(terminal.written)
    terminal.resize(40, 20)
    time.sleep(0.1)
    code, written = terminal.end()
    assert code == 0, written
    last = re.sub(r"\x1b\[[\d;?]*m", "", written[written.rindex("╭") :])
    last = re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "\n", last)  # the cursor goes elsewhere
    assert max(len(line) for line in last.splitlines() if line.startswith(("│", "╭", "╰"))) == 40
    assert "╭" in written[at:]


def test_lines_are_plain_where_that_is_asked_for(workspace: Path) -> None:
    code, written = Terminal(workspace, *TOY, "train.max_steps=2", "--plain").end()
    assert code == 0, written
    assert "\x1b" not in written
    assert "step 2/2 · loss " in written
