"""What the dashboard shows: the figures of a training so far, set for a terminal of any width and height."""

import time
from collections.abc import Callable, Iterator, Sequence

from rich.box import ROUNDED
from rich.cells import cell_len, chop_cells
from rich.console import Console, ConsoleOptions, RenderResult
from rich.panel import Panel
from rich.text import Text

from train.log import Record, duration, printable
from train.spark import Trace, bars

Fact = tuple[str, str]  # what it is, its value
FRAME = 4  # columns and lines that are not inside
GAP = 3  # columns between facts
LABELS = 6  # columns of the numbers beside bars
TWO = 72  # columns from which the bars stand side by side
SIZES = ((3, 3), (3, 1), (1, 1), (1, 0), (0, 0))  # lines of the bars and of each sample, the first that fits


class Figures:
    """The figures of a run so far, from its records."""

    def __init__(self, name: str, max_steps: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.name, self.max_steps = name, max_steps
        self.height = 0  # lines of the panel when last drawn
        self.step = 0
        self.doing = ""
        self.saved: int | None = None
        self.training: Record = {}
        self.validation: Record = {}
        self.best: Record = {}
        self.samples: dict[float, Record] = {}
        self.loss, self.bits = Trace(), Trace()
        self._clock = clock
        self._began = self._told = clock()

    def take(self, record: Record) -> None:
        """A record as the log has it, perhaps with `eta_s`."""
        self.step = max(self.step, record["step"])
        if "loss" in record:
            self.training, self._told = record, self._clock()
            self.loss.add(record["loss"])
        elif "val_loss" in record:
            self.validation = record
            self.bits.add(record["val_bits_per_byte"])
            if not self.best or record["val_bits_per_byte"] < self.best["val_bits_per_byte"]:
                self.best = record
        elif "samples" in record:
            self.samples[record["temperature"]] = record

    @property
    def elapsed_s(self) -> float:
        """Since the figures were begun."""
        return self._clock() - self._began

    @property
    def eta_s(self) -> float | None:
        """Until the last step, as it was last told, less the time since."""
        eta_s = self.training.get("eta_s")
        return None if eta_s is None else max(0.0, eta_s - (self._clock() - self._told))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = options.max_width
        inside = lines(self, width - FRAME, console.size.height - FRAME)
        self.height = len(inside) + 2
        now = f"{self.doing or 'training'} · {duration(self.elapsed_s)}"
        yield Panel(
            Text("\n", no_wrap=True).join(inside),
            title=title(self.name, width),
            title_align="left",
            subtitle=title(now, width),
            subtitle_align="right",
            box=ROUNDED,
            border_style="dim",
            width=width,
        )


def title(text: str, width: int) -> Text:
    """A title of the frame."""
    return Text(cut(printable(text), width - FRAME - 4), style="not dim bold")


def lines(figures: Figures, width: int, height: int) -> list[Text]:
    """All that fits into `width` columns and `height` lines: bars and samples give way first."""
    inside: list[Text] = []
    for size_bars, size_samples in SIZES:
        inside = [*head(figures, width), *charts(figures, width, size_bars), *facts(figures, width)]
        inside += samples(figures, width, size_samples)
        if len(inside) <= height:
            break
    return inside[: max(1, height)]


def head(figures: Figures, width: int) -> Iterator[Text]:
    """How far the training is."""
    share = min(1.0, figures.step / figures.max_steps)
    told = [("step", f"{figures.step:,} of {figures.max_steps:,}"), ("", f"{share:.0%}")]
    if "epoch" in figures.training:
        told.append(("epoch", f"{figures.training['epoch']:.2f}"))
    if figures.eta_s is not None:
        told.append(("", f"{duration(figures.eta_s)} left"))
    yield from flow(told, width)
    done = int(share * width)
    yield Text.assemble(("━" * done, "cyan"), ("╌" * (width - done), "dim"))


def charts(figures: Figures, width: int, height: int) -> Iterator[Text]:
    """Loss and bits per byte through the run, beside each other where there is room."""
    loss = ("loss", f"{figures.training['loss']:.3f}" if figures.training else "–")
    bits = ("bits per byte", f"{figures.validation['val_bits_per_byte']:.4f}" if figures.validation else "–")
    each = (width - GAP) // 2 if width >= TWO else width
    left = [*flow([loss], each), *drawn(figures.loss, each, height, "cyan")]
    right = [*flow([bits], each), *drawn(figures.bits, each, height, "green")]
    if each == width:
        yield from (left if figures.training else [])
        yield from (right if figures.validation else [])
        return
    for i in range(max(len(left), len(right)) if figures.training or figures.validation else 0):
        line = left[i].copy() if i < len(left) else Text()
        line.append(" " * (each + GAP - line.cell_len))
        yield line.append_text(right[i]) if i < len(right) else line


def drawn(trace: Trace, width: int, height: int, style: str) -> Iterator[Text]:
    """A trace as bars, with the values at their top and bottom edge if there is more than one line of them."""
    if not trace.means or not height:
        return
    found = bars(trace.means, max(1, width - LABELS - 1), height)
    for i, line in enumerate(found.lines):
        edge = {0: found.high, height - 1: found.low}.get(i) if height > 1 else None
        yield Text.assemble((f"{'' if edge is None else f'{edge:.2f}':>{LABELS}} ", "dim"), (line, style))


def facts(figures: Figures, width: int) -> Iterator[Text]:
    """The other figures of the last records."""
    now, then, best = figures.training, figures.validation, figures.best
    told: list[Fact] = []
    if now:
        told += [("lr", f"{now['lr']:.2e}"), ("gradient", f"{now['grad_norm']:.3g}")]
        told += [("tokens/s", f"{now['tokens_per_s']:,.0f}")]
        told += [("MFU", f"{now['mfu']:.0%}")] if now.get("mfu") is not None else []
        told += [("memory", f"{now['memory'] / 1e9:.2f} GB")] if "memory" in now else []
    yield from flow(told, width)
    told = []
    if then:
        told += [("validation", f"{then['val_loss']:.3f} at step {then['step']:,}")]
        told += [("perplexity", f"{then['val_perplexity']:.4g}")]
        told += [("best", f"{best['val_bits_per_byte']:.4f} at step {best['step']:,}")]
    if figures.saved is not None:
        told += [("checkpoint", f"step {figures.saved:,}")]
    yield from flow(told, width)


def samples(figures: Figures, width: int, height: int) -> Iterator[Text]:
    """The first sample of each temperature, marked valid or not, on at most `height` lines."""
    for temperature, record in sorted(figures.samples.items()) if height else ():
        first = record["samples"][0]
        mark = ("✓", "green") if first["valid"] else ("✗", "red")
        start = Text.assemble(mark, (f" {temperature} ", "bold"), (f"{record['valid']:>4.0%} valid  ", "dim"))
        room = max(1, width - start.cell_len)
        rows = chop_cells(printable(first["text"][: room * (height + 1)]), room)
        if len(rows) > height:
            rows = [*rows[: height - 1], cut("".join(rows[height - 1 :]), room)]
        yield start.append(rows[0] if rows else "")
        yield from (Text(" " * (width - room) + row) for row in rows[1:])


def flow(told: Sequence[Fact], width: int) -> Iterator[Text]:
    """Facts one after the other, on as many lines as they need; none is parted unless it is wider than a line."""
    line = Text()
    for label, value in told:
        fact = Text.assemble((f"{label} " if label else "", "dim"), cut(value, max(1, width - cell_len(label) - 1)))
        if line and line.cell_len + GAP + fact.cell_len > width:
            yield line
            line = Text()
        line = line.append(" " * GAP).append_text(fact) if line else fact
    if line:
        yield line


def cut(text: str, width: int) -> str:
    """The text, or its beginning with an ellipsis."""
    if cell_len(text) <= width:
        return text
    return (chop_cells(text, max(1, width - 1)) or [""])[0] + "…"
