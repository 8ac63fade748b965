"""Which samples are valid: those that their notation's rules accept and that end by themselves."""

from collections.abc import Iterable

from train.notation import Notation, Problem

UNENDED = "stops at the length limit, without an end"


def judge(notation: Notation | None, text: str, ended: bool) -> tuple[bool, list[Problem]]:
    """Whether a sample is valid, and where and why it is not.

    Args:
        notation: None if none is at hand; then only the end counts.
        ended: By `<|eos|>` rather than at the length limit.
    """
    problems = [Problem(*problem) for problem in notation.problems(text)] if notation else []
    if not ended:
        problems.append(Problem(len(text), len(text), UNENDED))
    return not problems, problems


def valid_share(notation: Notation | None, samples: Iterable[tuple[str, bool]]) -> float:
    """The share of (text, ended) that is valid; of no samples, 0."""
    verdicts = [judge(notation, text, ended)[0] for text, ended in samples]
    return sum(verdicts) / max(1, len(verdicts))
