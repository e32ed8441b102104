"""Prediction on uploaded files, in the process that may be killed: from a job to its results.

Only pixels, masks and numbers leave it. What a file's header says of a patient stays here.
"""

import importlib
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import UInt, UInt8

from myosweep.errors import InputError, StudyError
from myosweep.files import write_json
from myosweep.predict.cases import Case, Found, find_cases
from myosweep.predict.outputs import Form, forms_of
from myosweep.predict.turn import AS_IT_IS, Turn
from myosweep.report.explorer.pixels import code_step, image_png, masks_png
from myosweep.serve.job import (
    OUTCOME,
    RESULTS,
    STEM,
    UPLOAD,
    AskedModel,
    Job,
    Made,
    Outcome,
    Region,
    Score,
    Slice,
    picture_name,
    volume_name,
)
from myosweep.serve.job import Case as MadeCase
from myosweep.serve.saving import Answer, keep_downloads, keep_masks

if TYPE_CHECKING:
    from myosweep.predict.model import Model
    from myosweep.predict.watch import SliceScore

_HEAVY = (
    "nibabel", "pandas", "pyarrow.parquet", "pydicom", "scipy.ndimage",
    "myosweep.data.dicom.series", "myosweep.data.nifti.volume", "myosweep.data.segment.choice",
    "myosweep.predict.networks", "myosweep.predict.run", "myosweep.predict.volumes",
)  # fmt: skip
_MADE = "made"
_MOST_PROBLEMS = 5
_NUMBER = re.compile(re.escape(STEM) + r"(\d+)")


def load() -> None:
    """Import what prediction needs, so that a job begins at once."""
    for name in _HEAVY:
        importlib.import_module(name)


def work(job: Job, folder: Path) -> None:
    """Do a job in its folder; what became of it is written at last, if nothing in one sentence."""
    try:
        outcome = Outcome(made=_made(job, folder))
    except InputError as problem:
        outcome = Outcome(made=None, problem=_sentence(problem.problems))
    except MemoryError:
        outcome = Outcome(made=None, problem="There is not enough memory for this.")
    write_json(folder / OUTCOME, outcome.model_dump(mode="json"))


def _made(job: Job, folder: Path) -> Made:
    """The results of all models.

    Raises:
        InputError: if a model cannot be opened, or no case could be predicted.
    """
    found = find_cases(folder / UPLOAD)
    turn = Turn(job.turn, job.mirror)
    answers = [
        _answer(one, found, folder / _MADE / str(number), job, turn)
        for number, one in enumerate(job.models)
    ]
    cases = [case for case in found.cases if all(answer.has(case) for answer in answers)]
    problems = tuple(dict.fromkeys(text for one in answers for text in one.predicted.problems))
    if not cases:
        raise StudyError(problems)
    results = folder / RESULTS
    results.mkdir()
    made = Made(
        regions=_regions(answers[0].model),
        step=code_step(len(answers[0].model.facts.regions)),
        models=tuple(one.about() for one in answers),
        cases=tuple(_case(case, answers[0]) for case in cases),
        slices=tuple(_kept(cases, answers, results)),
        warnings=_warnings(answers, turn),
        problems=problems,
        downloads=tuple(keep_downloads(cases, answers, results)),
    )
    keep_masks(cases, answers, results)
    shutil.rmtree(folder / _MADE)
    return made


def _answer(asked: AskedModel, found: Found, out: Path, job: Job, turn: Turn) -> Answer:
    from myosweep.predict.open import open_model
    from myosweep.predict.run import plan_prediction, predict
    from myosweep.predict.watch import find_calibration, watch_for

    place = Path(asked.place)
    model = open_model(place, asked.values, device="cpu", threads=job.threads)
    watch = watch_for(model, find_calibration(place, model))
    plan = plan_prediction(found, out, ("png", "contours"), scored=watch.copies is not None)
    plan.todo[:] = [(case, (*forms, *_as_volume(case))) for case, forms in plan.todo]
    predicted = predict(model, plan, out, heart=job.heart, turn=turn, watch=watch)
    return Answer(model, watch, plan, predicted, out)


def _as_volume(case: Case) -> tuple[Form, ...]:
    """The NIfTI form, if the case can have it."""
    return tuple(form for form in forms_of(case, ()) if form == "nifti")


def _regions(model: "Model") -> tuple[Region, ...]:
    found = model.facts.scheme.regions
    return tuple(Region(name=region.name, code=region.codes[0]) for region in found)


def _case(case: Case, answer: Answer) -> MadeCase:
    return MadeCase(
        upload=upload_number(case.name),
        kind=case.kind,
        slices=case.count,
        height=case.size[0],
        width=case.size[1],
        spacing_yx_mm=case.spacing_yx_mm,
        is_volume=answer.is_volume(case),
    )


def upload_number(name: str) -> int:
    """The number of the file that a case is called by.

    >>> upload_number("upload-0012")
    12
    """
    match = _NUMBER.match(name)
    assert match is not None
    return int(match[1])


def _kept(cases: Sequence[Case], answers: Sequence[Answer], results: Path) -> Iterator[Slice]:
    """Every slice; its two pictures for the page, and the images of volumes, are kept."""
    from myosweep.predict.volumes import nifti_bytes

    first = 0
    scores = [one.scores() for one in answers]
    for place, case in enumerate(cases):
        images = case.read()
        _draw(images, [one.regions(case) for one in answers], first, answers[0], results)
        if answers[0].is_volume(case):  # nothing of its header's texts is in what is written
            (results / volume_name(place, None)).write_bytes(nifti_bytes(case, images))
        for at in range(case.count):
            said = tuple(_score(one.get((case.name, at))) for one in scores)
            yield Slice(case=place, number=at, scores=said)
        first += case.count


def _draw(
    images: UInt[np.ndarray, "slice y x"],
    maps: Sequence[UInt8[np.ndarray, "slice y x"]],
    first: int,
    answer: Answer,
    results: Path,
) -> None:
    for at, image in enumerate(images):
        around = image == image.min()  # black in any case; a wide frame of it takes the contrast
        masks = masks_png([one[at] for one in maps], len(answer.model.facts.regions))
        (results / picture_name(first + at, "image")).write_bytes(image_png(image, around))
        (results / picture_name(first + at, "masks")).write_bytes(masks)


def _score(found: "SliceScore | None") -> Score | None:
    if found is None:
        return None
    return Score(agreement=found.agreement, look=found.look, words=found.words)


def _warnings(answers: Sequence[Answer], turn: Turn) -> tuple[str, ...]:
    """What makes the results less sure; a sentence of some models alone names them."""
    told: dict[str, list[int]] = {}
    for number, answer in enumerate(answers, 1):
        for sentence in _cautions(answer, turn):
            told.setdefault(sentence, []).append(number)
    return tuple(
        sentence if len(those) == len(answers) else f"Model {_listed(those)}: {sentence}"
        for sentence, those in told.items()
    )


def _listed(numbers: Iterable[int]) -> str:
    return ", ".join(map(str, numbers))


def _cautions(answer: Answer, turn: Turn) -> Iterator[str]:
    predicted = answer.predicted
    if predicted.refitted:
        yield (
            "These images have grey levels of another kind than those of the training; they "
            "were fitted by percentiles, so trust the result less."
        )
    if predicted.doubtful:
        shown = ", ".join(predicted.doubtful[:_MOST_PROBLEMS])
        more = ", and others" if len(predicted.doubtful) > _MOST_PROBLEMS else ""
        yield (
            f"The heart was not found with confidence ({shown}{more}): look whether the masks are "
            "where it is, or crop the image around it."
        )
    is_blind = answer.model.facts.spacing_mm is None and turn == AS_IT_IS
    if is_blind and any(case.kind != "picture" for case, _ in answer.plan.todo):
        yield (
            "The networks were trained on images of unknown spacing, probably pictures, so it is "
            "not known how those were turned. Compare this image with one of them; turn and mirror "
            "bring it to lie alike."
        )


def _sentence(problems: Sequence[str]) -> str:
    """Problems as one text of bounded length."""
    rest = len(problems) - _MOST_PROBLEMS
    told = [*problems[:_MOST_PROBLEMS], *([f"and {rest} more"] if rest > 0 else [])]
    text = "; ".join(told)
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")
