"""``RunSettings``: everything that can be set and swept in one training run, by path.

Its defaults are MATLAB's (preset ``paper``) and never change: a run's id leaves out every field
that has its default, so a field added later orphans no finished run.
"""

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from myosweep.config.records import (
    Record,
    Value,
    canonical_hash,
    flatten,
    record_at,
    sentences,
    unknown_key,
)
from myosweep.errors import ConfigError
from myosweep.regions import RegionScheme

LEARNED = "learned"


def _check_strength(strength: Any) -> Any:
    if strength == LEARNED:
        return strength
    try:
        number = float(strength)
    except (TypeError, ValueError):
        raise ValueError(f"is a number from 0 on, or {LEARNED!r}, got {strength!r}") from None
    if not 0 <= number < math.inf:
        raise ValueError(f"is a finite number, 0 or larger, got {strength!r}")
    return number


class Learned(Record):
    """How ``l2.strength = "learned"`` is learned during one training."""

    start: float = Field(1e-4, gt=0, description="learned strength: where it starts")
    rate: float = Field(
        0.05, gt=0, description="learned strength: largest usual step of its logarithm"
    )
    per: Literal["network", "layer"] = Field(
        "network", description="learned strength: one for all weights, or one for each layer"
    )


class L2(Record):
    """How L2 regularisation acts. It touches convolution weights, never biases."""

    kind: Literal["penalty", "decoupled", "l1"] = Field(
        "penalty",
        description="penalty: strength x weight is added to the gradient before Adam's moments, as "
        "MATLAB does; decoupled: weights shrink by learning rate x strength per step (AdamW); "
        "l1: strength x sign of the weight is added to the gradient",
    )
    strength: Annotated[float | Literal["learned"], BeforeValidator(_check_strength)] = Field(
        1e-4,
        description="the regularisation factor; 0 switches it off; 'learned' adapts it during the "
        "training to the validation loss",
    )
    time_scale_epochs: float = Field(
        0.0,
        ge=0,
        description="decoupled: instead of strength, the epochs in which a weight would shrink to "
        "1/e without gradients; 0 leaves it to strength",
    )
    learned: Learned = Learned()

    @model_validator(mode="after")
    def _check_time_scale(self) -> "L2":
        if self.time_scale_epochs > 0 and self.kind != "decoupled":
            raise ValueError(
                "time_scale_epochs is for kind 'decoupled', where weights shrink at a rate of "
                f"their own; kind is {self.kind!r}; give a strength instead"
            )
        if self.time_scale_epochs > 0 and self.strength == LEARNED:
            raise ValueError(
                "time_scale_epochs fixes what strength = 'learned' would learn; give one of them"
            )
        return self


class Data(Record):
    """Which part of the training data trains."""

    fraction: float = Field(
        1.0,
        gt=0,
        le=1,
        description="share of the training part's patients that train; smaller subsets lie in "
        "larger ones, and the number of steps stays",
    )


class Labels(Record):
    """Errors put into the masks of the training part on purpose."""

    noise: Literal["none", "jitter", "dilation", "erosion", "dropped", "swapped", "polygons"] = (
        Field(
            "none",
            description="errors in the training masks: jitter: wavering contours; dilation, "
            "erosion: outer contour too far out or in; dropped: slices without a drawing; swapped: "
            "patients with another's masks; polygons: contours with few corners",
        )
    )
    strength: float = Field(
        0.0,
        ge=0,
        description="of labels.noise; jitter: root mean square shift, px; dilation, erosion: px; "
        "dropped: share of slices; swapped: share of patients; polygons: px between corners",
    )

    @model_validator(mode="after")
    def _check_share(self) -> "Labels":
        if self.noise in ("dropped", "swapped") and self.strength > 1:
            raise ValueError(
                f"strength of labels.noise {self.noise!r} is a share from 0 to 1, got "
                f"{self.strength:g}"
            )
        return self


class Images(Record):
    """Worse image quality, made on purpose."""

    noise: Literal["none", "noise", "blur", "ghosting", "resolution"] = Field(
        "none",
        description="worse images: noise; blur; ghosting: a faint copy along the columns; "
        "resolution: the outer part of k-space is missing",
    )
    strength: float = Field(
        0.0,
        ge=0,
        description="of images.noise; noise: standard deviation, as a share of the image's own; "
        "blur: standard deviation, px; ghosting: strength of the copy, 0 to 1; resolution: how "
        "many times coarser",
    )
    parts: Literal["training", "all"] = Field(
        "training", description="of images.noise: in the training part only, or in all parts"
    )

    @model_validator(mode="after")
    def _check_strength(self) -> "Images":
        if self.noise == "ghosting" and self.strength > 1:
            raise ValueError(f"strength of ghosting lies between 0 and 1, got {self.strength:g}")
        if self.noise == "resolution" and 0 < self.strength < 1:
            raise ValueError(
                f"strength of resolution is how many times coarser, from 1 on, got "
                f"{self.strength:g}"
            )
        return self


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
    loss: Literal["cross-entropy", "dice", "dice-cross-entropy"] = Field(
        "cross-entropy",
        description="cross-entropy over labelled pixels, as MATLAB does; Dice loss; or their sum",
    )
    data: Data = Data()
    labels: Labels = Labels()
    images: Images = Images()
    init_from: str = Field(
        "",
        description="weights to start from: a run's folder or weights file; empty: random weights",
    )
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


def settings_paths() -> tuple[str, ...]:
    """The path of every field of ``RunSettings``: everything that can be set and swept."""
    return tuple(flatten(RunSettings().model_dump()))


def settings_from_paths(values: Mapping[str, Value]) -> RunSettings:
    """Settings from values under their paths; the rest keeps its default.

    Raises:
        ConfigError: naming each unknown path with the nearest known one, or each wrong value.
    """
    known = settings_paths()
    if problems := [_unknown_setting(path, known) for path in values if path not in known]:
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
        raise ConfigError(sentences(error, RunSettings), "the settings cannot be used") from None


def _unknown_setting(path: str, known: tuple[str, ...]) -> str:
    if path in ("name", "dataset", "preset"):
        return f"{path!r} is no setting of a run; it stands at the top of the study file"
    return unknown_key(path, known)


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
    owner = record_at(RunSettings, folders)
    return owner.model_fields[name].description or ""


def run_label(point: Mapping[str, Value], network: str) -> str:
    """A run in words: swept values, and which of their networks it is.

    >>> run_label({"l2.strength": 5e-4}, "seed 1")
    'l2.strength 0.0005, seed 1'
    """
    values = [
        f"{path} {value:g}" if isinstance(value, float) else f"{path} {value}"
        for path, value in point.items()
    ]
    return ", ".join([*values, network])


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
