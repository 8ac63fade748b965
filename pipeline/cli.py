"""The command `phon`: finds its commands by name, loads one when it runs, and tells every error in one place."""

import difflib
import errno
import os
import shutil
import signal
import sys
from collections.abc import Sequence
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import FrameType
from typing import NoReturn

import click

from phonetic.errors import PhoneticError
from pipeline.errors import PipelineError
from pipeline.show import printable
from train.errors import TrainError

GROUP = "phon.commands"
INTERRUPTED = 5  # the exit code that means: run it again and it goes on

# Our own commands in the order of work, with the help lines that `phon --help` shows without loading them.
SECTIONS = {
    "From text to a model": {
        "prepare": "Convert a corpus and split it into training and validation.",
        "tokenizer": "Train the tokenizer on it, then pack its tokens into shards.",
        "pack": "Pack the shards again.",
        "generate": "Print samples of a trained model.",
        "samples": "Show all samples made so far, or make one again.",
        "evaluate": "Measure it on held-out text.",
        "export": "Share it: a Hugging Face folder, a Space, a file for llama.cpp.",
    },
    "About trainings": {
        "models": "List the models there are, with sizes, memory and FLOPs.",
        "runs": "List the runs, or compare some of them.",
        "report": "Write one as an HTML page.",
    },
    "Which model": {
        "plan": "Find one that fits a machine, a corpus and a time.",
        "sweep": "Run a study: several models at one budget, from several seeds.",
        "fit": "Fit a power law to runs, with intervals.",
    },
    "At hand": {
        "pronounce": "Convert lines of text, as a filter.",
        "spell": "Turn phones back into English, as a filter.",
        "say": "Say phones or English aloud, or into a WAV.",
        "syllables": "Count the syllables of words, and show where they part.",
        "rhymes": "List the words that rhyme with a word.",
        "check": "Tell which samples are valid, and where the others break.",
        "notations": "List the notations that text can be converted to.",
    },
}
TRAINING = "Between tokenizer and generate comes the training: accelerate launch train/run.py"
ADVICE = {
    errno.ENOSPC: "free some space and run the same command again: what is finished is kept",
    errno.EDQUOT: "free some of your quota and run the same command again: what is finished is kept",
    errno.EFBIG: "raise the file size limit (ulimit -f) and run the same command again: what is finished is kept",
    errno.EROFS: "pass --workspace with a folder on a disk that can be written to",
    errno.EACCES: "change its permissions, or use another file or folder",
    errno.EPERM: "change its permissions, or use another file or folder",
    errno.ENOENT: "check the path",
    errno.EMFILE: "raise the limit of open files (ulimit -n)",
    errno.EIO: "the disk or the network failed: check it, then run the same command again",
}


class Commands(click.Group):
    """The commands of the entry-point group `phon.commands`. Packages add theirs there, as we do."""

    def entries(self) -> dict[str, EntryPoint]:
        """Every installed command by name; nothing is imported."""
        return {entry.name: entry for entry in entry_points(group=GROUP)}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Our commands in the order of work, then those of other packages."""
        own = [name for section in SECTIONS.values() for name in section]
        return own + sorted(self.entries().keys() - set(own))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now; None if there is none of that name."""
        entry = self.entries().get(cmd_name)
        if entry is None:
            return None
        loaded: click.Command = entry.load()
        return loaded

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that `args` start with.

        Raises:
            PipelineError: no such command; the hint names the nearest.
        """
        name = args[0]
        if not name.startswith("-") and name not in self.entries():
            near = difflib.get_close_matches(name, self.list_commands(ctx), n=1)
            hint = f'did you mean "phon {near[0]}"?' if near else 'run "phon --help" to see the commands'
            raise PipelineError(f"no command is called {name!r}", hint=hint, exit_code=2)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the sections of the help."""
        sections = {title: list(rows.items()) for title, rows in SECTIONS.items()}
        own = {name for rows in SECTIONS.values() for name in rows}
        others = [(name, f"From {entry.module}.") for name, entry in self.entries().items() if name not in own]
        for title, rows in (*sections.items(), ("From other packages", sorted(others))):
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)
        formatter.write_paragraph()
        formatter.write_text(TRAINING)


def show_version(context: click.Context, parameter: click.Parameter, wanted: bool) -> None:
    """Print the version and stop, if asked to."""
    if wanted and not context.resilient_parsing:
        from importlib.metadata import version

        click.echo(f"phon {version('phon')}")
        context.exit()


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=show_version, help="Print it.")
def group() -> None:
    """Rewrite text in phonetic English, train a model on it, read what it says.

    Example: phon prepare my-texts/
    """


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; what goes wrong and can be mended is told in one line. Returns the exit code."""
    signal.signal(signal.SIGTERM, stop)
    # Of numpy's products: those here are small, and threads would only wait for each other. Read as numpy is loaded.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        code = group.main(list(sys.argv[1:] if arguments is None else arguments) or ["--help"], "phon", None, False)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except (PhoneticError, PipelineError, TrainError) as error:
        return complain(str(error), error.hint, error.exit_code)
    except click.UsageError as error:
        path = error.ctx.command_path if error.ctx else "phon"
        return complain(error.format_message(), f'run "{path} --help" to see what it takes', error.exit_code)
    except (click.Abort, KeyboardInterrupt) as error:
        if isinstance(error.__cause__, EOFError):
            raise  # click takes it for Ctrl-D at a prompt; we have none, so it is a bug
        click.echo("interrupted; run the same command again to go on", err=True)
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains once more at its end
        return 1
    except MemoryError:
        return complain("the memory does not suffice", "close other programs, or pass smaller sizes or fewer workers")
    except OSError as error:
        return complain(*describe(error))


def stop(number: int, frame: FrameType | None) -> NoReturn:
    """Treat SIGTERM as Ctrl-C; a second one ends the process at once."""
    signal.signal(number, signal.SIG_DFL)
    raise KeyboardInterrupt


def complain(message: str, hint: str, code: int = 1) -> int:
    """Write an error and its hint to standard error, a line each; the exit code is handed back."""
    color = False if os.environ.get("NO_COLOR") else None
    for label, text, shade in (("error", message, "red"), ("hint", hint, "cyan")):
        if text:
            click.echo(
                f"{click.style(label + ':', fg=shade)} {printable(' '.join(text.split()))}", err=True, color=color
            )
    return code


def describe(error: OSError) -> tuple[str, str]:
    """What an error of the operating system means: message and hint."""
    name = str(error.filename) if error.filename is not None else ""
    reason = error.strerror or str(error) or type(error).__name__
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        reason = "the disk is full"
        there = next((path for path in (Path(name), *Path(name).parents) if path.exists()), None)
        if name and there is not None:
            reason += f" ({shutil.disk_usage(there).free:,} bytes free)"
    return f"{name}: {reason}" if name else reason, ADVICE.get(error.errno or 0, "check the file and its folder")


if __name__ == "__main__":
    sys.exit(main())
