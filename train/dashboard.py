"""A training on a terminal: a panel that renews itself below the lines that were said."""

import contextlib
import math
import os
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from train.log import Display, Record, printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.live import Live

SHARE = 0.005  # of the time at most goes to drawing
LEAST_S = 0.25  # between two drawings


def choose_display(*, silent: bool = False, plain: bool = False) -> Display:
    """The dashboard where stderr is a terminal that can show it, else lines.

    Args:
        silent: Tell nothing.
        plain: Lines even on a terminal.
    """
    if silent or plain or not has_screen():
        return Display(silent=silent)
    from rich.console import Console  # slow to import, and only terminals need it

    return Dashboard(
        Console(stderr=True, force_terminal=True, force_interactive=True, markup=False, highlight=False, emoji=False)
    )


def has_screen() -> bool:
    """Whether stderr is a terminal that moves its cursor and shows our characters, and nobody asked for plain text."""
    return (
        sys.stderr.isatty()
        and not os.environ.get("NO_COLOR")
        and os.environ.get("TERM", "dumb") not in ("", "dumb", "unknown")
        and "utf" in (sys.stderr.encoding or "").lower()
    )


class Dashboard(Display):
    """The figures of a training in a panel at the bottom of the terminal.

    It is drawn between steps, by no thread of its own, and the longer a drawing takes the rarer they are. The cursor
    stays visible, on the line below, so whatever ends this process leaves a terminal to type in.
    """

    def __init__(self, console: "Console") -> None:
        super().__init__()
        self.console = console
        self.live: Live | None = None  # until the run begins
        self._next = self._soon = 0.0
        self._width = 0  # of the terminal when the panel was last drawn

    def begin(self, name: str, max_steps: int, told: Sequence[Record]) -> None:
        """Show the panel, with what the run has told before."""
        from rich.console import Group
        from rich.live import Live

        from train.panel import Figures

        super().begin(name, max_steps, told)
        self.figures = Figures(name, max_steps)
        for record in told:
            self.figures.take(record)
        self.figures.doing = "starting"
        panel = Group(self.figures, "")  # and an empty line, where the cursor is
        redirects = sys.stdout.isatty()  # what goes elsewhere must not come here
        self.live = Live(panel, console=self.console, auto_refresh=False, redirect_stdout=redirects)
        self.live.start(refresh=True)
        self.console.show_cursor(True)
        self._width = self.console.size.width

    def close(self) -> None:
        """Leave the panel as it is last, and the terminal as it was."""
        if self.live:
            self.figures.doing = "ended"
            self._make_room()
            self.live.update(self.figures)
            with contextlib.suppress(OSError):  # the terminal may be gone
                self.live.stop()
            self.live = None

    def say(self, text: str) -> None:
        """A line that stays, above the panel."""
        if not self.live:
            super().say(text)
            return
        from rich.text import Text

        self._make_room()
        self.console.print(Text("\n".join(map(printable, text.split("\n")))), soft_wrap=True)

    def doing(self, what: str) -> None:
        """What the time goes to from now on, other than steps."""
        if self.live:
            self.figures.doing = what
            self._draw(is_rare=True)

    def tick(self, step: int) -> None:
        """A step is taken."""
        self.figures.step, self.figures.doing = step, ""
        self._draw()

    def step(self, record: Record) -> None:
        """Where training is."""
        self.figures.take(record)
        self._draw()

    def measured(self, record: Record) -> None:
        """The validation split was measured: said, so that all of them stay, and shown."""
        self.figures.take(record)
        super().measured(record)

    def sampled(self, record: Record) -> None:
        """Samples were drawn at a temperature."""
        self.figures.take(record)
        self._draw(is_rare=True)

    def saved(self, step: int) -> None:
        """A checkpoint is on disk."""
        self.figures.saved = step
        self._draw(is_rare=True)

    def _draw(self, *, is_rare: bool = False) -> None:
        """Draw the panel, unless that was done a moment ago."""
        start = time.perf_counter()
        if not self.live or start < (self._soon if is_rare else self._next):
            return
        self._make_room()
        self.live.refresh()
        end = time.perf_counter()
        self._soon, self._next = end + LEAST_S, end + max(LEAST_S, (end - start) / SHARE)

    def _make_room(self) -> None:
        """Clear what a terminal made narrower has wrapped: the panel is higher there than rich drew it."""
        from rich.control import Control
        from rich.segment import ControlType

        width = self.console.size.width
        if width < self._width:
            wrapped = self.figures.height * (math.ceil(self._width / width) - 1)
            self.console.control(Control(*[(ControlType.ERASE_IN_LINE, 2), (ControlType.CURSOR_UP, 1)] * wrapped))
        self._width = width
