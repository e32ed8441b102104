"""Model cards as files: which networks are meant, SHA-256 of everything, written and checked."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from myosweep.analysis.card.checklist import checklist_markdown
from myosweep.analysis.card.claim import claim
from myosweep.analysis.card.facts import model_card
from myosweep.analysis.card.markdown import card_markdown
from myosweep.analysis.card.records import FileSum, ModelCard
from myosweep.analysis.card.reloaded import reloaded
from myosweep.analysis.card.words import card_title
from myosweep.analysis.points import points
from myosweep.analysis.study_dataset import study_dataset
from myosweep.config import canonical_hash, read_study_config
from myosweep.errors import DatasetError, StudyError
from myosweep.files import whole_file, write_json
from myosweep.predict.calibrated import measured_probabilities
from myosweep.predict.choose import chosen_runs
from myosweep.predict.facts import first_fault, read_limited
from myosweep.predict.sums import changed_since, file_sha256, write_sums
from myosweep.results.layout import RunFolder, StudyFolder
from myosweep.results.ledger import read_looks
from myosweep.results.read import Results, read_results
from myosweep.results.rows import ENSEMBLE

CARD, PAGE = "model-card.json", "MODEL_CARD.md"
_LONGEST = 80


@dataclass(frozen=True)
class Meant:
    """The networks that a card is about.

    Attributes:
        study: their study; None if it is not at hand.
        members: the networks' runs.
        scored: the runs whose scores count: the same, or that of their ensemble.
        name: of the folder that their card goes to.
        is_value: whether all networks of a value are meant, and not a run.
    """

    study: StudyFolder | None
    members: tuple[RunFolder, ...]
    scored: tuple[RunFolder, ...]
    name: str
    is_value: bool = False

    @property
    def root(self) -> Path:
        """Where the names of files begin."""
        return self.members[0].path.parent if self.study is None else self.study.path

    def folder(self) -> Path:
        """Where the card belongs.

        Raises:
            StudyError: if there is no study.
        """
        if self.study is None:
            raise StudyError(
                f"run {self.name!r} lies in no study, so there is no place for its card; give one "
                "with --out"
            )
        return self.study.card(self.name)


def meant(place: Path | str, values: Sequence[str] = ()) -> Meant:
    """The networks of a run, an ensemble, or a study's value.

    Args:
        values: as ``open_model`` takes them.

    Raises:
        StudyError: if the folder is none of these, or the values do not fit.
    """
    place = Path(place).resolve()
    members = tuple(chosen_runs(place, values))
    if StudyFolder(place).study.is_file():
        return Meant(StudyFolder(place), members, members, _name(members[0]), is_value=True)
    study = StudyFolder(place.parent.parent)
    own = RunFolder(place)
    scored = (own,) if own.read_settings().members else members
    return Meant(study if study.study.is_file() else None, members, scored, own.id)


def meant_in(results: Results, runs: Sequence[str]) -> Meant | None:
    """The networks behind some runs of a study, as a report has them; None if there are none."""
    folders = tuple(map(results.folder.run, runs))
    settings = [run.read_settings() for run in folders]
    names = dict.fromkeys(name for what in settings for name in what.members)
    members = tuple(map(results.folder.run, names)) or tuple(
        run for run, what in zip(folders, settings, strict=True) if what.kind == "trained"
    )
    if not members:
        return None
    return Meant(results.folder, members, folders, _name(members[0]), is_value=True)


def _name(run: RunFolder) -> str:
    """A name for a value's card, fit for a folder: ``l2.strength=0.0005``."""
    what = run.read_settings()
    if what.trial is not None:
        return f"trial-{what.trial}"
    text = ",".join(f"{path}={value}" for path, value in what.point.items()) or "networks"
    plain = re.sub(r"[^A-Za-z0-9.,=_-]+", "-", text)
    if len(plain) > _LONGEST:
        return f"{plain[: _LONGEST - 9]}-{canonical_hash(text)[:8]}"
    return plain


def make_card(found: Meant, results: Results | None = None) -> ModelCard:
    """The card of these networks, with the SHA-256 of everything that it was made from.

    Args:
        results: of their study, with all runs, if they were read already.

    Raises:
        StudyError: if a run is no finished network, or a file is damaged.
    """
    study = found.study
    if study is None:
        around = _Around()
    else:
        around = _around(study) if results is None else _around_in(results)
        if results is None:
            wanted = (*found.members, *found.scored, *around.baselines)
            results = read_results(study.path, only={run.id for run in wanted})
    planned = _planned(study) if study is not None and found.is_value else None
    scored = [run.id for run in found.scored]
    card = model_card(results, found.members, scored, around.values, planned)
    runs = {run.id: run for run in (*found.members, *found.scored, *around.baselines)}
    files = _files(found, list(runs.values()))
    if study is not None:
        measured, more = measured_probabilities(study, card.networks)
        card = card.model_copy(update={"probabilities": measured})
        files += more
    return card.model_copy(update={"files": tuple(_sums(found.root, files))})


def _planned(study: StudyFolder) -> int | None:
    """How many networks the study wants of each value; of a search's trials that differs."""
    config = read_study_config(study.study)
    return None if config.tune is not None else len(config.replicates.members)


@dataclass(frozen=True)
class _Around:
    """What else there is in a study: baselines, and how many values were scored on its patients."""

    baselines: tuple[RunFolder, ...] = ()
    values: int = 1


def _around(study: StudyFolder) -> _Around:
    """From the settings of all runs, without any table."""
    baselines, points = [], set()
    for run in study.runs():
        what = run.read_settings()
        if what.kind == "baseline":
            baselines.append(run)
        elif what.kind != "ensemble" and (status := run.read_status()) and status.whole:
            points.add(tuple(what.point.items()))
    return _Around(tuple(baselines), _looked_at(study, len(points)))


def _around_in(results: Results) -> _Around:
    """From results that hold all runs."""
    runs = results.runs
    baselines = runs.loc[runs["kind"] == "baseline", "run"]
    values = {
        tuple(pair for pair in point.values if pair[0] != ENSEMBLE) for point in points(results)
    }
    return _Around(
        tuple(map(results.folder.run, baselines)), _looked_at(results.folder, len(values))
    )


def _looked_at(study: StudyFolder, scored: int) -> int:
    """Values whose test scores can be known: of a search those that were looked at."""
    if read_study_config(study.study).tune is None:
        return max(scored, 1)
    return max(len({value for look in read_looks(study) for value in look.values}), 1)


def _files(found: Meant, runs: Sequence[RunFolder]) -> list[Path]:
    shared = [] if found.study is None else [found.study.study, *found.study.splits()]
    every = [*shared, *(path for run in runs for path in (run.settings, *run.results))]
    return [path for path in every if path.is_file()]


def _sums(root: Path, files: Sequence[Path]) -> Iterator[FileSum]:
    for path in files:
        yield FileSum(name=path.relative_to(root).as_posix(), sha256=file_sha256(path))


def write_card(card: ModelCard, folder: Path, *, checklists: bool = False) -> list[Path]:
    """Write a card as JSON and Markdown, and the SHA-256 of these files; older ones are replaced.

    Args:
        checklists: write CLAIM and Metrics Reloaded as well.
    """
    pages = {PAGE: card_markdown(card)}
    if checklists:
        for one in (claim(card), reloaded(card)):
            pages[f"checklist-{one.name}.md"] = checklist_markdown(one, card_title(card))
    write_json(folder / CARD, card.model_dump(mode="json"))
    for name, text in pages.items():
        with whole_file(folder / name) as draft:
            draft.write_text(text, encoding="utf-8", newline="\n")
    write_sums(folder, [CARD, *pages])
    return [folder / name for name in (CARD, *pages)]


def write_card_beside(export: Path, model: Path, values: Sequence[str]) -> tuple[str, ...]:
    """Write the card of an exported model into its folder, with the SHA-256 of the files there.

    Returns:
        A sentence if there is no card: the model was exported without one before.
    """
    if (model / CARD).is_file():
        card = read_card(model / CARD)
    elif RunFolder(model).settings.is_file() or StudyFolder(model).study.is_file():
        card = make_card(meant(model, values))
    else:
        return ("The model came without a card, so none stands beside it.",)
    files = sorted(path for path in export.rglob("*") if path.is_file())
    write_card(card.model_copy(update={"exported": tuple(_sums(export, files))}), export)
    return ()


def read_card(path: Path) -> ModelCard:
    """A card that was written before.

    Raises:
        StudyError: if it is not there, or is none.
    """
    if not path.is_file():
        raise StudyError(
            f"there is no card in {path.parent.name!r}; write one with `myosweep card`"
        )
    content = read_limited(path)
    try:
        return ModelCard.model_validate_json(content)
    except ValidationError as error:
        raise StudyError(
            f"{path.name!r} is no model card of myosweep ({first_fault(error)}); write it again"
        ) from None


def check_export(folder: Path) -> int:
    """Compare an export with its ``SHA256SUMS``; gives the number of files.

    Raises:
        StudyError: naming every file that has changed or is gone.
    """
    checked, problems = changed_since(folder)
    _raise(problems)
    return checked


def check_card(found: Meant, folder: Path) -> tuple[int, bool]:
    """Compare a card, and everything that it was made from, with the hashes in it.

    Returns:
        Number of files, and whether the dataset's pixels were at hand to be compared as well.

    Raises:
        StudyError: naming every file that has changed or is gone.
    """
    card = read_card(folder / CARD)
    checked, problems = changed_since(folder)
    more, others = changed_since(found.root, {one.name: one.sha256 for one in card.files})
    pixels, told = _pixels(found, card)
    _raise([*problems, *others, *told])
    return checked + more, pixels


def _pixels(found: Meant, card: ModelCard) -> tuple[bool, list[str]]:
    """Whether the dataset is at hand, and what is wrong with its pixels."""
    if found.study is None:
        return False, []
    try:
        results = read_results(found.study.path, only={run.id for run in found.members})
        dataset = study_dataset(results)
    except (StudyError, DatasetError, OSError):
        return False, []
    if dataset.manifest.pixel_hash != card.data.pixel_hash:
        return True, ["the dataset is another one than the card names"]
    try:
        dataset.check_pixels()
    except DatasetError as error:
        return True, list(error.problems)
    return True, []


def _raise(problems: Sequence[str]) -> None:
    if problems:
        raise StudyError(list(problems), "not everything is as the card says")
