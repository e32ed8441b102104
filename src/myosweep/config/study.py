"""``StudyConfig``: the content of a study file, read from and written to TOML."""

import itertools
import math
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import tomlkit
from pydantic import BeforeValidator, Field, ValidationError, model_validator

from myosweep.config.records import Record, Value, flatten, sentences
from myosweep.config.settings import PRESETS, RunSettings, settings_from_paths
from myosweep.errors import ConfigError
from myosweep.files import whole_file
from myosweep.regions import RegionScheme


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


def _check_seeds(seeds: Any) -> Any:
    numbers = seeds if isinstance(seeds, list | tuple) else [seeds]
    if not numbers or any(type(number) is not int or number < 0 for number in numbers):
        raise ValueError(
            "is how many networks each value gets, or a list of seeds from 0 on, got "
            f"{seeds!r}; write for instance 3, or [0, 1, 2]"
        )
    return seeds


class Replicates(Record):
    """The networks that each value is trained with; the same seeds serve all values."""

    design: Literal["seeds"] = "seeds"
    seeds: Annotated[int | tuple[int, ...], BeforeValidator(_check_seeds)] = 3

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
        settings = [settings for _, settings in self.points()]
        if len(set(settings)) < len(settings):
            raise ValueError("two values of the sweep are the same; remove one")
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
        raise ConfigError(sentences(error, StudyConfig), f"{name} cannot be used") from None


def split_config(by: str, fractions: str, seed: int) -> SplitConfig:
    """Validate a split's options as a command line gives them."""
    try:
        parts = [float(part) for part in fractions.split(",")]
        return SplitConfig.model_validate({"by": by, "fractions": parts, "seed": seed})
    except ValidationError as error:
        raise ConfigError(sentences(error, SplitConfig), "the split cannot be made") from None
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
