"""Ten constrained poems, each by the command that stands beside it: samples/poems/README.md and a WAV each.

Run it where a model is, with `phon[speech]` installed.

Example: python scripts/write_poems.py --run small
"""

import argparse
import itertools
import json
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from train.files import write_text

FOLDER = Path(__file__).parent.parent / "samples" / "poems"
ALL = "--words-only --temperature 0.9"
POEMS = {
    "A haiku": "--syllables 5,7,5 --seed 3",
    "A tanka, from scripture": "--syllables 5,7,5,7,7 --type scripture --seed 5",
    "A couplet on *day*": "--lines 2 --meter u/u/u/u/ --rhyme-with day --type plays --seed 2",
    "Four lines on *night*": "--lines 4 --meter u/u/u/u/ --rhyme-with night --type plays --seed 4",
    "Falling feet": "--lines 4 --meter /u/u/u/u --type plays --seed 7",
    "A limerick's measure": "--syllables 8,8,5,5,8 --seed 11",
    "Three lines on *sea*": "--syllables 9,7,9 --rhyme-with sea --type plays --seed 13",
    "My love": '--prompt "my love" --meter u/u/u/ --lines 3 --type plays --seed 17',
    "An oath of office": "--type inaugurals --syllables 6,6,6,6 --rhyme-with state --seed 19",
    "A sonnet": "--lines 14 --meter u/u/u/u/u/ --type plays --seed 23",
}
HEAD = """# Ten poems

By a model of 8 million weights that knows no verse but Shakespeare's, trained for 40 minutes on two cores on 6.5 MB of
encyclopaedia, plays, scripture, inaugural and annual addresses in phonetic English, a folder each:

```sh
phon prepare corpus
phon tokenizer
accelerate launch train/run.py --config modern model.n_layer=7 data.seq_len=896 train.epochs=8
```

Metre, syllables, rhyme and that each word is one of the lexicon are kept by
[grammars](../../docs/generation.md#verse-and-other-constraints); all else is the model's. Each is the first that its
command gave, unchosen; the English is `phon spell`'s, the voice espeak-ng's.

With a model of your own: `python scripts/write_poems.py --run NAME`.
"""


def poem(number: int, title: str, options: str, run: str, heard: Path) -> str:
    """Write the WAV of a poem into a folder, and give its section."""
    own = shlex.split(options)
    command = [sys.executable, "-m", "pipeline.cli", "generate", "--run", run, "--n", "1", *own]
    done = subprocess.run(
        [*command, "--spell", "--json", "--no-keep", "--say", str(heard / "one")], stdout=subprocess.PIPE, text=True
    )
    if done.returncode:
        sys.exit(done.returncode)  # it has said why
    shutil.move(heard / "one" / "01.wav", heard / f"{number:02}.wav")
    sample = json.loads(done.stdout)
    words = iter(sample["english"].split(" "))  # one for each of the sample
    lines = sample.get("lines", [sample["text"]])
    table = "\n".join(f"| {line} | {' '.join(itertools.islice(words, len(line.split(' '))))} |" for line in lines)
    return (
        f"## {number}. {title}\n\n```sh\nphon generate --n 1 {options} --spell --say heard\n```\n\n"
        f"| | |\n|---|---|\n{table}\n\n[{number:02}.wav]({number:02}.wav)\n"
    )


def main() -> None:
    """Write them all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", required=True, help="a run's name, or a model's folder")
    run = parser.parse_args().run
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        heard = Path(folder)
        sections = [
            poem(number, title, f"{options} {ALL}", run, heard)
            for number, (title, options) in enumerate(POEMS.items(), 1)
        ]
        for wav in sorted(heard.glob("*.wav")):
            shutil.move(wav, FOLDER / wav.name)
    write_text(FOLDER / "README.md", "\n".join([HEAD, *sections]))


if __name__ == "__main__":
    main()
