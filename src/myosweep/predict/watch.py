"""What prediction tells of its own uncertainty: how it is asked, and the list of slices to look at.

Scores are written case by case, so a prediction that was stopped continues; the list is made of
them at the end, with the threshold of the calibration that there is then.
"""

import csv
import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from myosweep.data.names import natural_key
from myosweep.errors import StudyError
from myosweep.files import read_json, whole_file, write_json
from myosweep.metrics.clinical import main_target, targets_of
from myosweep.predict.model import Model
from myosweep.predict.sums import check_sum
from myosweep.results.layout import StudyFolder
from myosweep.results.reliability import (
    CALIBRATION,
    Calibration,
    model_folder,
    read_calibration,
)

SLICES = "slices.csv"
COLUMNS = ("case", "slice", "region", "agreement", "pixels", "look", "words")
_DECIMALS = 6
"""Of kept scores; a threshold is rounded alike, so a slice that lies exactly on it is flagged."""


@dataclass(frozen=True)
class Watch:
    """How uncertainty is told.

    Args:
        copies: as ``Model.ask`` takes them; None: there is one sample, so no agreement.
        temperature: of the probabilities in maps.
        region: the target that slices are flagged for, see ``targets_of``.
        calibration: None if the model has none.
    """

    copies: int | None
    temperature: float
    region: str
    calibration: Calibration | None


@dataclass(frozen=True, slots=True)
class SliceScore:
    """How well samples agree on a slice; ``look`` is None without a threshold."""

    case: str
    slice: int
    region: str
    agreement: float
    pixels: int
    look: bool | None
    words: str


def find_calibration(place: Path, model: Model, given: Path | None = None) -> Calibration | None:
    """The calibration of a model: the given file, or the one beside it; None without.

    Args:
        place: the study, run or exported model that was opened.

    Raises:
        StudyError: if the given file is not there, a file is damaged, it is another model's, or not
            the one that was exported.
    """
    if given is not None:
        check_sum(given)
        found = read_calibration(given)
        if found is None:
            raise StudyError(f"there is no calibration {given.name!r}; check the path")
        if found.model != model.facts.digest:
            raise StudyError(
                f"{given.name!r} was made for another model (or for fewer of its networks); make "
                "one with `myosweep calibrate`"
            )
    else:
        found = calibration_beside(place, model.facts.digest)
    if found is not None and not (
        found.region in targets_of(model.facts.scheme.names)
        and found.copies * len(model.facts.members) > 1
    ):
        raise StudyError(
            f"the calibration {CALIBRATION} does not fit its model; make one with `myosweep "
            "calibrate`"
        )
    return found


def calibration_beside(place: Path, digest: str) -> Calibration | None:
    """The calibration of the model with this digest, where it lies by itself; None without.

    Args:
        place: the study, run or exported model.

    Raises:
        StudyError: if a file is damaged, or not the one that was exported.
    """
    for file in _places(place, digest):
        check_sum(file)
        found = read_calibration(file)
        if found is not None and found.model == digest:
            return found
    return None


def _places(place: Path, digest: str) -> Iterator[Path]:
    """Where a model's calibration may lie."""
    if place.is_file():
        place = place.parent
    yield place / CALIBRATION
    for folder in (place, place.resolve().parent.parent):
        if StudyFolder(folder).study.is_file():
            yield model_folder(StudyFolder(folder), digest) / CALIBRATION


def watch_for(model: Model, calibration: Calibration | None) -> Watch:
    """How a model's uncertainty is told: as it was calibrated, or as it comes.

    Without a calibration several networks are compared, on the whole wall of the heart, and one
    network with nothing.
    """
    several = len(model.facts.members) > 1
    able = model.voters is not None
    if calibration is None:
        region = main_target(model.facts.scheme.names)
        return Watch(1 if able and several else None, 1.0, region, None)
    copies = calibration.copies if able else None
    return Watch(copies, calibration.temperature, calibration.region, calibration)


def claim_uncertainty(record: Path, watch: Watch, forms: Collection[str]) -> None:
    """Write into a folder's record how its uncertainty is told; refuse to mix two ways.

    Args:
        record: the record of whose predictions the folder holds, which is there.
        forms: that are to be written.

    Raises:
        StudyError: if the folder has uncertainty that was told in another way.
    """
    way: dict[str, float] = {}
    if "uncertainty" in forms:
        way["temperature"] = watch.temperature
    if "agreement" in forms and watch.copies is not None:
        way["copies"] = watch.copies
    before = read_json(record)
    known = before.get("uncertainty", {})
    if not isinstance(known, dict):
        raise StudyError(f"{record.name} is damaged; give another folder")
    if any(known.get(name, value) != value for name, value in way.items()):
        raise StudyError(
            f"{record.parent.name!r} holds predictions from before the model was calibrated, or "
            "calibrated otherwise; give another folder"
        )
    if not way.keys() <= known.keys():
        write_json(record, before | {"uncertainty": {**known, **way}})


def score_record(
    names: Sequence[str], scores: Float64[np.ndarray, "slice target"], pixels: np.ndarray
) -> bytes:
    """The scores of a case as they are kept: all targets, so that any can be asked for later."""
    record = {
        "format": 1,
        "regions": list(names),
        "agreement": scores.round(_DECIMALS).tolist(),
        "pixels": pixels.tolist(),
    }
    return json.dumps(record, allow_nan=False).encode()


def slice_scores(files: Iterable[tuple[str, Path]], watch: Watch) -> list[SliceScore]:
    """Scores of all slices, the ones to look at first.

    Args:
        files: the name and the file of scores of each case; one is read at a time.

    Raises:
        StudyError: if a file is damaged.
    """
    found = [one for name, path in files for one in _read(name, path, watch)]
    return sorted(found, key=lambda one: (one.agreement, natural_key(one.case), one.slice))


def _read(name: str, path: Path, watch: Watch) -> Iterator[SliceScore]:
    try:
        record = read_json(path)
        if watch.region not in record["regions"]:
            raise StudyError(
                f"the scores {path.name!r} do not tell the {watch.region}, as an older myosweep "
                "wrote them; remove that file and predict again"
            )
        at = record["regions"].index(watch.region)
        rows = [
            (float(scores[at]), int(pixels[at]))
            for scores, pixels in zip(record["agreement"], record["pixels"], strict=True)
        ]
    except (OSError, ValueError, KeyError, TypeError, IndexError, RecursionError):
        raise StudyError(
            f"the scores {path.name!r} are damaged; remove that file and predict again"
        ) from None
    exact = watch.calibration.threshold if watch.calibration else None
    threshold = None if exact is None else np.round(exact, _DECIMALS)
    for number, (score, count) in enumerate(rows):
        look = None if threshold is None else bool(score <= threshold)
        yield SliceScore(name, number, watch.region, score, count, look, _words(look, count, watch))


def _words(look: bool | None, pixels: int, watch: Watch) -> str:
    if pixels == 0:
        return f"no {watch.region} found" + (": look whether there is one" if look else "")
    return f"look at this one: little agreement on the {watch.region}" if look else ""


def write_slices(scores: Sequence[SliceScore], out: Path) -> None:
    """Write ``slices.csv``, in the order that they are given in; nothing without scores."""
    if not scores:
        return
    with whole_file(out / SLICES) as draft, draft.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for one in scores:
            look = "" if one.look is None else "yes" if one.look else "no"
            cells = (one.case, one.slice, one.region, f"{one.agreement:.4f}", one.pixels)
            writer.writerow((*cells, look, one.words))
