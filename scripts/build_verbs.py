"""Build phonetic/data/verbs.tsv from g2p-en's list of homographs: `python scripts/build_verbs.py`.

Needs `pip install "phon[g2p-en]"`. Of each word that is said otherwise as a verb: how as a verb, and how else. What is
wrong in the list is mended or left out.
"""

from phonetic.gru import installed_file
from phonetic.lexicon import DATA
from phonetic.phones import compact, words
from train.files import write_text

# Verb and noun the wrong way round,
SWAPPED = frozenset(words("imprint segment torment exploits pontificate"))
# or a difference that Americans do not make, two primary stresses, a part of speech that is never met.
WRONG = frozenset(
    words(
        "absent accents collect collects complex counterbalance counterbalances crabbed crooked curate cursed "
        "dogged envelope envelopes incorporate instinct inverse jagged mandate misconduct prefix prefixes "
        "presage presages process processes processing prospect prospects prostrate quadruple quadruples "
        "ragged rampage rampages regenerate reincarnate subcontract subcontracts underestimate underestimates "
        "unused used baths certificate certificates triplicate triplicates closer mouths concert concerts "
        "dictate discourse discourses"
    )
)


def main() -> None:
    """Read the installed list, write the data file."""
    lines = ["word\tverb\telse"]
    for line in installed_file("homographs.en").read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            continue
        word, first, second, part_of_speech = line.strip().lower().split("|")
        if word in WRONG or part_of_speech != "v" or first == second:
            continue
        said = [compact(first.upper()), compact(second.upper())]
        lines.append("\t".join([word, *(said[::-1] if word in SWAPPED else said)]))
    write_text(DATA / "verbs.tsv", "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
