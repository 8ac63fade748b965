"""What `phon serve` is asked and what it answers: the bodies of its API, with their limits."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from pipeline.asked import Constraints

MOST_SAMPLES, MOST_TOKENS = 32, 4096
LONGEST_TEXT, LONGEST_WORD = 4000, 60
LARGEST_SEED = 2**53 - 1  # the largest whole number that JavaScript keeps exact


Text = Annotated[str, Field(max_length=LONGEST_TEXT)]
Word = Annotated[str, Field(max_length=LONGEST_WORD)]


class Message(BaseModel):
    """A JSON object without keys that nobody knows."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Wish(Message):
    """What to write, and how. Every field may be left out."""

    prompt: Text = Field("", description="English to go on from.", examples=["once upon a time"])
    prompt_phones: Text = Field("", description="The same, in the model's notation; not both.")
    source: Text = Field("", description="What to write a target for: for a model of pairs, and only for that.")
    type: Word = Field("", description="A document type of the model; else each as often as its corpus had it.")
    n: int = Field(3, ge=1, le=MOST_SAMPLES, description="How many samples.")
    temperature: float = Field(0.7, ge=0, le=5, description="0 takes the likeliest token each time.")
    top_k: int | None = Field(None, ge=1, le=2**31 - 1)
    top_p: float | None = Field(None, gt=0, le=1)
    min_p: float | None = Field(None, ge=0, le=1)
    max_new_tokens: int | None = Field(None, ge=1, le=MOST_TOKENS, description="A limit; else the model's context is.")
    seed: int | None = Field(None, ge=0, le=LARGEST_SEED, description="Same seed, same samples; else one is drawn.")
    valid: bool | None = Field(None, description="Keep to the notation's grammar; else wherever it has one.")
    rhyme_with: Word = Field("", description="A word that each line's last word rhymes with.", examples=["light"])
    meter: Word = Field("", description="u unstressed, / stressed.", examples=["u/u/u/u/"])
    syllables: list[Annotated[int, Field(ge=1, le=40)]] = Field([], max_length=24, description="Of each line, in turn.")
    lines: int | None = Field(None, ge=1, le=24)
    words_only: bool = Field(False, description="Only words of the lexicon.")
    avoid: list[Word] = Field([], max_length=200, description="English words that do not stand.")

    @property
    def constraints(self) -> Constraints:
        """What of it is about words and sounds."""
        return Constraints(
            rhyme_with=self.rhyme_with.strip() or None,
            meter=self.meter.strip() or None,
            syllables=tuple(self.syllables),
            lines=self.lines,
            words_only=self.words_only,
            avoid=tuple(word for words in self.avoid for word in words.split()),
        )


class Saying(Message):
    """What to say aloud, a line at a time."""

    text: Text = Field(min_length=1, examples=["fA0nE1tI0k I1GglI0S"])
    what: Literal["sample", "phones", "english"] = Field(
        "sample", alias="as", description="A sample of the model may have words that are not valid; they are left out."
    )


class Wrong(Message):
    """Where and why a sample is not valid; places count characters."""

    start: int
    end: int
    reason: str


class Piece(Message):
    """A part of a sample's text and its surprisal, by the model's own distribution; places count characters."""

    start: int
    end: int
    bits: float


class Start(Message):
    """The first thing that is told: the prompt in the model's notation, and the seed."""

    event: Literal["start"] = "start"
    prompt: str
    seed: int


class Queued(Message):
    """So many are served before."""

    event: Literal["queued"] = "queued"
    ahead: int


class Tokens(Message):
    """What has been written of a sample since."""

    event: Literal["tokens"] = "tokens"
    index: int
    text: str


class Written(Message):
    """A sample, judged. Its text starts with the prompt."""

    event: Literal["sample"] = "sample"
    index: int
    type: str
    text: str
    lines: list[str]
    english: str | None
    ended: bool
    valid: bool
    problems: list[Wrong]
    n_tokens: int
    tokens: list[Piece]
    symbols: list[Piece]


class Done(Message):
    """The last thing that is told, with the command that makes the same samples again."""

    event: Literal["done"] = "done"
    valid: int
    n_tokens: int
    seconds: float
    command: str


class Failed(Message):
    """The last thing that is told instead, if it could not be done."""

    event: Literal["error"] = "error"
    status: int
    error: str
    hint: str


class Answer(Message):
    """All samples at once."""

    prompt: str
    seed: int
    samples: list[Written]
    valid: int
    n_tokens: int
    seconds: float
    command: str


class Trouble(Message):
    """Why something was not done, and what to do."""

    error: str
    hint: str


class About(Message):
    """The model, and what may be asked of it."""

    run: str
    checkpoint: str | None
    notation: dict[str, Any]
    types: list[str]
    context: int
    parameters: int
    pairs: bool = Field(description="Whether it writes a target for each source.")
    verse: bool = Field(description="Whether constraints of words and sounds can be asked for.")
    stress: bool = Field(description="Whether a metre can be.")
    speech: bool = Field(description="Whether samples can be said aloud here.")
    silence: str = Field(description="Why not, and what to do.")
    report: bool = Field(description="Whether there is a page on its training.")
    waiting: int = Field(description="How many requests wait at this moment.")


Event = Queued | Start | Tokens | Written | Done | Failed
