"""g2p-en beside the engine that says the same: `python scripts/compare_g2p_en.py FILE...`.

Each line of the files, and as many made-up lines as asked for, goes through g2p-en itself and through phonetic.parity.
Prints each line whose tokens differ. Needs g2p-en and the data that it needs.

Made-up lines are of words, numbers, addresses, faces and signs, glued or apart, and of any characters. The few that
g2p-en fails at, or takes longer than its own time limit for, are counted.
"""

import argparse
import random
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.prepare import g2p_en
from phonetic.parity import Parity

WORDS = (
    "the The a I we record records used use object OBJECT read live minute close present produce house perfect "
    "separate don't it's o'clock rock'n'roll 'tis y'all dogs' well-known state-of-the-art re- -ing i.e. e.g. I.E. "
    "phi.e. U.S.A. Mr. etc. end.The end.the www.example.com http://a.b/c?d=e user@mail.org #tag @name C++ AT&T cafe "
    "café naïve Straße Ångström İstanbul ΣΑΣ ﬁne x² H₂O 日本 привет wumblegong zxqv brrr "
    "antidisestablishmentarianism's to been had was"
)
NUMBERS = (
    "0 1 7 007 10 11 20 21 99 100 101 110 999 1000 1001 1066 1100 1900 1905 1999 2000 2001 2009 2010 2999 3000 3001 "
    "12,345 1,234,567 1,00 1,2 1, ,5 1000000 1000001 2000000000 123456789012345678901234567890 3.14 1.2.3 .5 5. 1st "
    "2nd 3rd 4th 11th 12th 20th 21st 100th 101st 1,000th 0th 1stop 2ndary 80s $5 $1 $0 $0.01 $1.01 $3.5 $1,234.50 "
    "$1.2.3 $. $.5 $5. £1 £12,345 £5.50 €5 50% 3:30 1/2 -5 5-6 1914–1918 555-1234 +1(212)555-0100 ½ ٣ 10⁻³"
)
SIGNS = (
    ". .. ... .... ..... , ,, ? ?? ! !!! !!!! ?! - -- --- ---- ' '' ''' '''' \" ` : ; :) :-) :'( ;-D <3 =P 8-) -> <- "
    "( ) [ ] { } / \\ | & &amp; &lt; * _ ~ ^ % — – … “ ” ‘ ’ • © ™ 😀 👍🏽 \u00a0 \u200b \u00ad \t \r \u0301"
)
GLUE = ("", "", "", "-", "'", ".", "/", ",")
ALPHABETS = ("abt.-' ", "ae.'-,?! ", "0123456789.,$£ stndrh", "abcIÉß\u0301Ωжא-.' 19")


def made_up(count: int, seed: int) -> Iterator[str]:
    """Lines that look like prose with everything in it that can go wrong, or like nothing."""
    draw = random.Random(seed)
    pools = [WORDS.split(" "), NUMBERS.split(" "), SIGNS.split(" ")]
    for at in range(count):
        if at % 3 == 0:
            yield "".join(draw.choices(draw.choice(ALPHABETS), k=draw.randint(1, 30)))
        elif at % 30 == 1:
            yield "".join(chr(draw.choice((draw.randrange(32, 0x250), draw.randrange(0xD800)))) for _ in range(20))
        else:
            pieces = [draw.choice(draw.choices(pools, (5, 2, 3))[0]) for _ in range(draw.randint(1, 12))]
            yield "".join(piece + draw.choice((" ", " ", "  ", *GLUE)) for piece in pieces)


def main() -> None:
    """Compare, and print what differs."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE")
    parser.add_argument("--made-up", type=int, default=10_000, metavar="N", help="made-up lines (%(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    lines = [line for file in options.files for line in file.read_text(encoding="utf-8").split("\n")]
    lines += made_up(options.made_up, options.seed)
    theirs, ours = g2p_en(), Parity()
    ours.read(lines)  # so that unknown words are guessed together, as they are in use
    tokens = differing = 0
    failed = []
    for line in lines:
        said = ours.phones(line)
        try:
            wanted = theirs(line)
        except Exception as error:
            failed.append(f"{type(error).__name__}: {line[:60]!r}")
            continue
        tokens += wanted.count(" ") + bool(wanted)
        if said != wanted:
            differing += 1
            print(f"{line!r}\n  g2p-en {' '.join(wanted)}\n  phon   {' '.join(said)}")
    print(f"{len(lines):,} lines, {tokens:,} tokens: {differing} lines differ; g2p-en failed at {len(failed)}")
    print(*failed[:5], sep="\n")
    sys.exit(differing > 0)


if __name__ == "__main__":
    main()
