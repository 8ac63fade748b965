"""The settings of a run: defaults here < a TOML file < `section.key=value` on the command line."""

import difflib
import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, TypeVar, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model, field_validator, model_validator

from train import architecture
from train.errors import TrainError
from train.files import FACTS_BYTES, check_depth, read_bounded
from train.keys import check_keys
from train.options import Options, neighbours

FOLDER = Path(__file__).resolve().parent.parent / "configs"


Auto = Literal["auto"]  # a setting that train.choose resolves, from the corpus and published laws
Value = TypeVar("Value")


def known(value: Value | Auto) -> Value:
    """A setting of a resolved config."""
    assert value != "auto"
    return value


class Settings(BaseModel):
    """A section: its values never change, and it knows its keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ModelConfig(Settings):
    """What the configs of all families of models have."""

    family: str = ""
    published_vocab_size: int = Field(50257, gt=0)  # the vocabulary its printed parameter count is for

    @classmethod
    def keys(cls, values: Mapping[str, Any], source: str) -> tuple[list[str], dict[str, str]]:
        """What may be set, and other names for some of it, where `values` are."""
        return list(cls.model_fields), {}


class GPT2Config(ModelConfig):
    """The shape of a GPT-2."""

    family: Literal["gpt2"] = "gpt2"
    n_layer: int = Field(4, gt=0)
    n_head: int = Field(4, gt=0)
    n_embd: int = Field(256, gt=0)  # residual width, shared out evenly among the heads
    n_inner: int | None = Field(None, gt=0)  # width of the feed-forward layer; 4 n_embd if not given
    dropout: Annotated[float, Field(ge=0, lt=1)] | Auto = "auto"  # after the embedding and in each residual branch
    attn_dropout: float = Field(0.0, ge=0, lt=1)  # on attention's shares; on a CPU it doubles the time of a step
    tied: bool = True  # the head's weights are the embedding's; false: its own, vocabulary x n_embd more

    @model_validator(mode="after")
    def heads_divide_the_width(self) -> Self:
        """Every head is equally wide."""
        if self.n_embd % self.n_head:
            raise TrainError(
                f"model.n_embd = {self.n_embd} is not a multiple of model.n_head = {self.n_head}",
                hint=f"try {neighbours(self.n_embd, self.n_head)}",
            )
        return self


class DecoderBase(ModelConfig):
    """The options of a decoder: its keys are those of `train.options.Options`."""

    family: Literal["decoder"] = "decoder"

    if TYPE_CHECKING:
        n_layer: int
        n_head: int
        n_embd: int
        dropout: float | Auto

    @field_validator("position", mode="before", check_fields=False)
    @classmethod
    def none_is_a_position(cls, value: object) -> object:
        """On the command line "none" clears a setting; here it is a choice."""
        return "none" if value is None else value

    @property
    def options(self) -> Options:
        """The same as the model takes them."""
        values = {field.name: getattr(self, field.name) for field in fields(Options)}
        return Options(**{**values, "dropout": 0.0 if values["dropout"] == "auto" else values["dropout"]})

    @model_validator(mode="after")
    def options_fit(self) -> Self:
        """They can be combined."""
        try:
            assert self.options
        except ValueError as error:
            message, _, hint = str(error).partition(": ")
            raise TrainError(f"model.{message}", hint=hint) from error
        return self


if TYPE_CHECKING:
    DecoderConfig = DecoderBase
else:
    HINTS = get_type_hints(Options)
    DecoderConfig = create_model(
        "DecoderConfig",
        __base__=DecoderBase,
        **{
            field.name: (Auto | float, "auto") if field.name == "dropout" else (HINTS[field.name], field.default)
            for field in fields(Options)
        },
    )


class TransformersConfig(ModelConfig):
    """An architecture of transformers: its other keys are the library's own."""

    model_config = ConfigDict(extra="allow")

    family: Literal["transformers"] = "transformers"
    model_type: str

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...

    @classmethod
    def keys(cls, values: Mapping[str, Any], source: str) -> tuple[list[str], dict[str, str]]:
        """Those of the architecture, and what the library itself calls some of them elsewhere."""
        if values.get("model_type") is None:
            raise TrainError(
                f"{source}: model.family = 'transformers' needs model.model_type",
                hint="as in model.model_type=llama; sizes that are not given are the library's, which are large",
                exit_code=2,
            )
        theirs, aliases = architecture.keys(str(values["model_type"]), source)
        return [*cls.model_fields, *theirs], aliases

    @property
    def settings(self) -> dict[str, Any]:
        """What is set of the library's keys."""
        return dict(self.model_extra or {})

    @model_validator(mode="before")
    @classmethod
    def none_is_the_default(cls, values: Any) -> Any:
        """A key that is cleared is not set: TOML has no other way to say so."""
        return {k: v for k, v in values.items() if v is not None} if isinstance(values, dict) else values

    @model_validator(mode="after")
    def the_library_takes_it(self) -> Self:
        """Its own checks hold."""
        try:
            architecture.make(self.model_type, self.settings)
        except ValueError as error:
            raise TrainError(
                f"model: {self.model_type} does not take these settings: {error}",
                hint="they are those of its config in transformers",
            ) from error
        return self


FAMILIES: dict[str, type[ModelConfig]] = {
    "gpt2": GPT2Config,
    "decoder": DecoderConfig,
    "transformers": TransformersConfig,
}


class DataConfig(Settings):
    """How tokens become rows."""

    seq_len: int | Auto = "auto"  # tokens a row; auto: what holds the documents at least cost, up to 1,024
    packing: Literal["best-fit", "document", "stream"] = "best-fit"  # document: one a row, where a model asks for it
    max_tokens: Annotated[int, Field(gt=0)] | None = None  # learn from so many tokens of the corpus; none: from all
    objective: Literal["next", "spans"] = "next"  # of documents; spans: an encoder-decoder writes what was taken out
    span_rate: float = Field(0.15, gt=0, lt=1)  # share of the tokens that is taken out
    span_mean: float = Field(3.0, ge=1)  # tokens of a span, on average

    @model_validator(mode="after")
    def rows_hold_something(self) -> Self:
        """A row holds a token and the one after it."""
        if self.seq_len != "auto" and self.seq_len < 2:
            raise TrainError(f"data.seq_len = {self.seq_len} holds no document", hint="try data.seq_len=256")
        return self


class TrainConfig(Settings):
    """How long, on how much at a time, and how exactly."""

    max_steps: int | None = Field(None, gt=0)  # give this or epochs
    epochs: float | None = Field(None, gt=0)
    global_batch: Annotated[int, Field(gt=0)] | Auto = "auto"  # tokens a step, whatever the number of processes
    micro_batch: Annotated[int, Field(gt=0)] | Auto = "auto"  # rows a forward and backward pass on each device
    checkpointing: Literal["auto", "always", "never"] = "auto"  # compute activations twice, for memory; auto: at need
    keep: Literal["best", "last"] = "best"  # which weights model/ gets; best: fewest bits per byte in validation
    patience: int = Field(5, ge=0)  # measurements without a new best that end the run; 0: never
    seed: int = Field(17, ge=0)
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    compile: Literal["auto", "always", "never"] = "auto"

    @model_validator(mode="after")
    def one_length(self) -> Self:
        """The run's length is given once."""
        if (self.max_steps is None) == (self.epochs is None):
            raise TrainError(
                "give train.max_steps or train.epochs, one of the two",
                hint='in the file, or as "train.max_steps=1000"; to change a file\'s kind, clear the other: '
                '"train.epochs=none"',
            )
        return self


class OptimConfig(Settings):
    """The optimizer and its schedule."""

    name: Literal["adamw", "muon"] = "adamw"  # muon: on the matrices, with AdamW on norms, biases and embeddings
    lr: Annotated[float, Field(gt=0)] | Auto = "auto"  # at its peak
    min_lr: float = Field(0.0, ge=0)  # at the end of cosine or decay
    warmup_steps: Annotated[int, Field(ge=0)] | Auto = "auto"
    schedule: Literal["cosine", "constant", "warmup-stable-decay"] = "cosine"
    decay_fraction: float = Field(0.2, gt=0, le=1)  # of the steps, for warmup-stable-decay
    weight_decay: Annotated[float, Field(ge=0)] | Auto = "auto"  # not on norms, biases and embeddings
    beta1: float = Field(0.9, ge=0, lt=1)
    beta2: float = Field(0.95, ge=0, lt=1)
    eps: float = Field(1e-8, gt=0)
    momentum: float = Field(0.95, ge=0, lt=1)  # Muon's
    adamw_scale: float = Field(1.0, gt=0)  # with muon: of lr, on what AdamW updates: embeddings, head, norms, biases
    ema: float = Field(0.0, ge=0, lt=1)  # decay of a moving average of the weights, to be measured and kept; 0: none
    grad_clip: float = Field(1.0, ge=0)  # largest norm of the gradient; 0 for none


class LogConfig(Settings):
    """What is measured, sampled and saved, and when; in steps, 0 for never."""

    name: str = ""  # of the folder in runs/; the config's own name if empty
    log_every: int = Field(10, gt=0)
    eval_every: int = Field(100, ge=0)
    sample_every: int = Field(500, ge=0)
    save_every: int = Field(100, ge=0)
    n_samples: int = Field(4, gt=0)  # at each of four temperatures
    trackers: tuple[str, ...] = ()  # tensorboard, wandb, trackio: through Accelerate, where installed


class Config(Settings):
    """All settings of a run, as they are saved in its folder."""

    model: Annotated[GPT2Config | DecoderConfig | TransformersConfig, Field(discriminator="family")] = GPT2Config()
    data: DataConfig = DataConfig()
    train: TrainConfig = TrainConfig(max_steps=1000)
    optim: OptimConfig = OptimConfig()
    log: LogConfig = LogConfig()

    @model_validator(mode="before")
    @classmethod
    def plain_models_are_gpt2(cls, values: Any) -> Any:
        """A model without a family is a GPT-2."""
        if isinstance(values, dict) and isinstance(values.get("model"), dict):
            return {**values, "model": {"family": "gpt2", **values["model"]}}
        return values

    def with_values(self, values: Mapping[str, Any]) -> Self:
        """The same with other values for some keys, named as in `optim.lr`."""
        dumped = self.model_dump()
        for name, value in values.items():
            section, _, key = name.partition(".")
            dumped[section][key] = value
        return type(self)(**dumped)


def names() -> list[str]:
    """The configs that come with the program."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def path_of(name_or_file: str) -> Path:
    """Where a config is: of ours by name, or a file of its own."""
    path = Path(name_or_file)
    return path if path.suffix else FOLDER / f"{name_or_file}.toml"


def no_such(what: str, name: str, there: Sequence[str]) -> TrainError:
    """The error of a name that nothing has, with the nearest that something has."""
    near = difflib.get_close_matches(name, there, 1)
    hint = (f"did you mean {near[0]!r}? " if near else "") + f"there are: {', '.join(there)}; or a .toml file"
    return TrainError(f"no {what} {name!r}", hint=hint)


def first_reason(error: ValidationError) -> str:
    """Why values do not fit, of the first that does not."""
    told: str = error.errors()[0]["msg"]
    return told[0].lower() + told[1:]


def load(name_or_file: str, overrides: Sequence[str] = ()) -> Config:
    """A config by name or from a file, with `section.key=value` on top.

    Raises:
        TrainError: no such config, unknown key (the nearest is named), or a value that does not fit.
    """
    path = path_of(name_or_file)
    if not path.is_file():
        raise no_such("config", name_or_file, names())
    try:
        values = read_toml(path)
    except (ValueError, RecursionError) as error:
        raise TrainError(f"{path}: {error}", hint="it must be TOML: sections [model], [data], [train] ...") from error
    return build(values, overrides, source=str(path))


def read_toml(path: Path) -> dict[str, Any]:
    """The sections of a TOML file. Raises ValueError or RecursionError where it is damaged."""
    values = tomllib.loads(read_bounded(path, FACTS_BYTES).decode())
    check_depth(values)
    return values


def build(values: dict[str, Any], overrides: Sequence[str] = (), *, source: str = "") -> Config:
    """The config of nested `values` with `section.key=value` on top. Raises TrainError as `load` does."""
    for section, keys in values.items():
        if not isinstance(keys, dict):
            raise TrainError(f"{source}: {section!r} stands outside a section", hint="put it under [model] or the like")
    given: dict[str, dict[str, Any]] = {}
    for override in overrides:
        name, equals, value = override.partition("=")
        section, dot, key = name.partition(".")
        if not (equals and dot and key):
            raise TrainError(f"{override!r} is not section.key=value", hint="as in optim.lr=0.001", exit_code=2)
        given.setdefault(section, {})[key] = parse(value)
    own, asked = values.get("model", {}).get("family", "gpt2"), given.get("model", {}).get("family")
    family = kind_of_model(asked or own, "the command line" if asked else source)
    if asked and asked != own:  # the sizes of another family are not this one's
        values = {**values, "model": {}}
    of_model = given.get("model", {})
    typed = {"family", "model_type"} & of_model.keys()
    known, aliases = family.keys({**values.get("model", {}), **of_model}, "the command line" if typed else source)
    annotations = {name: field.annotation for name, field in Config.model_fields.items()}
    sections = {name: list(getattr(kind, "model_fields", known)) for name, kind in annotations.items()}
    for section, keys in values.items():
        check_keys(section, keys, sections, source, aliases)
    for section, keys in given.items():
        check_keys(section, keys, sections, "the command line", aliases, exit_code=2)
    values = {section: {**values.get(section, {}), **given.get(section, {})} for section in {**values, **given}}
    if "train" not in values or not {"max_steps", "epochs"} & values["train"].keys():
        values.setdefault("train", {})["max_steps"] = 1000
    try:
        return Config(**values)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"][:2])
        if place.startswith("model."):  # there the family comes first
            place = f"model.{first['loc'][2]}"
        section, _, key = place.partition(".")
        where = "the command line" if key in given.get(section, {}) else source or "config"
        raise TrainError(
            f"{where}: {place} = {first['input']!r}: {first_reason(error)}",
            hint="see the sections in docs/training.md",
        ) from error


def kind_of_model(family: object, source: str) -> type[ModelConfig]:
    """The settings of a family of models.

    Raises:
        TrainError: there is no such family.
    """
    if family not in FAMILIES:
        near = difflib.get_close_matches(str(family), FAMILIES, 1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise TrainError(f"{source}: model.family = {family!r}", hint=f"{hint}there are: {', '.join(FAMILIES)}")
    return FAMILIES[str(family)]


def parse(value: str) -> Any:
    """A command-line value as TOML would read it; a bare word is a string, `none` clears."""
    if value.lower() == "none":
        return None
    try:
        return tomllib.loads(f"x = {value}")["x"]
    except tomllib.TOMLDecodeError:
        return value


def to_toml(config: Config) -> str:
    """The config as a TOML file that `load` reads back to an equal config."""
    lines = []
    for section, values in config.model_dump().items():
        lines.append(f"[{section}]")
        for key, value in values.items():
            lines.append(f"# {key} is not set" if value is None else f"{key} = {toml(value)}")
        lines.append("")
    return "\n".join(lines)


def toml(value: Any) -> str:
    """A value as TOML has it, in one line."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, (tuple, list)):
        return f"[{', '.join(map(toml, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{toml(key)} = {toml(item)}' for key, item in value.items())}}}"
    return repr(value)
