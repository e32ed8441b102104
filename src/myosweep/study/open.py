"""A study and its folder: made on the first run, merged on later ones, never overwritten."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from myosweep.config import (
    StudyConfig,
    Value,
    early_rule_problems,
    read_study_config,
    write_study_config,
)
from myosweep.data.split import Split, write_split
from myosweep.data.store import Dataset, open_dataset
from myosweep.errors import ConfigError, StudyError
from myosweep.regions import RegionScheme
from myosweep.results.layout import StudyFolder
from myosweep.results.rows import RunStatus
from myosweep.study.attempts import Attempts, attempts_of, standing
from myosweep.study.initial import (
    keep_weights,
    weights_of,
    weights_problems,
    with_kept_weights,
)
from myosweep.study.leakage import look_at_data
from myosweep.study.merge import merged
from myosweep.study.places import (
    default_folder,
    existing,
    read_source,
    refuse_foreign,
    relative_path,
)
from myosweep.study.splits import open_splits
from myosweep.study.turns import turn
from myosweep.training.claim import take_claim
from myosweep.training.device import resolve_device, resolve_precision
from myosweep.training.plan import RunPlan


@dataclass(frozen=True)
class Study:
    """An open study: everything that a run needs. ``splits`` are by their names."""

    config: StudyConfig
    folder: StudyFolder
    dataset: Dataset
    splits: Mapping[str, Split]
    scheme: RegionScheme
    weights: Mapping[str, Path] = field(default_factory=dict)
    """Where the weights lie that trainings start from, by name."""
    serious: tuple[str, ...] = ()
    """What the audit finds serious, in sentences; looked for when the study is new."""

    def plans(self) -> list[RunPlan]:
        """Every run of the study: one network of each value, then the next of each.

        So a study that is stopped half-way has compared all values on the networks that it has.
        Where the early rule has put another training in the place of a run, that one.
        """
        return [standing(attempts, self._status) for attempts in self._attempts()]

    def every_plan(self) -> list[RunPlan]:
        """The runs, and all trainings that the early rule may put in their places."""
        return [plan for attempts in self._attempts() for plan in attempts]

    def following(self, plan: RunPlan) -> RunPlan | None:
        """The training that has taken the place of one that was stopped; None if none has."""
        rule, status = self.config.early_rule, self._status(plan)
        if rule is None or status is None or status.status != "stopped":
            return None
        if rule.action != "adjust" or not rule.may_stop(plan.adjustment):
            return None
        base = next(one for point, one in self.config.points() if point == plan.point)
        number = plan.adjustment + 1
        return replace(plan, settings=self.config.adjusted(base)[number - 1], adjustment=number)

    def missing(self) -> list[RunPlan]:
        """The runs that are neither whole nor stopped for good; failed ones are among them."""
        states = [(plan, self._status(plan)) for plan in self.plans()]
        return [
            plan
            for plan, status in states
            if not plan.has_ended(status) or (status is not None and status.status == "failed")
        ]

    def untried(self) -> list[RunPlan]:
        """The runs that have not ended, neither well nor badly."""
        return [plan for plan in self.plans() if not plan.has_ended(self._status(plan))]

    def forget_failures(self) -> None:
        """Let failed runs be tried again; what another process is at is left to it."""
        for folder in (self.folder.run(plan.id) for plan in self.missing()):
            if folder.status.exists() and (claim := take_claim(folder)):
                status = folder.read_status()
                if status is not None and status.status == "failed":
                    folder.status.unlink(missing_ok=True)
                claim.release()

    def _attempts(self) -> list[Attempts]:
        return attempts_of(self.config, self.dataset, self.splits, self.scheme)

    def _status(self, plan: RunPlan) -> RunStatus | None:
        return self.folder.run(plan.id).read_status()


def open_study(
    source: Path | str | StudyConfig,
    folder: Path | str | None = None,
    *,
    device: str = "auto",
    dataset: Path | str | None = None,
    allow_leakage: bool = False,
    write: bool = True,
) -> Study:
    """Open a study for running: read, merge with what its folder holds, check, and write.

    Args:
        source: a study file, a study folder to continue, or a record.
        folder: where the study lives; default ``results/NAME``, or ``source`` if it is a folder.
        device: decides what precision ``auto`` means, the first time.
        dataset: another place of the dataset than the study says.
        allow_leakage: run although patients or images stand in several parts of a split.
        write: False leaves the folder as it is (dry run).

    Raises:
        InputError: if study, dataset and folder do not fit together; every reason at once where
            possible. Then nothing was written.
    """
    config, base = read_source(source)
    if config.source == "masks":
        raise StudyError(
            f"study {config.name!r} holds masks of another program; there is nothing to train in "
            "it; see `myosweep summary` and `myosweep report`"
        )
    home = StudyFolder(Path(folder or default_folder(source, config)))
    config, places = with_kept_weights(config, base)
    data = open_dataset(dataset or existing(config.dataset, base))
    if allow_leakage:
        config = config.model_copy(update={"allow_leakage": True})
    wanted = _Wanted(config, base, home, data, places, resolve_device(device))
    study = wanted.study(look=not home.study.exists())
    _check(study)
    if write:
        data.check_pixels()
        if not home.study.exists() or _stored(study) != read_study_config(home.study):
            with turn(home):
                study = replace(wanted.study(), serious=study.serious)
                _write(study)
    return study


def require_sweep(source: Path | str | StudyConfig) -> None:
    """Raise a ``StudyError`` if a study is a search; nothing is written.

    Args:
        source: a study file, a study folder, or a record.
    """
    config, _ = read_source(source)
    if config.tune is not None:
        place = config.name if isinstance(source, StudyConfig) else Path(source).name
        raise StudyError(
            f"study {config.name!r} is a search (it has [tune]), and its runs follow from each "
            f"other; use `myosweep tune {place}`"
        )


@dataclass(frozen=True)
class _Wanted:
    """What a user wants to run, before it is joined with what the study's folder holds."""

    config: StudyConfig
    base: Path
    home: StudyFolder
    dataset: Dataset
    places: Mapping[str, Path]
    device: str

    def study(self, look: bool = False) -> Study:
        """The study of both; ``look`` for leaks, which takes a while.

        Raises:
            InputError: if they do not fit together.
        """
        if self.home.study.exists():
            old = read_study_config(self.home.study)
            config = _resolved(self.config, _wanted_precision(old))
            config = merged(old, _with_largest(config, old.replicates.max_replicates))
        else:
            refuse_foreign(self.home.path)
            precision = resolve_precision(_wanted_precision(self.config), self.device)
            config = _resolved(self.config, precision)
            config = _with_largest(config, config.replicates.largest)
        splits = open_splits(self.home, config, self.base, self.dataset)
        leaks = config.allow_leakage
        starts = self.places.values()
        found = look_at_data(self.dataset, splits, starts, allow_leakage=leaks) if look else ()
        scheme = config.scheme(self.dataset.scheme)
        weights = weights_of(config, self.home, self.places)
        return Study(config, self.home, self.dataset, splits, scheme, weights, found)


def _write(study: Study) -> None:
    """Write the splits and weights that are not there, and then the study."""
    keep_weights(study.weights, study.folder)
    for name, split in study.splits.items():
        if not study.folder.split(name).exists():
            write_split(split, study.folder.split(name))
    write_study_config(_stored(study), study.folder.study)


def _stored(study: Study) -> StudyConfig:
    """The study as its folder holds it; a place of the dataset that is still good stays."""
    folder = study.folder
    place = relative_path(study.dataset.folder, folder.path)
    if folder.study.exists():
        known = read_study_config(folder.study).dataset
        place = known if (folder.path / known).is_dir() else place
    return study.config.model_copy(update={"dataset": place})


def _with_largest(config: StudyConfig, largest: int | None) -> StudyConfig:
    """The study with its largest number of networks fixed, before any result is seen."""
    if config.replicates.max_replicates is not None or config.tune is not None:
        return config
    replicates = config.replicates.model_copy(update={"max_replicates": largest})
    return config.model_copy(update={"replicates": replicates})


def _wanted_precision(config: StudyConfig) -> str:
    return next(config.points())[1].precision


def _resolved(config: StudyConfig, precision: str) -> StudyConfig:
    """The study with ``auto`` replaced, so that all its runs compute alike."""
    if "precision" in config.fields or _wanted_precision(config) != "auto":
        if any(settings.precision == "auto" for _, settings in config.points()):
            raise ConfigError("precision 'auto' cannot be swept; sweep float32 and bfloat16")
        return config
    settings: dict[str, Value] = {**config.settings, "precision": precision}
    return config.model_copy(update={"settings": settings})


def _check(study: Study) -> None:
    """Raise one ``ConfigError`` with everything that would make a run fail."""
    problems = list(dict.fromkeys(_problems(study)))
    if problems:
        raise ConfigError(problems, f"study {study.config.name!r} cannot be run")


def _problems(study: Study) -> Iterator[str]:
    if unknown := sorted(study.dataset.scheme.codes - study.scheme.codes):
        yield (
            f"the dataset holds the codes {unknown}, which no region of the study has; add them "
            "to a region under [regions]"
        )
    if study.config.question.region not in study.scheme.names:
        yield (
            f"question.region is {study.config.question.region!r}, the regions are "
            f"{', '.join(map(repr, study.scheme.names))}; name one of them"
        )
    if (rule := study.config.early_rule) is not None:
        runs = [settings for _, settings in study.config.points()]
        yield from early_rule_problems(rule, study.config.fields, runs)
    for plan in study.every_plan():
        yield from plan.problems()
        yield from weights_problems(plan, study.weights)
