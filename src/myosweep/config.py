"""Frozen records for everything that a user can set, and their TOML form.

``RunSettings`` holds what one training run needs and everything that can be swept, addressed by a
path such as ``l2.strength``. Its defaults are MATLAB's (preset ``paper``) and never change: a run's
id leaves out every field that has its default, so a field added later orphans no finished run.
"""

import difflib
import hashlib
import itertools
import json
import math
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import tomlkit
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from myosweep.errors import ConfigError
from myosweep.files import whole_file
from myosweep.regions import RegionScheme

Value = str | int | float | bool
"""A value that a swept field can take."""


class Record(BaseModel):
    """A frozen record that refuses unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class L2(Record):
    """How L2 regularisation acts. It touches convolution weights, never biases."""

    kind: Literal["penalty", "decoupled"] = Field(
        "penalty",
        description="penalty: strength x weight is added to the gradient before Adam's moments, as "
        "MATLAB does; decoupled: weights shrink by learning rate x strength per step (AdamW)",
    )
    strength: float = Field(1e-4, ge=0, description="the regularisation factor; 0 switches it off")


class Augmentation(Record):
    """Random changes of each training image, drawn anew in every epoch."""

    flip: float = Field(0.5, ge=0, le=1, description="probability of a left-right flip")
    shift_px: float = Field(
        10.0, ge=0, description="largest shift, pixels; x and y are uniform in [-shift, shift]"
    )


class RunSettings(Record):
    """Everything that changes the weights of one training run, apart from seed and data."""

    l2: L2 = L2()
    learning_rate: float = Field(1e-4, gt=0, description="Adam's constant learning rate")
    batch_size: int = Field(4, ge=1, description="images per mini-batch")
    epochs: int = Field(30, ge=1, description="passes over the training part")
    first_filters: int = Field(64, ge=1, description="filters of the first stage; they double")
    depth: int = Field(4, ge=1, le=7, description="encoder stages of the U-Net")
    dropout: float = Field(
        0.5, ge=0, lt=1, description="dropout after the last encoder stage and after the bridge"
    )
    normalisation: Literal["zero-centre", "z-score"] = Field(
        "zero-centre",
        description="zero-centre: grey levels 0..255 minus the training mean; z-score: each image "
        "minus its own mean, divided by its own standard deviation",
    )
    shuffle: Literal["once", "every-epoch"] = Field(
        "once", description="one order of the training images for all epochs, or a new one in each"
    )
    augmentation: Augmentation = Augmentation()
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        "float32",
        description="auto: bfloat16 where the processor computes it natively, else float32; "
        "resolved once per study",
    )


PRESETS: dict[str, dict[str, Value]] = {
    "paper": {},
    "default": {
        "normalisation": "z-score",
        "shuffle": "every-epoch",
        "precision": "auto",
    },
}
"""What each preset changes in ``RunSettings()``, which is MATLAB's way (preset ``paper``)."""

PRESET_REASONS: dict[str, str] = {
    "normalisation": "LGE grey levels have no unit: they differ between scanners and patients",
    "shuffle": "one fixed order gives every epoch the same mini-batches",
    "precision": "about twice as fast on processors with native bfloat16",
}
"""Why preset ``default`` differs from preset ``paper``, field by field."""


class SplitConfig(Record):
    """How slices are divided into training, validation and test part."""

    by: Literal["patient", "slice"] = "patient"
    fractions: tuple[float, float, float] = (0.6, 0.2, 0.2)
    seed: int = Field(0, ge=0)
    file: str | None = Field(None, description="a split made before, by `myosweep split`")

    @model_validator(mode="after")
    def _check_fractions(self) -> "SplitConfig":
        if min(self.fractions) <= 0 or not math.isclose(sum(self.fractions), 1, abs_tol=1e-6):
            raise ValueError(
                "fractions of training, validation and test are above 0 and add up to 1, got "
                f"{list(self.fractions)}; write for instance [0.6, 0.2, 0.2]"
            )
        return self


class Replicates(Record):
    """The networks that each value is trained with; the same seeds serve all values."""

    design: Literal["seeds"] = "seeds"
    seeds: int | tuple[Annotated[int, Field(ge=0)], ...] = 3

    @property
    def seed_list(self) -> tuple[int, ...]:
        """The seeds themselves: 3 means 0, 1, 2."""
        return tuple(range(self.seeds)) if isinstance(self.seeds, int) else self.seeds

    @model_validator(mode="after")
    def _check_seeds(self) -> "Replicates":
        if not self.seed_list:
            raise ValueError("at least one seed is needed; write for instance seeds = 3")
        if len(set(self.seed_list)) < len(self.seed_list):
            raise ValueError(f"each seed stands once, got {list(self.seed_list)}")
        return self


Metric = Literal["accuracy", "iou", "dice", "bf", "bf_strict"]


class Question(Record):
    """The one question that a study is run for; all else is exploratory."""

    region: str = "myocardium"
    metric: Metric = "dice"


class Scoring(Record):
    """How predictions are scored."""

    tolerance_px: float | None = Field(
        None, ge=0, le=5, description="tolerance of the boundary F1 score; 0.75 % of the diagonal"
    )


class StudyConfig(Record):
    """A study: what is swept, on which data, how often. The content of ``study.toml``."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    dataset: str
    preset: Literal["paper", "default"] = "default"
    source: Literal["training", "masks"] = Field(
        "training", description="masks: predictions of another program, added by `myosweep score`"
    )
    split: SplitConfig = SplitConfig()
    regions: dict[str, tuple[int, ...]] | None = Field(
        None, description="another scheme over the dataset's label codes; default: the dataset's"
    )
    settings: dict[str, Any] = {}
    sweep: dict[str, tuple[Any, ...]] = {}
    replicates: Replicates = Replicates()
    question: Question = Question()
    scoring: Scoring = Scoring()

    @model_validator(mode="before")
    @classmethod
    def _flatten_settings(cls, content: Any) -> Any:
        """``[settings.l2] strength = 1`` and ``"l2.strength" = 1`` mean the same."""
        if isinstance(content, dict) and isinstance(content.get("settings"), dict):
            content = {**content, "settings": flatten(content["settings"])}
        return content

    @model_validator(mode="after")
    def _check_sweep(self) -> "StudyConfig":
        problems = []
        for path, values in self.sweep.items():
            if not values:
                problems.append(f"sweep {path!r} has no values; give at least one")
            if len(set(map(repr, values))) < len(values):
                problems.append(f"sweep {path!r} has a value twice: {list(values)}")
            if path in self.settings:
                problems.append(f"{path!r} stands under [settings] and [sweep]; remove one")
        if problems:
            raise ValueError("; ".join(problems))
        for _ in self.points():
            pass
        return self

    def points(self) -> Iterator[tuple[dict[str, Value], RunSettings]]:
        """Each point of the sweep's grid: the swept fields' values, and the full settings.

        Raises:
            ConfigError: if a field is unknown or a value does not fit it.
        """
        base = {**PRESETS[self.preset], **self.settings}
        for values in itertools.product(*self.sweep.values()):
            wanted = dict(zip(self.sweep, values, strict=True))
            settings = settings_from_paths({**base, **wanted})
            exact = flatten(settings.model_dump())
            yield {path: exact[path] for path in wanted}, settings

    def scheme(self, of_dataset: RegionScheme) -> RegionScheme:
        """The study's region scheme, or the dataset's where the study names none."""
        if self.regions is None:
            return of_dataset
        return RegionScheme.from_mapping(self.regions, of_dataset.ignored)


def flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as one mapping from paths to values.

    >>> flatten({"l2": {"strength": 0.1}, "depth": 4})
    {'l2.strength': 0.1, 'depth': 4}
    """
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def settings_paths() -> tuple[str, ...]:
    """The path of every field of ``RunSettings``: everything that can be set and swept."""
    return tuple(flatten(RunSettings().model_dump()))


def settings_from_paths(values: Mapping[str, Value]) -> RunSettings:
    """Settings from values under their paths; the rest keeps its default.

    Raises:
        ConfigError: naming each unknown path with the nearest known one, or each wrong value.
    """
    known = settings_paths()
    if problems := [_unknown_key(path, known) for path in values if path not in known]:
        raise ConfigError(problems, "unknown settings")
    tree: dict[str, Any] = {}
    for path, value in values.items():
        *folders, name = path.split(".")
        branch = tree
        for folder in folders:
            branch = branch.setdefault(folder, {})
        branch[name] = value
    try:
        return RunSettings.model_validate(tree)
    except ValidationError as error:
        raise ConfigError(_sentences(error, RunSettings), "the settings cannot be used") from None


def preset_settings(preset: str) -> RunSettings:
    """The full settings of a preset.

    >>> preset_settings("paper") == RunSettings()
    True
    """
    return settings_from_paths(PRESETS[preset])


class SettingRow(NamedTuple):
    """A setting: its path, its value in both presets, and what it is."""

    path: str
    paper: Value
    default: Value
    meaning: str


def describe_settings() -> list[SettingRow]:
    """Every field of ``RunSettings`` by path."""
    paper, default = (flatten(preset_settings(name).model_dump()) for name in ("paper", "default"))
    return [
        SettingRow(path, paper[path], default[path], _meaning(path)) for path in settings_paths()
    ]


def _meaning(path: str) -> str:
    *folders, name = path.split(".")
    owner = _record_at(RunSettings, folders)
    return owner.model_fields[name].description or ""


def run_id(
    settings: RunSettings, seed: int, pixel_hash: str, split_hash: str, scheme: RegionScheme
) -> str:
    """Sixteen hexadecimal digits that name a run by all that changes its weights.

    Raises:
        ConfigError: if the precision is still ``auto``; a study resolves it first.
    """
    if settings.precision == "auto":
        raise ConfigError("precision is 'auto'; resolve it to float32 or bfloat16 first")
    neutral = flatten(RunSettings().model_dump())
    chosen = flatten(settings.model_dump())
    content = {
        "settings": {path: value for path, value in chosen.items() if value != neutral[path]},
        "seed": seed,
        "pixels": pixel_hash,
        "split": split_hash,
        "regions": [[region.name, list(region.codes)] for region in scheme.regions],
        "ignored": list(scheme.ignored),
    }
    return canonical_hash(content)[:16]


def canonical_hash(content: Any) -> str:
    """SHA-256 of ``content`` as canonical JSON."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def read_study_config(path: Path) -> StudyConfig:
    """Read a study file.

    Raises:
        ConfigError: if it is missing, not TOML, or breaks rules; all broken rules at once.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"there is no study file {path.name!r}; check the path") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path.name} is not readable TOML: {error}") from None
    return study_config(content, path.name)


def study_config(content: Mapping[str, Any], name: str = "the study") -> StudyConfig:
    """Validate the content of a study file; ``name`` stands in the error."""
    try:
        return StudyConfig.model_validate(content)
    except ValidationError as error:
        raise ConfigError(_sentences(error, StudyConfig), f"{name} cannot be used") from None


def split_config(by: str, fractions: str, seed: int) -> SplitConfig:
    """Validate a split's options as a command line gives them."""
    try:
        parts = [float(part) for part in fractions.split(",")]
        return SplitConfig.model_validate({"by": by, "fractions": parts, "seed": seed})
    except ValidationError as error:
        raise ConfigError(_sentences(error, SplitConfig), "the split cannot be made") from None
    except ValueError:
        raise ConfigError(
            f"fractions are three numbers with commas between them, got {fractions!r}; write for "
            "instance 0.6,0.2,0.2"
        ) from None


def write_study_config(config: StudyConfig, path: Path) -> None:
    """Write a study file that reads back as the same record."""
    content = config.model_dump(mode="json", exclude_none=True)
    with whole_file(path) as draft:
        draft.write_text(tomlkit.dumps(content), encoding="utf-8")


def _unknown_key(key: str, known: tuple[str, ...]) -> str:
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.4)
    hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
    return f"unknown key {key!r}; {hint}"


def _sentences(error: ValidationError, record: type[Record]) -> list[str]:
    """One plain sentence per broken rule of a record."""
    sentences = []
    for detail in error.errors():
        *folders, name = (str(part) for part in detail["loc"]) if detail["loc"] else ("",)
        if detail["type"] == "extra_forbidden":
            owner = _record_at(record, folders)
            sentences.append(_unknown_key(name, tuple(owner.model_fields)))
            continue
        where = ".".join((*folders, name)).strip(".")
        message = detail["msg"].removeprefix("Value error, ")
        if detail["type"] == "missing":
            sentences.append(f"{where!r} is missing; add it")
        elif detail["type"] == "value_error":
            sentences.append(f"{where}: {message}" if where else message)
        else:
            sentences.append(f"{where}: {message}, got {detail['input']!r}")
    return sentences


def _record_at(record: type[Record], folders: list[str]) -> type[Record]:
    for folder in folders:
        field = record.model_fields.get(folder)
        if field is not None and isinstance(field.annotation, type):
            record = field.annotation
    return record
