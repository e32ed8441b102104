"""What pages ask the server for: progress, conclusion, curves, slices; and what can be saved."""

import tempfile
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Query, Response
from fastapi import Path as InPath
from fastapi.responses import FileResponse
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool

from myosweep.errors import InputError
from myosweep.results.layout import StudyFolder
from myosweep.serve.desk import Desk
from myosweep.serve.downloads import MEDIA, TableName, model_zip, table_csv
from myosweep.serve.fragments import Question, comparison_part
from myosweep.serve.records import (
    ConclusionNow,
    ExplorerNow,
    PagePart,
    Progress,
    Refused,
    StudyList,
)
from myosweep.serve.standing import run_now, study_now

StudyName = Annotated[str, InPath(max_length=200, description="a study's folder name")]
Stamp = Annotated[str, Query(max_length=64, description="as /progress has it")]
Metric = Literal["accuracy", "iou", "dice", "bf"]
_KEPT_FOR_EVER = {"Cache-Control": "private, max-age=31536000, immutable"}
_ERRORS: dict[int | str, dict[str, Any]] = {
    code: {"model": Refused} for code in (400, 401, 403, 404, 409, 413, 422, 503)
}


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
                found.append(study_now(name, live, live.state()))
            except InputError:
                damaged.append(name)
        return StudyList(studies=found, damaged=damaged)

    @router.get("/studies/{study}/progress")
    def progress(study: StudyName) -> Progress:
        """A study's runs as they stand at this moment."""
        live = desk.live(study)
        state, weights = live.state(), live.weights()
        runs = [run_now(run, live.study, weights) for run in state.runs]
        return Progress(study=study_now(study, live, state), runs=runs)


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
        return await desk.conclusion(desk.live(study), question, may_look=False)

    @router.post("/studies/{study}/looks", status_code=200)
    async def look(study: StudyName) -> ConclusionNow:
        """Look at the answer to the study's own question: the look is logged in its folder."""
        return await desk.conclusion(desk.live(study), Question(), may_look=True)

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
        stamps = ((first, first.stamp()), (second, second.stamp()))
        key = ("comparison", pair, *(stamp for _, stamp in stamps))
        return await desk.part(key, comparison_part, *pair, stamps=stamps)


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
        drawing = await desk.figure(part, name)
        if drawing is None:
            raise HTTPException(404, "There is no such figure any more; open its page again.")
        content = drawing.png if form == "png" else drawing.svg.encode()
        return _file(content, f"{name}.{form}", MEDIA[form])

    @router.get(
        "/studies/{study}/tables/{name}.csv",
        response_class=Response,
        responses={200: {"content": {"text/csv": {}}}},
    )
    async def table(study: StudyName, name: TableName) -> Response:
        """A results table as CSV: runs, counts, or all learning curves."""
        content = await desk.work.computed(table_csv, desk.live(study).folder, name)
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
        await desk.work.computed(model_zip, found.path, path)
        name = f"{study}-{run}.zip"
        return FileResponse(path, filename=name, background=BackgroundTask(place.cleanup))


def _file(content: bytes, name: str, media: str) -> Response:
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "-" for c in name)
    headers = {"Content-Disposition": f'attachment; filename="{plain}"'}
    return Response(content, media_type=media, headers=headers)
