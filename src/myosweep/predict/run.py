"""Prediction from start to end: find, read, place, ask, put back, write; one case after the other.

What is in memory at a time is bounded by the largest case, whatever the number of cases. A case
whose results are there, and are of the very same files, is skipped, so a killed prediction
continues when it is started again.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import UInt

from myosweep.data.names import natural_key
from myosweep.data.problems import collecting
from myosweep.errors import DatasetError
from myosweep.metrics.calibration import tempered
from myosweep.metrics.clinical import Parts, parts_of
from myosweep.predict.asking import ask_scored
from myosweep.predict.cases import Case, Found
from myosweep.predict.folder import RECORD
from myosweep.predict.grid import refuse_large
from myosweep.predict.measures import HeartAmounts, measure_hearts, write_measures
from myosweep.predict.model import Model
from myosweep.predict.outputs import (
    Answer,
    Form,
    check_form,
    files_of,
    forms_of,
    record_files,
    write_answer,
)
from myosweep.predict.placing import Placed, Places
from myosweep.predict.reading import Read, portions
from myosweep.predict.record import Heart, claim_folder, mark_of, salt_of, way_of
from myosweep.predict.sources import Strangers, keep_source
from myosweep.predict.turn import AS_IT_IS, Turn
from myosweep.predict.watch import (
    SliceScore,
    Watch,
    claim_uncertainty,
    slice_scores,
    watch_for,
    write_slices,
)
from myosweep.predict.windows import known_windows, window_record, windows, write_doubtful

_LONGEST_NAME = 200
"""Bytes; endings and the marks of drafts come to it, and most file systems allow 255."""


@dataclass(frozen=True)
class Plan:
    """What is to be done, and what there is already; ``forms`` of any of the results."""

    todo: list[tuple[Case, tuple[Form, ...]]]
    done: list[Case]
    problems: list[str]
    forms: set[Form] = field(default_factory=set)

    @property
    def slices(self) -> int:
        return sum(case.count for case, _ in self.todo)

    @property
    def all_slices(self) -> int:
        return self.slices + sum(case.count for case in self.done)


@dataclass
class Outcome:
    """What became of a prediction, in numbers; ``problems`` tell of each case that failed.

    Args:
        scores: of every slice whose results the folder holds, from this input or an earlier one,
            the ones to look at first; empty if nobody asked.
        hearts: volumes and masses of every heart in the folder, likewise.
        refitted: how many cases in the folder had grey levels of another depth or range than the
            training's.
        doubtful: names of the cases in the folder whose heart was not found with confidence.
    """

    cases: int = 0
    slices: int = 0
    refitted: int = 0
    doubtful: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    scores: list[SliceScore] = field(default_factory=list)
    hearts: list[HeartAmounts] = field(default_factory=list)


def plan_prediction(
    found: Found, out: Path, forms: Sequence[Form] = (), *, scored: bool = False
) -> Plan:
    """Which cases are to be done; those whose results are all there are done.

    Args:
        scored: whether the agreement of samples is to be written as well.

    Raises:
        StudyError: if the folder has results of other sources under the names of some cases.
    """
    plan, strangers = Plan([], [], list(found.problems)), Strangers(out, salt_of(out))
    owners: dict[str, Case] = {}
    for case in found.cases:
        with collecting(plan.problems, f"{case.subject} "):
            refuse_large(case.size)
            _check_name(case)
            wanted = _possible(case, forms_of(case, forms), plan.problems)
            if not wanted:
                continue
            wanted = (*wanted, "agreement") if scored else wanted
            files = files_of(case, wanted, out)
            _refuse_taken(files, case, owners)
            strangers.look_at(case, seg="dicom-seg" in wanted)
            plan.forms.update(wanted)
            if all(path.exists() for path in files):
                plan.done.append(case)
            else:
                plan.todo.append((case, wanted))
    strangers.refuse()
    return plan


def _possible(case: Case, wanted: Sequence[Form], problems: list[str]) -> tuple[Form, ...]:
    """The forms that a case can have; the others are problems, and keep no other one back."""
    kept: list[Form] = []
    for form in wanted:
        with collecting(problems, f"{case.subject} "):
            check_form(case, form)
            kept.append(form)
    return tuple(kept)


def _check_name(case: Case) -> None:
    """Raise a ``DatasetError`` if files of results cannot be named after a case."""
    try:
        size = max(len(part.encode()) for part in case.name.split("/"))
    except UnicodeEncodeError:
        raise DatasetError("has a name with letters of no known encoding; rename it") from None
    if size > _LONGEST_NAME:
        raise DatasetError(
            f"has a name of {size} bytes, too long for files of results; use at most "
            f"{_LONGEST_NAME}"
        )


def _refuse_taken(files: Sequence[Path], case: Case, owners: dict[str, Case]) -> None:
    """Raise a ``DatasetError`` if another case has one of these files; else note them."""
    for path in files:
        other = owners.setdefault(str(path).casefold(), case)
        if other is not case:
            raise DatasetError(f"and {other.subject} would get results of one name; rename one")


def predict(
    model: Model,
    plan: Plan,
    out: Path,
    *,
    heart: Heart = "search",
    turn: Turn = AS_IT_IS,
    patient: str | None = None,
    watch: Watch | None = None,
    parts: Parts | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Outcome:
    """Do what is to be done; a case that cannot be read or written does not stop the others.

    Args:
        turn: how all images are turned to lie as in training; results lie as their sources.
        patient: the pattern that pictures' patients were told apart by.
        watch: how uncertainty is told; needed where a plan has scores or maps of it.
        parts: which region is which structure, for measures; by default their names tell.
        progress: called with slices done and slices in all, without those that were there before.

    Raises:
        StudyError: if the folder holds predictions of another model, or in another way, or results
            of nobody knows which.
        InputError: if measures are wanted, and no region is known as cavity or as myocardium.
    """
    if "measures" in plan.forms:
        parts = parts or parts_of(model.facts.scheme)
    watch = watch or watch_for(model, None)
    way = way_of(model, heart, turn, patient)
    salt, mark = claim_folder(out, model, way), mark_of(way)
    claim_uncertainty(out / RECORD, watch, plan.forms)
    outcome = Outcome(problems=list(plan.problems))
    cases = [*plan.done, *(case for case, _ in plan.todo)]
    places = Places(model, heart, turn, cases, known_windows(out))
    done = 0
    for portion in portions(plan.todo, salt, outcome.problems):
        for placed, answer in _answers(model, places, portion, watch, outcome):
            read = placed.read
            with collecting(outcome.problems, f"{read.case.subject} "):
                keep_source(read.case, read.source, out, window_record(placed))
                write_answer(answer, model.facts, mark, read.forms, out)
                outcome.cases += 1
                outcome.slices += read.case.count
        done += sum(one.case.count for one in portion)
        progress(done, plan.slices)
    doubtful = [one for one in windows(out) if one.is_doubtful]
    write_doubtful(doubtful, out)
    outcome.refitted = sum(one.refitted for one in doubtful)
    unsure = (one.name for one in doubtful if not one.heart.is_sure)
    outcome.doubtful = sorted(unsure, key=natural_key)
    if watch.copies is not None:
        outcome.scores = slice_scores(record_files(out, "agreement"), watch)
        write_slices(outcome.scores, out)
    if parts is not None and "measures" in plan.forms:
        lost = Counter(
            case.stack
            for case, _ in plan.todo
            if case.stack and not all(path.exists() for path in files_of(case, ("measures",), out))
        )
        outcome.hearts = measure_hearts(record_files(out, "measures"), parts, lost)
        write_measures(outcome.hearts, out)
    return outcome


def _answers(
    model: Model, places: Places, portion: Sequence[Read], watch: Watch, outcome: Outcome
) -> Iterator[tuple[Placed, Answer]]:
    """Region maps of some cases, from passes that are as large as possible."""
    ready: list[Placed] = []
    for one in portion:
        if one.images is not None:
            with collecting(outcome.problems, f"{one.case.subject} "):
                ready.append(places.place(one))
    if not ready:
        return
    images = _joined([one.inputs for one in ready])
    padding = np.concatenate([one.padding for one in ready])
    scored = any("agreement" in one.read.forms for one in ready)
    answers, scores = ask_scored(model, images, padding, watch.copies if scored else None)
    ends = np.cumsum([one.read.case.count for one in ready])
    for placed, end in zip(ready, ends.tolist(), strict=True):
        case, pixels = placed.read.case, placed.read.images
        own = slice(end - case.count, end)
        if not np.isfinite(answers[own]).all():
            outcome.problems.append(
                f"{case.subject} has no answer: the network's numbers overflow on it; are its grey "
                "levels those of an LGE image?"
            )
            continue
        agreed = None if scores is None else scores[own]
        assert pixels is not None
        regions, doubt = placed.grid.put_back(answers[own], placed.place), None
        if "uncertainty" in placed.read.forms:
            shares = tempered(answers[own], watch.temperature)
            doubt = placed.grid.put_back_doubt(shares, placed.place)
        yield placed, Answer(case, pixels, regions, doubt, agreed)


def _joined(
    parts: Sequence[UInt[np.ndarray, "_ y x"]],
) -> UInt[np.ndarray, "slice y x"]:
    return np.concatenate(parts, dtype=np.result_type(*(part.dtype for part in parts)))
