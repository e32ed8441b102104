"""Asking a study's networks about its own validation and test patients, whom none has learned from.

Validation patients give the temperature; what is counted of test patients measures it. What comes
out are tables, from which everything else is concluded without networks.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from jaxtyping import Float32, Float64, UInt8

import myosweep
from myosweep.analysis.points import points
from myosweep.analysis.question import require_no_search
from myosweep.analysis.reliability.temperature import chosen_temperature, estimate_temperature
from myosweep.analysis.study_dataset import study_dataset
from myosweep.data.split import Split, patients_in_several_parts, read_split
from myosweep.data.store import Dataset
from myosweep.errors import StudyError
from myosweep.metrics.agreement import agreement
from myosweep.metrics.calibration import (
    BINS,
    NEAR_PX,
    count_bins,
    near_heart,
    temperature_losses,
    tempered,
)
from myosweep.metrics.clinical import targets_of
from myosweep.predict.asking import AT_ONCE
from myosweep.predict.facts import ModelFacts
from myosweep.predict.model import FACTS, Model
from myosweep.predict.networks import Networks, read_model, torch_model
from myosweep.predict.samples import check_copies, default_copies
from myosweep.regions import NO_REGION
from myosweep.results.layout import StudyFolder
from myosweep.results.read import Results, read_results
from myosweep.results.reliability import (
    PIXEL_COLUMNS,
    SLICE_COLUMNS,
    WHOLE,
    About,
    Tables,
    model_folder,
    read_tables,
    write_tables,
)

Progress = Callable[[int, int], None]
Part = Literal["validation", "test"]


@dataclass(frozen=True)
class Options:
    """How somebody wants it done.

    Args:
        copies: mirrored copies of each image; None: as ``default_copies`` says.
        dataset: another place of the dataset than the study says.
        again: ask the networks, even where their tables are there.
    """

    copies: int | None = None
    dataset: Path | None = None
    device: str = "auto"
    threads: int | None = None
    again: bool = False


def study_of(place: Path) -> StudyFolder:
    """The study that a model's folder is, or lies in.

    Raises:
        StudyError: if there is none.
    """
    for folder in (place, place.resolve().parent.parent):
        if StudyFolder(folder).study.is_file():
            return StudyFolder(folder)
    raise StudyError(
        f"{place.name!r} is no study, nor a run of one, and only a study knows its validation "
        "patients; give the study's folder, or STUDY/runs/ID"
    )


def reliability_tables(
    place: Path,
    values: Sequence[str] = (),
    options: Options | None = None,
    progress: Progress = lambda done, total: None,
) -> tuple[Tables, Path]:
    """A model's tables and their folder; the networks are asked if nobody has yet.

    Raises:
        InputError: if it is no model of a study, a run is not finished, the networks have different
            splits, there would be one sample, or the dataset is not there or is another one.
    """
    options = options or Options()
    if (place / FACTS).is_file() or place.is_file():
        raise StudyError(
            f"{place.name!r} is an exported model, which does not bring its validation patients; "
            "calibrate the study that it comes from"
        )
    study = study_of(place)
    read = read_model(place, values)
    facts = read.facts
    copies = default_copies(facts) if options.copies is None else options.copies
    check_copies(facts, copies)
    split = common_split(study, facts)
    folder = model_folder(study, facts.digest)
    stored = None if options.again else read_tables(folder)
    if stored is not None and _is_of(stored, facts, copies):
        return stored, folder
    tables = _asked_anew(study, read, split, copies, options, progress)
    write_tables(folder, tables)
    return tables, folder


def _is_of(stored: Tables, facts: ModelFacts, copies: int) -> bool:
    """Whether tables are of this model, asked so; those of older versions lack the whole wall."""
    wanted = set(targets_of(facts.scheme.names))
    asked = stored.about.model, stored.about.copies
    return asked == (facts.digest, copies) and wanted <= set(stored.slices["region"])


def _asked_anew(
    study: StudyFolder,
    read: Networks,
    split: Split,
    copies: int,
    options: Options,
    progress: Progress,
) -> Tables:
    results = read_results(study.path, only={one.run for one in read.facts.members})
    require_no_search(results.study)
    dataset = study_dataset(results, options.dataset)
    if shared := patients_in_several_parts(split, dataset):
        raise StudyError(
            f"{shared} patients stand in several parts of the split, so nobody is new to the "
            "networks; train with a split by patient"
        )
    model = torch_model(read, options.device, options.threads)
    label = _label(results, read.facts)
    return _measured(_Asking(model, dataset, split, copies, label, progress))


def common_split(study: StudyFolder, facts: ModelFacts) -> Split:
    """The split that all networks of a model have.

    Raises:
        StudyError: if they have several, or its file is not there.
    """
    hashes = {one.split_hash for one in facts.members}
    if len(hashes) > 1:
        raise StudyError(
            f"the {len(facts.members)} networks have {len(hashes)} different splits (folds), so "
            "whom one is tested on another has learned from; calibrate one of them: give "
            "STUDY/runs/ID"
        )
    for file in study.splits():
        split = read_split(file)
        if split.hash in hashes:
            return split
    raise StudyError(
        f"study {study.path.name!r} has no split that these networks were trained with; is a file "
        "missing?"
    )


@dataclass
class _Asking:
    """What is asked, of whom, and how far it is."""

    model: Model
    dataset: Dataset
    split: Split
    copies: int
    label: str
    progress: Progress
    done: int = 0
    slices: list[dict[str, Any]] = field(default_factory=list)
    pixels: dict[tuple[str, str], Float64[np.ndarray, "calibrated region count bin"]] = field(
        default_factory=dict
    )

    @property
    def total(self) -> int:
        return len(self.split.validation) + len(self.split.test)

    @property
    def regions(self) -> tuple[str, ...]:
        return self.model.facts.scheme.names

    @property
    def targets(self) -> dict[str, tuple[int, ...]]:
        return targets_of(self.regions)


@dataclass(frozen=True, eq=False)
class _Near:
    """Pixels near the heart on some slices of a patient."""

    patient: str
    probabilities: Float32[np.ndarray, "pixel region"]
    truth: UInt8[np.ndarray, " pixel"]


def _measured(asking: _Asking) -> Tables:
    """Both parts: validation first, since its temperature is what the test part measures."""
    known = list(_part(asking, "validation"))
    fitted = estimate_temperature(_losses(known))
    temperature = chosen_temperature(fitted)
    for one in known:
        _count(asking, "validation", one, temperature)
    for one in _part(asking, "test"):
        _count(asking, "test", one, temperature)
    facts = asking.model.facts
    about = About(
        made_by=f"myosweep {myosweep.__version__}",
        model=facts.digest,
        runs=tuple(one.run for one in facts.members),
        label=asking.label,
        regions=asking.regions,
        copies=asking.copies,
        samples=len(facts.members) * asking.copies,
        temperature=temperature,
        fitted=(fitted.value, _known(fitted.low), _known(fitted.high)),
        near_px=NEAR_PX,
        split_hash=asking.split.hash,
    )
    slices = pd.DataFrame(asking.slices, columns=list(SLICE_COLUMNS))
    return Tables(about, slices, _pixel_table(asking))


def _losses(known: Sequence[_Near]) -> Float64[np.ndarray, "patient temperature"]:
    """The loss of each patient after each temperature."""
    found: dict[str, np.ndarray] = {}
    for one in known:
        losses = temperature_losses(one.probabilities, one.truth)
        found[one.patient] = found.get(one.patient, 0) + losses
    return np.stack(list(found.values()))


def _known(x: float) -> float | None:
    return float(x) if np.isfinite(x) else None


def _label(results: Results, facts: ModelFacts) -> str:
    """The value in words; of a single network with its seed."""
    words = points(results)[0].words
    return words if len(facts.members) > 1 else f"{words}, seed {facts.members[0].seed}"


def _part(asking: _Asking, part: Part) -> Iterator[_Near]:
    """Ask about every slice of a part: writes down scores, gives the pixels near the heart."""
    dataset, scheme = asking.dataset, asking.model.facts.scheme
    rows = asking.split.rows(part, dataset)
    for start in range(0, len(rows), AT_ONCE):
        some = rows[start : start + AT_ONCE]
        asked = asking.model.ask(
            np.asarray(dataset.images[some]), dataset.padding(some), asking.copies
        )
        answers = asked.probabilities.argmax(1).astype(np.uint8)
        scores = agreement(asked.votes, answers, asking.targets.values())
        references = dataset.reference(scheme, some)
        for at, row in enumerate(some):
            name = dataset.slices.iloc[row]
            facts = {"part": part, "slice": name["slice"], "patient": name["patient"]}
            found = _scores(references[at], answers[at], asking.targets)
            asking.slices += [
                {**facts, **one, "score": float(score)}
                for one, score in zip(found, scores[at], strict=True)
            ]
            near = near_heart(references[at], answers[at])
            probabilities = np.ascontiguousarray(asked.probabilities[at][:, near].T)
            yield _Near(str(name["patient"]), probabilities, references[at][near])
        asking.done += len(some)
        asking.progress(asking.done, asking.total)


def _scores(
    reference: UInt8[np.ndarray, "y x"],
    answer: UInt8[np.ndarray, "y x"],
    targets: Mapping[str, tuple[int, ...]],
) -> Iterator[dict[str, Any]]:
    """Each target's areas and Dice on labelled pixels; 1 where both lack it."""
    labelled = reference != NO_REGION
    for region, of in targets.items():
        true, said = np.isin(reference, of), labelled & np.isin(answer, of)
        areas = int(true.sum()), int(said.sum())
        dice = 2 * int((true & said).sum()) / sum(areas) if sum(areas) else 1.0
        yield {
            "region": region,
            "dice": dice,
            "reference_px": areas[0],
            "answer_px": areas[1],
        }


def _count(asking: _Asking, part: Part, near: _Near, temperature: float) -> None:
    """Count a slice's pixels by probability, before and after temperature scaling."""
    shape = (2, len(asking.regions) + 1, 3, BINS)
    table = asking.pixels.setdefault((part, near.patient), np.zeros(shape))
    best = near.probabilities.argmax(1)
    for calibrated in (0, 1):
        shares = near.probabilities
        if calibrated:
            shares = tempered(shares.T[:, None], temperature)[:, 0].T
        own = np.take_along_axis(shares, best[:, None], 1)[:, 0]
        table[calibrated, 0] += count_bins(own, best == near.truth)
        for number in range(len(asking.regions)):
            table[calibrated, number + 1] += count_bins(shares[:, number], near.truth == number)


def _pixel_table(asking: _Asking) -> pd.DataFrame:
    """All counts as rows; bins without pixels have none."""
    rows = []
    for (part, patient), table in asking.pixels.items():
        for calibrated, number, bin_ in zip(*np.nonzero(table[:, :, 0]), strict=True):
            region = asking.regions[number - 1] if number else WHOLE
            n, p_sum, hits = table[calibrated, number, :, bin_]
            rows.append((part, patient, region, bool(calibrated), bin_, int(n), p_sum, int(hits)))
    return pd.DataFrame(rows, columns=list(PIXEL_COLUMNS))
