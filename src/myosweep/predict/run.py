"""Prediction from start to end: find, read, place, ask, put back, write; one case after the other.

What is in memory at a time is bounded by the largest case, whatever the number of cases. A case
whose results are there, and are of the very same files, is skipped, so a killed prediction
continues when it is started again.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Float32, UInt

from myosweep.data.problems import collecting
from myosweep.errors import DatasetError
from myosweep.metrics.calibration import tempered
from myosweep.predict.asking import AT_ONCE, ask, ask_scored
from myosweep.predict.cases import Case, Found
from myosweep.predict.greys import fit_greys
from myosweep.predict.grid import Grid, Place, refuse_large
from myosweep.predict.heart import HeartFound, middle_slices, search_heart
from myosweep.predict.model import Model
from myosweep.predict.outputs import Answer, Form, files_of, forms_of, score_files, write_answer
from myosweep.predict.record import RECORD, Heart, claim_folder, mark_of, salt_of, way_of
from myosweep.predict.sources import Strangers, fingerprint, keep_source
from myosweep.predict.turn import AS_IT_IS, Turn
from myosweep.predict.watch import (
    SliceScore,
    Watch,
    claim_uncertainty,
    slice_scores,
    watch_for,
    write_slices,
)

_AHEAD = 2 * AT_ONCE
"""Slices that are read while the networks work; at least one case."""


@dataclass(frozen=True)
class Plan:
    """What is to be done, and what there is already."""

    todo: list[tuple[Case, tuple[Form, ...]]]
    done: list[Case]
    problems: list[str]

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
        refitted: cases whose grey levels were of another depth than the training's.
        doubtful: cases (by subject) whose heart was not found with confidence.
    """

    cases: int = 0
    slices: int = 0
    refitted: int = 0
    doubtful: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    scores: list[SliceScore] = field(default_factory=list)


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
            wanted = forms_of(case, forms)
            wanted = (*wanted, "agreement") if scored else wanted
            if "dicom-seg" in wanted:
                from myosweep.predict.dicom_seg import check_possible

                check_possible(case)
            files = files_of(case, wanted, out)
            _refuse_taken(files, case, owners)
            strangers.look_at(case, seg="dicom-seg" in wanted)
            if all(path.exists() for path in files):
                plan.done.append(case)
            else:
                plan.todo.append((case, wanted))
    strangers.refuse()
    return plan


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
    watch: Watch | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Outcome:
    """Do what is to be done; a case that cannot be read or written does not stop the others.

    Args:
        turn: how all images are turned to lie as in training; results lie as their sources.
        watch: how uncertainty is told; needed where a plan has scores or maps of it.
        progress: called with slices done and slices in all, without those that were there before.

    Raises:
        StudyError: if the folder holds predictions of another model, or in another way, or results
            of nobody knows which.
    """
    watch = watch or watch_for(model, None)
    way = way_of(model, heart, turn)
    salt, mark = claim_folder(out, model, way), mark_of(way)
    claim_uncertainty(out / RECORD, watch, {form for _, some in plan.todo for form in some})
    outcome = Outcome(problems=list(plan.problems))
    places = _Places(model, heart, turn, [*plan.done, *(case for case, _ in plan.todo)])
    done = 0
    for portion in _portions(plan.todo, salt, outcome):
        for read, answer in _answers(model, places, portion, watch, outcome):
            with collecting(outcome.problems, f"{read.case.subject} "):
                keep_source(read.case, read.source, out)
                write_answer(answer, model.facts, mark, read.forms, out)
                outcome.cases += 1
                outcome.slices += read.case.count
        done += sum(one.case.count for one in portion)
        progress(done, plan.slices)
    if watch.copies is not None:
        outcome.scores = slice_scores(score_files(out), watch)
        write_slices(outcome.scores, out)
    return outcome


@dataclass(frozen=True, eq=False)
class _Read:
    """A case with its pixels and the fingerprint of its source.

    ``images`` is None where they could not be read.
    """

    case: Case
    forms: tuple[Form, ...]
    images: UInt[np.ndarray, "slice y x"] | None
    source: str


def _portions(
    todo: Sequence[tuple[Case, tuple[Form, ...]]], salt: str, outcome: Outcome
) -> Iterator[list[_Read]]:
    """Cases that go through the networks together; the next ones are read in the meantime."""
    rest = deque(todo)
    waiting: deque[tuple[Case, tuple[Form, ...], Future[_Content]]] = deque()
    with ThreadPoolExecutor(1) as pool:
        try:
            portion: list[_Read] = []
            while rest or waiting:
                while rest and (not waiting or sum(c.count for c, _, _ in waiting) < _AHEAD):
                    case, forms = rest.popleft()
                    waiting.append((case, forms, pool.submit(_content, case, salt)))
                case, forms, future = waiting.popleft()
                images, source = None, ""
                with collecting(outcome.problems, f"{case.subject} "):
                    images, source = future.result()
                portion.append(_Read(case, forms, images, source))
                if sum(one.case.count for one in portion) >= AT_ONCE:
                    yield portion
                    portion = []
            if portion:
                yield portion
        finally:
            for _, _, future in waiting:
                future.cancel()


_Content = tuple[UInt[np.ndarray, "slice y x"], str]


def _content(case: Case, salt: str) -> _Content:
    """The pixels, and the fingerprint of the files that they were just read from."""
    return _pixels(case), fingerprint(case, salt)


def _pixels(case: Case) -> UInt[np.ndarray, "slice y x"]:
    try:
        images = case.read()
    except OSError:
        raise DatasetError("cannot be read; is it still there, and may you open it?") from None
    if images.size == 0 or images.shape != (case.count, *case.size):
        raise DatasetError("is not what its header says; is it damaged?")
    return images


def _answers(
    model: Model, places: "_Places", portion: Sequence[_Read], watch: Watch, outcome: Outcome
) -> Iterator[tuple[_Read, Answer]]:
    """Region maps of some cases, from passes that are as large as possible."""
    ready: list[_Placed] = []
    for one in portion:
        if one.images is not None:
            with collecting(outcome.problems, f"{one.case.subject} "):
                ready.append(places.place(one, outcome))
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
        yield placed.read, Answer(case, pixels, regions, doubt, agreed)


def _joined(
    parts: Sequence[UInt[np.ndarray, "_ y x"]],
) -> UInt[np.ndarray, "slice y x"]:
    return np.concatenate(parts, dtype=np.result_type(*(part.dtype for part in parts)))


@dataclass(frozen=True, eq=False)
class _Placed:
    """A case on the network's grid."""

    read: _Read
    grid: Grid
    place: Place
    inputs: UInt[np.ndarray, "slice h w"]
    padding: np.ndarray


class _Places:
    """Where the network's window lies on each case; cases of one stack share it."""

    def __init__(self, model: Model, heart: Heart, turn: Turn, cases: Sequence[Case]) -> None:
        self._model, self._heart, self._turn = model, heart, turn
        self._stacks: dict[str, list[Case]] = {}
        for case in cases:
            if case.stack is not None:
                self._stacks.setdefault(case.stack, []).append(case)
        self._known: dict[tuple[str, Grid], HeartFound] = {}

    def place(self, read: _Read, outcome: Outcome) -> _Placed:
        """A case's pixels as the network sees them."""
        assert read.images is not None
        case, facts = read.case, self._model.facts
        fitted, changed = fit_greys(facts, read.images)
        outcome.refitted += changed
        grid = Grid.for_model(facts, case.size, case.spacing_yx_mm, self._turn)
        refuse_large(grid.seen, "of the network's pixels")
        seen = grid.resample(fitted)
        found = self._find(case, grid, seen)
        if not found.is_sure:
            outcome.doubtful.append(case.subject)
        inputs, padding = grid.cut(seen, found.place)
        return _Placed(read, grid, found.place, inputs, padding)

    def _find(self, case: Case, grid: Grid, seen: UInt[np.ndarray, "slice y x"]) -> HeartFound:
        if self._heart == "centre" or not grid.needs_search:
            return HeartFound(grid.centre(), 1.0)
        if case.stack is None:
            some = [seen[at] for at in middle_slices(case.count)]
            return find_heart(self._model, grid, some)
        key = (case.stack, grid)
        if key not in self._known:
            self._known[key] = find_heart(self._model, grid, self._members(case, grid))
        return self._known[key]

    def _members(self, case: Case, grid: Grid) -> list[UInt[np.ndarray, "y x"]]:
        """Some slices of a case's stack, as the network sees them; damaged ones are left out."""
        cases = [one for one in self._stacks[case.stack or ""] if one.size == case.size]
        found = []
        for at in middle_slices(len(cases)):
            with suppress(DatasetError):
                fitted, _ = fit_greys(self._model.facts, _pixels(cases[at]))
                found += [*grid.resample(fitted)]
        return found


def find_heart(model: Model, grid: Grid, slices: Sequence[UInt[np.ndarray, "y x"]]) -> HeartFound:
    """Where the model sees a heart on some slices of a stack, as ``grid`` gives them."""
    if not slices:
        return HeartFound(grid.centre(), 0.0)
    seen = np.stack(slices)

    def look(
        places: Sequence[Place],
    ) -> Float32[np.ndarray, "place slice region y x"]:
        cuts = [grid.cut(seen, place) for place in places]
        images, padding = (np.concatenate(parts) for parts in zip(*cuts, strict=True))
        answers = ask(model, images, padding)
        return answers.reshape(len(places), len(seen), *answers.shape[1:])

    return search_heart(grid, model.facts.heart_px, look)
