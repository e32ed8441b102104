"""``StudyConfig``: the content of a study file."""

import itertools
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from myosweep.config.early_rule import EarlyRule, early_rule_problems
from myosweep.config.records import Record, Value, flatten
from myosweep.config.replicates import Replicates
from myosweep.config.settings import PRESETS, RunSettings, settings_from_paths
from myosweep.config.space import Choice, Range
from myosweep.config.sweep import LevelNames, paths_of, sweep_problems
from myosweep.config.tune import Tune, search_space
from myosweep.config.tune_problems import tune_problems
from myosweep.errors import ConfigError
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


Metric = Literal["accuracy", "iou", "dice", "bf", "bf_strict"]


class Question(Record):
    """The one question that a study is run for; all else is exploratory.

    ``family`` says which differences it asks for: of each value to the ``reference`` value, of
    each to the best of the others, or of all pairs. ``auto``: to the reference if it was tested,
    else all pairs.
    """

    region: str = "myocardium"
    metric: Metric = "dice"
    family: Literal["auto", "reference", "best", "pairs"] = "auto"
    reference: str | int | float | bool | None = Field(
        None, description="the value that others are compared with; default: the preset's"
    )
    margin: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="smallest difference that matters; default: what a shift of "
        "the reference outline by a quarter of a pixel does to the score",
    )


class Scoring(Record):
    """How predictions are scored."""

    tolerance_px: float | None = Field(
        None, ge=0, le=5, description="tolerance of the boundary F1 score; 0.75 % of the diagonal"
    )


def _hashable(sweep: Any) -> Any:
    """Values that go together become tuples."""
    if not isinstance(sweep, dict):
        return sweep
    return {
        name: tuple(tuple(one) if isinstance(one, list) else one for one in values)
        if isinstance(values, list | tuple)
        else values
        for name, values in sweep.items()
    }


class StudyConfig(Record):
    """A study: what is swept, on which data, how often. The content of ``study.toml``."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    dataset: str
    preset: Literal["paper", "default", "strong"] = "default"
    source: Literal["training", "masks"] = Field(
        "training", description="masks: predictions of another program, added by `myosweep score`"
    )
    split: SplitConfig = SplitConfig()
    allow_leakage: bool = Field(
        False, description="run although patients or images stand in several parts of a split"
    )
    regions: dict[str, tuple[int, ...]] | None = Field(
        None, description="another scheme over the dataset's label codes; default: the dataset's"
    )
    settings: dict[str, Any] = {}
    sweep: Annotated[dict[str, tuple[Any, ...]], BeforeValidator(_hashable)] = Field(
        {},
        description="the values of each swept field; fields whose values go together stand in one "
        "key with commas, and each of their values is a list",
    )
    names: dict[str, LevelNames] = Field(
        {}, description="words for a key of [sweep] and its values, for tables and figures"
    )
    tune: Tune | None = Field(None, description="a search by `myosweep tune` instead of a sweep")
    replicates: Replicates = Replicates()
    question: Question = Question()
    scoring: Scoring = Scoring()
    early_rule: EarlyRule | None = Field(
        None, description="the paper's 10 %/90 % rule; without this section there is none"
    )

    @model_validator(mode="before")
    @classmethod
    def _flatten_settings(cls, content: Any) -> Any:
        """``[settings.l2] strength = 1`` and ``"l2.strength" = 1`` mean the same."""
        if isinstance(content, dict) and isinstance(content.get("settings"), dict):
            content = {**content, "settings": flatten(content["settings"])}
        return content

    @model_validator(mode="after")
    def _check_together(self) -> "StudyConfig":
        of_sweep = [*sweep_problems(self.sweep, self.settings, self.names)]
        of_settings = [] if of_sweep else self._settings_problems()
        if problems := [*of_sweep, *self._conflicts(), *of_settings]:
            raise ConfigError(problems, "the study cannot be used")
        return self

    def _settings_problems(self) -> list[str]:
        """What is wrong with the settings of any run, or of them all together."""
        problems: list[str] = []
        runs = []
        for wanted in self._grid():
            try:
                runs.append(self._run_settings(wanted))
            except ConfigError as error:
                problems += error.problems
        if problems:
            return list(dict.fromkeys(problems))
        if len(set(runs)) < len(runs):
            problems.append("two values of the sweep are the same; remove one")
        if self.tune is not None:
            problems += tune_problems(self.tune, self.default)
        elif self.early_rule is not None and not problems:
            problems += early_rule_problems(self.early_rule, self.fields, runs)
        return problems

    def _conflicts(self) -> Iterator[str]:
        """Sections that exclude each other."""
        if self.tune is not None:
            if self.sweep:
                yield "a study has [sweep] or [tune], not both; remove one"
            if self.replicates != Replicates():
                yield "with [tune], networks are set by tune.networks; remove [replicates]"
            if self.early_rule is not None:
                yield (
                    "[early_rule] and [tune] both end trainings early; remove [early_rule] "
                    "(tune.pruner ends hopeless trials)"
                )
        if self.early_rule is not None and self.source == "masks":
            yield "[early_rule] is for trainings, and this study holds masks; remove the section"
        split = self.split
        if self.replicates.design == "folds" and (split.by, split.file, split.fractions) != (
            "patient", None, SplitConfig().fractions
        ):  # fmt: skip
            yield (
                "with replicates.design = 'folds' patients are divided by folds, and of [split] "
                "only seed counts; remove by, fractions and file"
            )

    @property
    def space(self) -> Mapping[str, Range | Choice]:
        """Where `myosweep tune` searches; empty without [tune]."""
        return search_space(self.tune, self.default) if self.tune else {}

    @property
    def default(self) -> RunSettings:
        """The preset's settings with the study's own."""
        return self._run_settings({})

    @property
    def fields(self) -> tuple[str, ...]:
        """The paths of all swept or searched fields."""
        return (*(path for paths in self.axes for path in paths), *self.space)

    @property
    def axes(self) -> tuple[tuple[str, ...], ...]:
        """The paths of each axis of the sweep; several where their values go together."""
        return tuple(map(paths_of, self.sweep))

    def swept(self, path: str) -> tuple[Value, ...]:
        """The values of a swept field, each once; none if it is not swept."""
        return tuple(dict.fromkeys(point[path] for point, _ in self.points() if path in point))

    def with_values(self, change: Callable[[str, Any], Any]) -> "StudyConfig":
        """The study with each set or swept value replaced by what ``change(path, value)`` gives."""

        def changed(name: str, value: Any) -> Any:
            if len(paths := paths_of(name)) == 1:
                return change(name, value)
            return tuple(map(change, paths, value))

        settings = {path: change(path, value) for path, value in self.settings.items()}
        sweep = {
            name: tuple(changed(name, one) for one in values) for name, values in self.sweep.items()
        }
        rule = self.early_rule and self.early_rule.with_values(change)
        return self.model_copy(update={"settings": settings, "sweep": sweep, "early_rule": rule})

    def level_names(self, key: str) -> dict[tuple[Value | None, ...], str]:
        """The names of a sweep key's values, where they have one."""
        names = self.names.get(key, LevelNames()).levels
        several = len(paths_of(key)) > 1
        levels = (one if several else (one,) for one in self.sweep[key])
        return {level: name for level, name in zip(levels, names, strict=False) if name}

    def adjusted(self, settings: RunSettings) -> tuple[RunSettings, ...]:
        """A run's settings with each of the early rule's changes, in their order; mostly none."""
        return () if self.early_rule is None else self.early_rule.adjusted(settings)

    def points(self) -> Iterator[tuple[dict[str, Value], RunSettings]]:
        """Each point of the sweep's grid: the swept fields' values, and the full settings.

        With [tune] the default alone; what is tried besides is known only as it is tried.

        Raises:
            ConfigError: if a field is unknown or a value does not fit it.
        """
        for wanted in self._grid():
            settings = self._run_settings(wanted)
            exact = flatten(settings.model_dump())
            yield {path: exact[path] for path in self.fields}, settings

    def _grid(self) -> Iterator[dict[str, Value]]:
        """The swept fields' values at each point, as they were given."""
        axes = [
            [dict(zip(paths, one if len(paths) > 1 else (one,), strict=True)) for one in values]
            for paths, values in zip(self.axes, self.sweep.values(), strict=True)
        ]
        for chosen in itertools.product(*axes):
            yield {path: value for of_axis in chosen for path, value in of_axis.items()}

    def _run_settings(self, wanted: Mapping[str, Value]) -> RunSettings:
        return settings_from_paths({**PRESETS[self.preset], **self.settings, **wanted})

    def scheme(self, of_dataset: RegionScheme) -> RegionScheme:
        """The study's region scheme, or the dataset's where the study names none."""
        if self.regions is None:
            return of_dataset
        return RegionScheme.from_mapping(self.regions, of_dataset.ignored)
