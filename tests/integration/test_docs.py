"""What README.md and docs/ tell people to type is right: every command line parses, and the marked ones run."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from pipeline.cli import SECTIONS, group
from train import config
from train.run import main as train

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^(<!-- run -->\n)?```sh\n(.*?)^```$", re.DOTALL | re.MULTILINE)
RUN = re.compile(r"(?:.*/)?(?:train/run\.py|train\.run)")  # what a launcher is given
TRAINERS = ("accelerate", "torchrun", "python")


def blocks(page: Path) -> Iterator[tuple[bool, list[str]]]:
    """The shell blocks of a page: whether it is marked to be run, and its lines."""
    for marked, text in BLOCK.findall(page.read_text(encoding="utf-8")):
        yield bool(marked), [line for line in text.replace("\\\n", " ").splitlines() if line.strip()]


def simple_commands(line: str) -> Iterator[list[str]]:
    """The commands of a line, as words: those of a pipe or a list apart, without what is set before and redirected."""
    words = shlex.shlex(line, posix=True, punctuation_chars=True)
    words.whitespace_split = True
    command: list[str] = []
    for word in [*words, ";"]:
        if set(word) <= set("|&;"):
            if ">" in command:
                command = command[: command.index(">")]
            while command and re.fullmatch(r"\w+=.*", command[0]):
                command = command[1:]
            if command:
                yield command
            command = []
        else:
            command.append(word)


def ours(text: list[str]) -> list[list[str]]:
    """The commands among `text` that start phon or a training."""
    found = [command for line in text for command in simple_commands(line)]
    return [
        [Path(command[0]).name, *command[1:]]
        for command in found
        if Path(command[0]).name == "phon" or (Path(command[0]).name in TRAINERS and any(map(RUN.fullmatch, command)))
    ]


def parse(command: list[str]) -> None:
    """Take a command line as far as running it; a mistake in it raises."""
    try:
        if command[0] == "phon" and command[1:] and not command[1].startswith("-"):
            name, found, rest = group.resolve_command(click.Context(group), command[1:])
            assert found is not None
            found.make_context(name, rest)
            return
        if command[0] == "phon":
            group.make_context("phon", command[1:] or ["--help"])
            return
        at = next(place for place, word in enumerate(command) if RUN.fullmatch(word))
        asked = train.make_context("train/run.py", command[at + 1 :]).params
        name, path = asked["config"] or "tiny", Path(asked["config"] or "")
        assert path.suffix in ("", ".toml")
        config.load("tiny" if path.suffix and not path.is_file() else name, asked["overrides"])
    except click.exceptions.Exit as left:  # after --help or --version
        assert left.exit_code == 0


def all_commands() -> list[tuple[str, list[str]]]:
    return [(page.name, command) for page in PAGES for _, text in blocks(page) for command in ours(text)]


def examples() -> list[str]:
    """The lines after "Example:" in the help of each command."""
    helps = [train.help or "", group.help or ""]
    for name in group.list_commands(click.Context(group)):
        found = group.get_command(click.Context(group), name)
        assert found is not None
        helps.append(found.help or "")
    return [example for text in helps for example in re.findall(r"(?:Example|processes): (.+)", text)]


@pytest.mark.parametrize(("page", "command"), all_commands(), ids=lambda part: part if isinstance(part, str) else None)
def test_a_command_line_of_the_docs_parses(page: str, command: list[str]) -> None:
    parse(command)


def test_every_help_text_has_an_example_that_parses() -> None:
    found = examples()
    assert len(found) >= 2 + sum(map(len, SECTIONS.values()))
    for example in found:
        commands = ours([example])
        assert commands, example
        for command in commands:
            parse(command)


@pytest.mark.parametrize(
    "line",
    [
        "phon prepair x",
        "phon generate --n ten",
        "echo x | phon pronounce --frm spaced",
        "A=1 accelerate launch train/run.py optim.lrr=1",
        "torchrun --nproc_per_node 2 train/run.py --confg tiny",
        ".venv/bin/phon notations --jsno",
    ],
)
def test_a_mistake_in_a_command_line_is_seen(line: str) -> None:
    (command,) = ours([line])
    with pytest.raises(Exception, match=r"no command|ten|--frm|unknown key|--confg|--jsno"):
        parse(command)


def test_the_reference_names_every_option_and_no_other() -> None:
    sections = re.split(r"^## ", (ROOT / "docs" / "commands.md").read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    texts = {title.strip(): text for title, _, text in (section.partition("\n") for section in sections)}
    context = click.Context(group)
    names = [name for section in SECTIONS.values() for name in section]
    commands = {f"phon {name}": group.get_command(context, name) for name in names}
    commands["accelerate launch train/run.py"] = train
    assert texts.keys() == commands.keys()
    for title, command in commands.items():
        assert command is not None
        known = {
            name
            for option in command.params
            for name in (*option.opts, *option.secondary_opts)
            if name.startswith("--")
        }
        prose = re.sub(r"```.*?```", "", texts[title], flags=re.DOTALL)
        described = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", prose))
        assert described == known, title


def test_the_marked_commands_of_the_reference_run(tmp_path: Path) -> None:
    for kind, folder in (("stories", "tales"), ("verse", "verse")):
        (tmp_path / "my-texts" / folder).mkdir(parents=True)
        paths = sorted((ROOT / "samples" / "corpus" / kind).iterdir())
        for name, path in zip(("one", "two", "three"), paths, strict=False):
            (tmp_path / "my-texts" / folder / f"{name}.txt").write_bytes(path.read_bytes())
    (tmp_path / "train").symlink_to(ROOT / "train")
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    texts = [text for marked, text in blocks(ROOT / "docs" / "commands.md") if marked]
    assert len(texts) == 17
    for line in (line for text in texts for line in text):
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", line],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=240,
        )
        assert done.returncode == 0, f"{line}\n{done.stderr}"
        assert "Traceback" not in done.stderr, line
    assert (tmp_path / "samples.jsonl").read_text().count("\n") == 4
