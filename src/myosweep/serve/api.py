"""What pages ask the server for: progress, conclusion, curves, slices; and what can be saved."""

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Query, Response
from fastapi import Path as InPath
from fastapi.responses import FileResponse
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool

from myosweep.analysis.cautions import metric_words
from myosweep.analysis.points import fields_in_words
from myosweep.errors import InputError
from myosweep.results.layout import StudyFolder
from myosweep.results.ledger import log_look
from myosweep.results.trials import read_tuning_state
from myosweep.serve.downloads import MEDIA, TableName, model_zip, table_csv
from myosweep.serve.fragments import (
    Part,
    Question,
    comparison_part,
    conclusion_part,
    curves_part,
    search_part,
)
from myosweep.serve.live import Live
from myosweep.serve.records import (
    ConclusionNow,
    Counts,
    ExplorerNow,
    PagePart,
    Progress,
    Refused,
    RunNow,
    StudyList,
    StudyNow,
)
from myosweep.serve.studies import Studies
from myosweep.serve.work import Work, name_of
from myosweep.study.state import RunState, StudyState

StudyName = Annotated[str, InPath(max_length=200, description="a study's folder name")]
Stamp = Annotated[str, Query(max_length=64, description="as /progress has it")]
Metric = Literal["accuracy", "iou", "dice", "bf"]
DRAWING_SHARE = 20
_KEPT_FOR_EVER = {"Cache-Control": "private, max-age=31536000, immutable"}
_ERRORS: dict[int | str, dict[str, Any]] = {
    code: {"model": Refused} for code in (400, 401, 403, 404, 409, 413, 422, 503)
}


@dataclass
class Desk:
    """All that the addresses share: the studies as they stand, and the process that computes."""

    studies: Studies
    work: Work = field(default_factory=Work)
    _live: dict[Path, Live] = field(default_factory=dict)
    _drawn: dict[Path, tuple[float, float]] = field(default_factory=dict)

    def live(self, name: str) -> Live:
        """A study, by its name.

        Raises:
            HTTPException: 404, if there is none.
        """
        folder = self.studies.folder(name)
        return self._live.setdefault(folder, Live(folder))

    async def curves(self, live: Live, epochs_done: float) -> PagePart:
        """Learning curves after so many epochs, or a little before: drawing takes time from
        trainings on this machine, so it may take a twentieth of it.
        """
        shown, until = self._drawn.get(live.folder, (epochs_done, 0.0))
        if (started := time.monotonic()) >= until:
            shown = epochs_done
        key = ("curves", live.folder, shown)
        part = await _page_part(self, key, curves_part, live.folder)
        if started >= until:
            ended = time.monotonic()
            self._drawn[live.folder] = (shown, ended + DRAWING_SHARE * (ended - started))
        return part


def study_router(desk: Desk) -> APIRouter:
    """All addresses below /api/studies and /api/comparison."""
    router = APIRouter(prefix="/api", responses=_ERRORS)
    _add_progress(router, desk)
    _add_parts(router, desk)
    _add_slices(router, desk)
    _add_downloads(router, desk)
    return router


def _add_progress(router: APIRouter, desk: Desk) -> None:
    @router.get("/studies")
    def studies() -> StudyList:
        """Every study, and how far it is."""
        found, damaged = [], []
        for name in desk.studies.names():
            try:
                live = desk.live(name)
                found.append(_study_now(name, live, live.state()))
            except InputError:
                damaged.append(name)
        return StudyList(studies=found, damaged=damaged)

    @router.get("/studies/{study}/progress")
    def progress(study: StudyName) -> Progress:
        """A study's runs as they stand at this moment."""
        live = desk.live(study)
        state = live.state()
        return Progress(study=_study_now(study, live, state), runs=list(map(_run_now, state.runs)))


def _add_parts(router: APIRouter, desk: Desk) -> None:
    @router.get("/studies/{study}/conclusion")
    async def conclusion(
        study: StudyName,
        region: Annotated[str | None, Query(max_length=100)] = None,
        metric: Metric | None = None,
        margin: Annotated[float | None, Query(gt=0, lt=1)] = None,
        reference: Annotated[str | None, Query(max_length=200)] = None,
    ) -> ConclusionNow:
        """The conclusion so far: of the study's own question, or of another one, exploratory.

        Reading the answer to a study's own question is a look at it, and looks are counted; so it
        is shown where it has been looked at, or after POST .../looks.
        """
        question = Question(region, metric, margin, reference)
        return await _conclusion(desk, study, question, may_look=False)

    @router.post("/studies/{study}/looks", status_code=200)
    async def look(study: StudyName) -> ConclusionNow:
        """Look at the answer to the study's own question: the look is logged in its folder."""
        return await _conclusion(desk, study, Question(), may_look=True)

    @router.get("/studies/{study}/curves")
    async def curves(study: StudyName) -> PagePart:
        """Learning curves of all trainings, also of those that go on."""
        live = desk.live(study)
        state = await run_in_threadpool(live.state)
        return await desk.curves(live, state.epochs_done)

    @router.get("/comparison")
    async def comparison(
        one: Annotated[str, Query(max_length=200)], other: Annotated[str, Query(max_length=200)]
    ) -> PagePart:
        """Two studies side by side; no verdict is read."""
        first, second = desk.live(one), desk.live(other)
        if not (first.has_networks() and second.has_networks()):
            raise HTTPException(409, "A study without a finished network cannot be compared yet.")
        pair = ((one, first.folder), (other, second.folder))
        key = ("comparison", pair, first.stamp(), second.stamp())
        return await _page_part(desk, key, comparison_part, *pair)


def _add_slices(router: APIRouter, desk: Desk) -> None:
    @router.get("/studies/{study}/explorer")
    def explorer(study: StudyName) -> ExplorerNow:
        """What the slice explorer knows: values, networks, slices with their scores."""
        live = desk.live(study)
        if live.study.tune is not None:
            return ExplorerNow(
                stamp=live.stamp(),
                index=None,
                sentence="This is a search: its test patients are looked at once, at its end.",
            )
        found = live.slices() if live.has_networks() else None
        if found is None:
            sentence = (
                "No network has been tested yet, or the study's dataset is not at hand on this "
                "computer."
            )
            return ExplorerNow(stamp=live.stamp(), index=None, sentence=sentence)
        stamp, store = found
        return ExplorerNow(stamp=stamp, index=store.explorer.index())

    @router.get(
        "/studies/{study}/slices/{number}/{kind}.png",
        response_class=Response,
        responses={200: {"content": {"image/png": {}}}},
    )
    async def slice_pixels(
        study: StudyName,
        number: Annotated[int, InPath(ge=0, le=2**31)],
        kind: Literal["image", "masks"],
        stamp: Stamp,
    ) -> Response:
        """A slice's grey image, or its masks below each other: the manual one, then each cell's.

        Numbers are those of the explorer's index with the same stamp.
        """
        found = desk.live(study).slices(stamp)
        if found is None:
            raise HTTPException(409, "The study has gone on; ask for the explorer again.")
        store = found[1]
        if number >= len(store.explorer.slices):
            raise HTTPException(404, "There is no slice of this number.")
        pixels = store.ready(number)
        if pixels is None:
            pixels = await run_in_threadpool(store.pixels, number)
        content = pixels.image if kind == "image" else pixels.masks
        return Response(content, media_type=MEDIA["png"], headers=_KEPT_FOR_EVER)


def _add_downloads(router: APIRouter, desk: Desk) -> None:
    @router.get(
        "/figures/{part}/{name}.{form}",
        response_class=Response,
        responses={200: {"content": {"image/svg+xml": {}, "image/png": {}}}},
    )
    async def figure(
        part: Annotated[str, InPath(max_length=64, description="as the page part has it")],
        name: Annotated[str, InPath(max_length=100)],
        form: Literal["svg", "png"],
    ) -> Response:
        """A figure of a part that a page has shown."""
        shown = desk.work.known(part)
        for drawing in shown.drawings if isinstance(shown, Part) else ():
            if drawing.name == name:
                content = drawing.png if form == "png" else drawing.svg.encode()
                return _file(content, f"{name}.{form}", MEDIA[form])
        raise HTTPException(404, "There is no such figure any more; open its page again.")

    @router.get(
        "/studies/{study}/tables/{name}.csv",
        response_class=Response,
        responses={200: {"content": {"text/csv": {}}}},
    )
    async def table(study: StudyName, name: TableName) -> Response:
        """A results table as CSV: runs, counts, or all learning curves."""
        live = desk.live(study)
        key = ("table", live.folder, name, live.stamp(), live.state().epochs_done)
        content = await desk.work.answer(key, table_csv, live.folder, name)
        return _file(content, f"{study}-{name}.csv", MEDIA["csv"])

    @router.get(
        "/studies/{study}/models/{run}.zip",
        response_class=FileResponse,
        responses={200: {"content": {"application/zip": {}}}},
    )
    async def model(
        study: StudyName, run: Annotated[str, InPath(pattern=r"^[0-9A-Za-z._-]{1,100}$")]
    ) -> FileResponse:
        """A network as safetensors and JSON, with its model card; research only."""
        home = StudyFolder(desk.live(study).folder)
        found = {one.id: one for one in home.runs()}.get(run)
        if found is None or not found.weights.is_file():
            raise HTTPException(404, "There is no trained network of this name.")
        place = tempfile.TemporaryDirectory()
        path = Path(place.name) / "model.zip"
        await desk.work.answer(("model", path), model_zip, found.path, path)
        name = f"{study}-{run}.zip"
        return FileResponse(path, filename=name, background=BackgroundTask(place.cleanup))


async def _conclusion(
    desk: Desk, study: str, question: Question, *, may_look: bool
) -> ConclusionNow:
    live = desk.live(study)
    is_preliminary = not _is_over(live, await run_in_threadpool(live.state))
    if live.study.tune is not None:
        return await _answer_of_search(desk, live, is_preliminary)
    if not live.has_networks():
        return _nothing(is_preliminary, "No network is finished yet.")
    looks = StudyFolder(live.folder).looks
    seen = looks.stat().st_size if looks.exists() else 0
    key = ("conclusion", live.folder, live.stamp(), question, seen)
    part: Part = await desk.work.answer(key, conclusion_part, live.folder, question)
    if part.new_look and part.look is not None:
        if not may_look:
            return ConclusionNow(
                state="a look", sentence=_A_LOOK, is_preliminary=is_preliminary, part=None
            )
        await run_in_threadpool(log_look, StudyFolder(live.folder), part.look)
    shown = await _page_part(desk, key, conclusion_part, live.folder, question)
    return ConclusionNow(state="shown", sentence="", is_preliminary=is_preliminary, part=shown)


async def _answer_of_search(desk: Desk, live: Live, is_preliminary: bool) -> ConclusionNow:
    """What a search has found; before its end nothing, since its end looks at test patients."""
    if is_preliminary or not StudyFolder(live.folder).report.is_file():
        return _nothing(True, _OF_A_SEARCH)
    key = ("search", live.folder, live.stamp())
    shown = await _page_part(desk, key, search_part, live.folder)
    return ConclusionNow(state="shown", sentence="", is_preliminary=False, part=shown)


_OF_A_SEARCH = (
    "This is a search: its answer comes from a race at its end, when test patients are looked at, "
    "once. `myosweep conclude` says how far it is."
)
_A_LOOK = (
    "Reading the answer to the study's own question is a look at it. Every look at a growing study "
    "is another chance to err, so each may spend only a part of the 5 % of errors, and it is "
    "written down in the study's folder."
)


def _nothing(is_preliminary: bool, sentence: str) -> ConclusionNow:
    return ConclusionNow(state="nothing", sentence=sentence, is_preliminary=is_preliminary)


async def _page_part(
    desk: Desk, key: tuple[Any, ...], compute: Callable[..., Part], *given: Any
) -> PagePart:
    part: Part = await desk.work.answer(key, compute, *given)
    names = [drawing.name for drawing in part.drawings]
    return PagePart(html=part.html, tips=part.tips, part=name_of(key), figures=names)


def _study_now(name: str, live: Live, state: StudyState) -> StudyNow:
    study = live.study
    kind: Literal["sweep", "search", "masks"] = "search" if study.tune else "sweep"
    if study.source == "masks":
        kind = "masks"
    return StudyNow(
        name=name,
        title=study.name,
        question=f"{fields_in_words(study.fields)}: {metric_words(study.question)}",
        kind=kind,
        regions=list(live.regions()),
        counts=Counts(
            done=state.done,
            running=state.count("running"),
            failed=state.count("failed"),
            stopped=state.count("stopped"),
            waiting=state.count("waiting"),
            all=len(state.runs),
        ),
        share=state.epochs_done / state.epochs if state.epochs else 0.0,
        seconds_left=state.seconds_left,
        stamp=live.stamp(),
        epochs_done=state.epochs_done,
        is_over=_is_over(live, state),
        has_report=StudyFolder(live.folder).report.is_file(),
    )


def _is_over(live: Live, state: StudyState) -> bool:
    """Whether no run is wanted any more."""
    if live.study.tune is None:
        return state.settled == len(state.runs)
    tuning = read_tuning_state(StudyFolder(live.folder))
    return tuning is not None and tuning.race_over


def _run_now(run: RunState) -> RunNow:
    return RunNow(
        label=run.label,
        state=run.state,
        epochs_done=run.epochs_done,
        epochs=run.epochs,
        seconds=run.seconds,
        error=run.error.splitlines()[0] if run.error else "",
        run=run.id if run.state in ("complete", "diverged") else None,
    )


def _file(content: bytes, name: str, media: str) -> Response:
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "-" for c in name)
    headers = {"Content-Disposition": f'attachment; filename="{plain}"'}
    return Response(content, media_type=media, headers=headers)
