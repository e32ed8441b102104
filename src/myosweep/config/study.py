"""``StudyConfig``: the content of a study file, read from and written to TOML."""

import itertools
import math
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import tomlkit
from pydantic import BeforeValidator, Field, ValidationError, model_validator

from myosweep.config.early_rule import EarlyRule, early_rule_problems
from myosweep.config.records import Record, Value, flatten, sentences, unknown_key
from myosweep.config.settings import (
    PRESETS,
    RunSettings,
    settings_from_paths,
    settings_paths,
)
from myosweep.config.tune import Choice, Range, Tune, search_space
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


class Replicate(NamedTuple):
    """One network per value: its seed and, with folds, which part of the patients tests it."""

    seed: int
    repeat: int | None = None
    fold: int | None = None

    @property
    def split_name(self) -> str:
        """Names the split that this network is trained and tested on."""
        return "split" if self.fold is None else f"repeat-{self.repeat}-fold-{self.fold}"

    @property
    def words(self) -> str:
        """The network in words: ``seed 1``, or ``seed 1, repeat 1, fold 2``."""
        place = "" if self.fold is None else f", repeat {self.repeat}, fold {self.fold}"
        return f"seed {self.seed}{place}"


class Replicates(Record):
    """The networks that each value is trained with; the same ones serve all values.

    ``seeds``: one split; networks differ in their seed alone. ``folds``: the patients are divided
    into ``folds`` parts, ``repeats`` times anew; each part tests one network per value, which is
    trained on the other patients, with a seed of its own.
    """

    design: Literal["seeds", "folds"] = "seeds"
    seeds: Annotated[int | tuple[int, ...], BeforeValidator(_check_seeds)] = 3
    repeats: int = Field(2, ge=1, le=100, description="folds: how often patients are divided anew")
    folds: int = Field(5, ge=2, le=100, description="folds: parts of the patients per repeat")
    validation: float = Field(
        0.25, gt=0, lt=1, description="folds: share of the patients not tested that validates"
    )
    max_replicates: int | None = Field(
        None,
        ge=1,
        description="networks per value that will ever be looked at; default: as planned",
    )

    @property
    def members(self) -> tuple[Replicate, ...]:
        """The networks of each value, in the order in which they are trained."""
        if self.design == "seeds":
            seeds = range(self.seeds) if isinstance(self.seeds, int) else self.seeds
            return tuple(map(Replicate, seeds))
        places = itertools.product(range(1, self.repeats + 1), range(1, self.folds + 1))
        return tuple(Replicate(seed, *place) for seed, place in enumerate(places))

    @property
    def largest(self) -> int:
        """Networks per value at the last look: as fixed, or as many as are planned."""
        return self.max_replicates or len(self.members)

    @model_validator(mode="after")
    def _check_members(self) -> "Replicates":
        seeds = [member.seed for member in self.members]
        if not seeds:
            raise ValueError("at least one seed is needed; write for instance seeds = 3")
        if len(set(seeds)) < len(seeds):
            raise ValueError(f"each seed stands once, got {seeds}")
        if self.design == "folds" and self.seeds != 3:
            raise ValueError(
                f"seeds are not chosen with folds, got {self.seeds!r}; every fold of every repeat "
                "has a seed of its own; remove seeds and set repeats and folds"
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


def _domain_problems(
    path: str, domain: Range | Choice, default: Mapping[str, Any]
) -> Iterator[str]:
    """Why a field cannot be searched so; the default must lie in its domain, to be compared."""
    ends = domain.values if isinstance(domain, Choice) else (domain.low, domain.high)
    own = default[path]
    for value in ends:
        try:
            settings_from_paths({path: _as_field(path, value), **_needed(domain)})
        except ConfigError as error:
            yield f"tune.space: {error}"
    if any(default.get(other) != value for other, value in domain.when.items()):
        return
    inside = own in ends if isinstance(domain, Choice) else domain.low <= own <= domain.high
    if not inside:
        yield (
            f"tune.space: the default of {path}, {own!r}, is not among what is searched; add it, "
            "since what is found is compared with it"
        )


def _needed(domain: Range | Choice) -> dict[str, Value]:
    return dict(domain.when)


def _as_field(path: str, value: Value) -> Value:
    """A whole number where the field holds one."""
    whole = type(flatten(RunSettings().model_dump())[path]) is int
    return int(value) if whole and isinstance(value, float) else value


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
    preset: Literal["paper", "default"] = "default"
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
    def _check_sweep(self) -> "StudyConfig":
        problems, swept = [], [path for name in self.sweep for path in _paths(name)]
        for name, values in self.sweep.items():
            together = len(_paths(name))
            if not values:
                problems.append(f"sweep {name!r} has no values; give at least one")
            if len(set(map(repr, values))) < len(values):
                problems.append(f"sweep {name!r} has a value twice: {list(values)}")
            if together > 1 and any(
                not isinstance(one, tuple) or len(one) != together for one in values
            ):
                given = [list(one) if isinstance(one, tuple) else one for one in values]
                problems.append(
                    f"sweep {name!r} names {together} fields, so each of its values is a list of "
                    f"{together}, got {given}"
                )
        problems += [
            f"{path!r} stands under [settings] and [sweep]; remove one"
            for path in swept
            if path in self.settings
        ]
        if len(set(swept)) < len(swept):
            problems.append("a field stands twice under [sweep]; remove one")
        if self.tune is not None:
            problems += self._tune_problems(self.tune)
        if problems:
            raise ValueError("; ".join(problems))
        if self.replicates.design == "folds" and (
            self.split.by != "patient"
            or self.split.file is not None
            or self.split.fractions != SplitConfig().fractions
        ):
            raise ValueError(
                "with replicates.design = 'folds' patients are divided by folds, and of [split] "
                "only seed counts; remove by, fractions and file"
            )
        settings = [settings for _, settings in self.points()]
        if len(set(settings)) < len(settings):
            raise ValueError("two values of the sweep are the same; remove one")
        if self.early_rule is not None:
            if self.tune is not None:
                raise ValueError(
                    "[early_rule] and [tune] both end trainings early; remove [early_rule] "
                    "(tune.pruner ends hopeless trials)"
                )
            if self.source == "masks":
                raise ValueError(
                    "[early_rule] is for trainings, and this study holds masks; remove the section"
                )
            if problems := early_rule_problems(self.early_rule, self.fields, settings):
                raise ConfigError(problems, "the early rule cannot be used")
        return self

    def _tune_problems(self, tune: Tune) -> Iterator[str]:
        """Why the study cannot be tuned."""
        if self.sweep:
            yield "a study has [sweep] or [tune], not both; remove one"
        if self.replicates != Replicates():
            yield "with [tune], networks are set by tune.networks; remove [replicates]"
        default = settings_from_paths({**PRESETS[self.preset], **self.settings})
        exact, known = flatten(default.model_dump()), settings_paths()
        for path, domain in search_space(tune, default).items():
            if path not in known:
                yield f"tune.space: {unknown_key(path, known)}"
                continue
            yield from _domain_problems(path, domain, exact)

    @property
    def space(self) -> Mapping[str, Range | Choice]:
        """Where `myosweep tune` searches; empty without [tune]."""
        return search_space(self.tune, self.default) if self.tune else {}

    @property
    def default(self) -> RunSettings:
        """The preset's settings with the study's own."""
        return settings_from_paths({**PRESETS[self.preset], **self.settings})

    @property
    def fields(self) -> tuple[str, ...]:
        """The paths of all swept or searched fields."""
        return (*(path for paths in self.axes for path in paths), *self.space)

    @property
    def axes(self) -> tuple[tuple[str, ...], ...]:
        """The paths of each axis of the sweep; several where their values go together."""
        return tuple(map(_paths, self.sweep))

    def swept(self, path: str) -> tuple[Value, ...]:
        """The values of a swept field, each once; none if it is not swept."""
        return tuple(dict.fromkeys(point[path] for point, _ in self.points() if path in point))

    def with_values(self, change: Callable[[str, Any], Any]) -> "StudyConfig":
        """The study with each set or swept value replaced by what ``change(path, value)`` gives."""

        def changed(name: str, value: Any) -> Any:
            if len(paths := _paths(name)) == 1:
                return change(name, value)
            return tuple(map(change, paths, value))

        settings = {path: change(path, value) for path, value in self.settings.items()}
        sweep = {
            name: tuple(changed(name, one) for one in values) for name, values in self.sweep.items()
        }
        rule = self.early_rule and self.early_rule.with_values(change)
        return self.model_copy(update={"settings": settings, "sweep": sweep, "early_rule": rule})

    def adjusted(self, settings: RunSettings) -> tuple[RunSettings, ...]:
        """A run's settings with each of the early rule's changes, in their order; mostly none."""
        return () if self.early_rule is None else self.early_rule.adjusted(settings)

    def points(self) -> Iterator[tuple[dict[str, Value], RunSettings]]:
        """Each point of the sweep's grid: the swept fields' values, and the full settings.

        With [tune] the default alone; what is tried besides is known only as it is tried.

        Raises:
            ConfigError: if a field is unknown or a value does not fit it.
        """
        base = {**PRESETS[self.preset], **self.settings}
        if self.tune:
            exact = flatten(self.default.model_dump())
            yield {path: exact[path] for path in self.fields}, self.default
            return
        axes = [
            [dict(zip(paths, one if len(paths) > 1 else (one,), strict=True)) for one in values]
            for paths, values in ((_paths(name), values) for name, values in self.sweep.items())
        ]
        for chosen in itertools.product(*axes):
            wanted = {path: value for of_axis in chosen for path, value in of_axis.items()}
            settings = settings_from_paths({**base, **wanted})
            exact = flatten(settings.model_dump())
            yield {path: exact[path] for path in wanted}, settings

    def scheme(self, of_dataset: RegionScheme) -> RegionScheme:
        """The study's region scheme, or the dataset's where the study names none."""
        if self.regions is None:
            return of_dataset
        return RegionScheme.from_mapping(self.regions, of_dataset.ignored)


def _paths(name: str) -> tuple[str, ...]:
    """The fields that a key of [sweep] names; several have values that go together.

    >>> _paths("labels.noise, labels.strength")
    ('labels.noise', 'labels.strength')
    """
    return tuple(path.strip() for path in name.split(","))


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
