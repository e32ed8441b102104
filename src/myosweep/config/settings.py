"""``RunSettings``: everything that can be set and swept in one training run, by path.

Its defaults are MATLAB's (preset ``paper``) and never change: a run's id leaves out every field
that has its default, so a field added later orphans no finished run.
"""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from pydantic import Field, ValidationError

from myosweep.config.parts import L2, Augmentation, Data, Images, Labels
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


class RunSettings(Record):
    """Everything that changes the weights of one training run, apart from seed and data."""

    l2: L2 = L2()
    learning_rate: float = Field(
        1e-4, gt=0, description="Adam's learning rate; with schedule 'one-cycle' the largest"
    )
    schedule: Literal["constant", "one-cycle"] = Field(
        "constant",
        description="learning rate over the training: constant, or one-cycle: up over the first "
        "30 %, then down to almost 0, by cosines",
    )
    batch_size: int = Field(4, ge=1, description="images per mini-batch")
    epochs: int = Field(30, ge=1, description="passes over the training part")
    first_filters: int = Field(64, ge=1, description="filters of the first stage; they double")
    depth: int = Field(4, ge=1, le=7, description="encoder stages of the U-Net")
    dropout: float = Field(
        0.5, ge=0, lt=1, description="dropout after the last encoder stage and after the bridge"
    )
    norm: Literal["none", "group", "instance"] = Field(
        "none",
        description="normalisation inside the network, after each 3 x 3 convolution: none, as in "
        "MATLAB's U-Net; group: group normalisation, 8 channels each; instance: each channel",
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
    test_time_averaging: Literal[1, 2, 4, 8] = Field(
        1,
        description="copies of an image whose predictions are averaged: 2: mirrored left-right; 4: "
        "top-bottom as well; 8: also turned by 90 degrees; in scores, not in the learning curve",
    )
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        "float32",
        description="auto: bfloat16 where the processor computes it natively, else float32; "
        "resolved once per study",
    )


_DEFAULT: dict[str, Value] = {
    "normalisation": "z-score",
    "shuffle": "every-epoch",
    "precision": "auto",
}
_SEARCHED: dict[str, Value] = {
    "learning_rate": 4e-4,
    "dropout": 0.0,
    "norm": "instance",
    "augmentation.rotation_deg": 25.0,
    "augmentation.scale": 0.15,
    "augmentation.intensity": 0.2,
    "loss": "dice-cross-entropy",
    "test_time_averaging": 8,
}
"""What `myosweep tune studies/emidec-tune-strong.toml` found, rounded."""

PRESETS: dict[str, dict[str, Value]] = {
    "paper": {},
    "default": _DEFAULT,
    "strong": {**_DEFAULT, **_SEARCHED},
}
"""What each preset changes in ``RunSettings()``, which is MATLAB's way (preset ``paper``)."""

_REASONS: dict[str, str] = {
    "normalisation": "LGE grey levels have no unit: they differ between scanners and patients",
    "shuffle": "one fixed order gives every epoch the same mini-batches",
    "precision": "about twice as fast on processors with native bfloat16",
    **dict.fromkeys(
        _SEARCHED, "a search on EMIDEC slices found them together; none was tested alone"
    ),
}
"""Why a preset differs from preset ``paper``, field by field."""


def preset_reasons(preset: str) -> dict[str, list[str]]:
    """Why a preset differs from preset ``paper``: each reason with its fields' paths."""
    reasons: dict[str, list[str]] = {}
    for path in PRESETS[preset]:
        reasons.setdefault(_REASONS[path], []).append(path)
    return reasons


def settings_paths() -> tuple[str, ...]:
    """The path of every field of ``RunSettings``: everything that can be set and swept."""
    return tuple(flatten(RunSettings().model_dump()))


def settings_from_paths(values: Mapping[str, Value]) -> RunSettings:
    """Settings from values under their paths; the rest keeps its default.

    Raises:
        ConfigError: naming each unknown path with the nearest known one, and each wrong value.
    """
    problems, known = unknown_settings(values), settings_paths()
    tree: dict[str, Any] = {}
    for path in filter(known.__contains__, values):
        *folders, name = path.split(".")
        branch = tree
        for folder in folders:
            branch = branch.setdefault(folder, {})
        branch[name] = values[path]
    try:
        settings = RunSettings.model_validate(tree)
    except ValidationError as error:
        problems += sentences(error, RunSettings)
    if problems:
        raise ConfigError(problems, "the settings cannot be used")
    return settings


def unknown_settings(values: Mapping[str, Value]) -> list[str]:
    """A sentence for each path that no setting has."""
    known = settings_paths()
    return [_unknown_setting(path, known) for path in values if path not in known]


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
    """A setting: its path, its value in each preset, and what it is."""

    path: str
    paper: Value
    default: Value
    strong: Value
    meaning: str


def describe_settings() -> list[SettingRow]:
    """Every field of ``RunSettings`` by path."""
    paper, default, strong = (
        flatten(preset_settings(name).model_dump()) for name in ("paper", "default", "strong")
    )
    return [
        SettingRow(path, paper[path], default[path], strong[path], _meaning(path))
        for path in settings_paths()
    ]


def _meaning(path: str) -> str:
    *folders, name = path.split(".")
    owner = record_at(RunSettings, folders)
    return owner.model_fields[name].description or ""


def run_label(point: Mapping[str, Value], network: str) -> str:
    """A run in words: swept values, and which of their networks it is.

    >>> run_label({"l2.strength": 5e-4}, "seed 1")
    'l2.strength 0.0005, seed 1'
    >>> run_label({"init_from": "", "labels.strength": 0}, "seed 1")
    'init_from none, labels.strength 0, seed 1'
    """
    values = [f"{path} {_in_words(value)}" for path, value in point.items()]
    return ", ".join([*values, network])


def _in_words(value: Value) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return "none" if value == "" else str(value)


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
