"""Addresses of predictions on uploaded files, and what they answer."""

from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Annotated, Any, Literal

from fastapi import APIRouter, FastAPI, File, Form, HTTPException, Request, Response, UploadFile
from fastapi import Path as InPath
from fastapi.responses import FileResponse
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool

from myosweep.report.figures.style import region_colours
from myosweep.serve.guard import Limits
from myosweep.serve.job import (
    DownloadName,
    ImageName,
    Job,
    Made,
    picture_name,
    volume_name,
)
from myosweep.serve.model_options import ModelOption, model_options
from myosweep.serve.prediction_records import (
    Download,
    ModelList,
    ModelNow,
    PredictionNow,
    ShownModel,
    ShownRegion,
    ShownResult,
)
from myosweep.serve.predictions import KEPT_S, Prediction, Predictions
from myosweep.serve.records import Refused
from myosweep.serve.sandbox import COMMAND, Bounds
from myosweep.serve.studies import Studies
from myosweep.serve.uploads import MOST_FILES

MOST_MODELS = 8
_MEDIA = {
    ".png": "image/png",
    ".gz": "application/gzip",
    ".zip": "application/zip",
    ".json": "application/json",
    ".csv": "text/csv; charset=utf-8",
}
_DOWNLOAD_WORDS = {
    "mask.png": "the mask as a picture of label codes",
    "masks.zip": "the masks as pictures of label codes",
    "mask.nii.gz": "the mask as a NIfTI volume",
    "volumes.zip": "the masks as NIfTI volumes",
    "contours.json": "the outlines",
    "contours.zip": "the outlines",
    "slices.csv": "the agreement of the networks on each slice",
}
_Responses = dict[int | str, dict[str, Any]]
_WORKS: _Responses = {code: {"model": Refused} for code in (400, 401, 403, 404, 409, 413, 422)}
_TAKES_IN: _Responses = {**_WORKS, 415: {"model": Refused}, 503: {"model": Refused}}

StudyName = Annotated[str, InPath(max_length=200, description="a study's folder name")]
Id = Annotated[str, InPath(pattern=r"^[0-9A-Za-z_-]{16,64}$")]
Number = Annotated[int, InPath(ge=0, le=2**31)]


def predictions_router(
    studies: Studies,
    limits: Limits | None = None,
    bounds: Bounds | None = None,
    *,
    kept_s: float = KEPT_S,
    command: Sequence[str] = COMMAND,
) -> APIRouter:
    """All addresses of predictions; with the app that includes it, the sandbox begins and ends.

    Args:
        kept_s: after so long results are deleted.
        command: the sandbox's program.
    """
    limits, bounds = limits or Limits(), bounds or Bounds()
    predictions = Predictions(limits.upload_bytes, bounds, kept_s, command)

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        async with predictions.living():
            yield

    router = APIRouter(prefix="/api", lifespan=life, route_class=_gate(predictions))
    _add_start(router, studies, predictions, limits, bounds)
    _add_state(router, predictions)
    _add_results(router, predictions)
    return router


def _gate(predictions: Predictions) -> type[APIRoute]:
    """Routes that let an upload in only if there is a place for it, before it is read."""

    class Gate(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            answer = super().get_route_handler()

            async def guarded(request: Request) -> Response:
                if request.method != "POST":
                    return await answer(request)
                async with predictions.entrance():
                    return await answer(request)

            return guarded

    return Gate


def _add_start(
    router: APIRouter, studies: Studies, predictions: Predictions, limits: Limits, bounds: Bounds
) -> None:
    @router.get("/studies/{study}/models", responses=_WORKS)
    async def models(study: StudyName) -> ModelList:
        """The models that can be asked for a prediction."""
        options = await run_in_threadpool(model_options, studies.folder(study))
        if options:
            predictions.warm()
        return ModelList(
            models=list(map(_model_now, options)),
            most_bytes=limits.upload_bytes,
            most_files=MOST_FILES,
            most_models=MOST_MODELS,
        )

    @router.post("/studies/{study}/predictions", status_code=202, responses=_TAKES_IN)
    async def predict(
        study: StudyName,
        files: Annotated[list[UploadFile], File(min_length=1, max_length=MOST_FILES)],
        model: Annotated[
            list[str], Form(min_length=1, max_length=MOST_MODELS, description="keys of models")
        ],
        heart: Annotated[Literal["search", "centre"], Form()] = "search",
        turn: Annotated[Literal["0", "90", "180", "270"], Form()] = "0",
        mirror: Annotated[bool, Form()] = False,
    ) -> PredictionNow:
        """Predict on uploaded files: pictures, NIfTI volumes, a DICOM series, files of Segment.

        Files are deleted when they have been worked on, results after 15 minutes.
        """
        options = await run_in_threadpool(model_options, studies.folder(study))
        chosen = _chosen(options, model)
        job = Job(
            models=tuple(option.asked for option in chosen),
            heart=heart,
            turn=int(turn),
            mirror=mirror,
            threads=bounds.threads,
            seconds=bounds.seconds + 30,
        )
        return _now(await predictions.start(files, job, chosen), predictions)


def _add_state(router: APIRouter, predictions: Predictions) -> None:
    @router.get("/predictions/{id}", responses=_WORKS)
    async def state(id: Id) -> PredictionNow:
        """How a prediction stands, and what it has made."""
        return _now(predictions.get(id), predictions)

    @router.delete("/predictions/{id}", status_code=204, responses=_WORKS)
    async def delete(id: Id) -> None:
        """Stop a prediction, and delete all that there is of it."""
        await predictions.delete(id)


def _add_results(router: APIRouter, predictions: Predictions) -> None:
    @router.get(
        "/predictions/{id}/slices/{number}/{kind}.png",
        response_class=FileResponse,
        responses={**_WORKS, 200: {"content": {"image/png": {}}}},
    )
    async def picture(id: Id, number: Number, kind: ImageName) -> FileResponse:
        """A slice's grey image, or the models' region maps below each other, in their order."""
        one, made = predictions.finished(id)
        if number >= len(made.slices):
            raise HTTPException(404, "There is no slice of this number.")
        return _file(one, picture_name(number, kind))

    @router.get(
        "/predictions/{id}/cases/{number}/image.nii.gz",
        response_class=FileResponse,
        responses={**_WORKS, 200: {"content": {"application/gzip": {}}}},
    )
    async def image(id: Id, number: Number) -> FileResponse:
        """The image of a volume, in its own geometry, with no text of its header."""
        one, made = predictions.finished(id)
        _check_volume(made, number)
        return _file(one, volume_name(number, None))

    @router.get(
        "/predictions/{id}/cases/{number}/masks/{model}.nii.gz",
        response_class=FileResponse,
        responses={**_WORKS, 200: {"content": {"application/gzip": {}}}},
    )
    async def mask(id: Id, number: Number, model: Number) -> FileResponse:
        """A model's mask of a volume, in label codes."""
        one, made = predictions.finished(id)
        _check_volume(made, number)
        if model >= len(made.models):
            raise HTTPException(404, "There is no model of this number.")
        return _file(one, volume_name(number, model))

    @router.get(
        "/predictions/{id}/{name}",
        response_class=FileResponse,
        responses={**_WORKS, 200: {"content": {"application/octet-stream": {}}}},
    )
    async def download(id: Id, name: DownloadName) -> FileResponse:
        """A file to save: masks, outlines, agreement."""
        one, made = predictions.finished(id)
        if name not in made.downloads:
            raise HTTPException(404, "This prediction has no such file.")
        return _file(one, name, is_saved=True)


def _check_volume(made: Made, number: int) -> None:
    if number >= len(made.cases) or not made.cases[number].is_volume:
        raise HTTPException(404, "There is no volume of this number.")


def _file(one: Prediction, name: str, *, is_saved: bool = False) -> FileResponse:
    path = one.results / name
    if not path.is_file():
        raise HTTPException(404, "This has been deleted.")
    media = _MEDIA[path.suffix]
    return FileResponse(path, media_type=media, filename=f"myosweep-{name}" if is_saved else None)


def _chosen(options: list[ModelOption], keys: list[str]) -> list[ModelOption]:
    by_key = {option.key: option for option in options}
    if missing := [key for key in keys if key not in by_key]:
        raise HTTPException(
            422, f"{len(missing)} of the models that were asked for are none of this study's."
        )
    return [by_key[key] for key in dict.fromkeys(keys)]


def _model_now(option: ModelOption) -> ModelNow:
    return ModelNow(
        key=option.key,
        words=option.words,
        colour=option.colour,
        networks=option.networks,
        kind="value" if option.is_value else "run",
    )


def _now(one: Prediction, predictions: Predictions) -> PredictionNow:
    return PredictionNow(
        id=one.id,
        state=one.state,
        sentence=one.sentence,
        before=predictions.before(one),
        seconds_left=predictions.seconds_left(one),
        result=None if one.made is None else _result(one, one.made),
    )


def _result(one: Prediction, made: Made) -> ShownResult:
    colours = region_colours(len(made.regions))
    return ShownResult(
        regions=[
            ShownRegion(name=region.name, colour=colour, code=region.code)
            for region, colour in zip(made.regions, colours, strict=True)
        ],
        step=made.step,
        models=[
            ShownModel(
                words=option.words,
                colour=option.colour,
                networks=answering.networks,
                sentences=list(answering.sentences),
            )
            for option, answering in zip(one.models, made.models, strict=True)
        ],
        cases=list(made.cases),
        slices=list(made.slices),
        warnings=list(made.warnings),
        problems=list(made.problems),
        downloads=[_download(one, name) for name in made.downloads],
    )


def _download(one: Prediction, name: DownloadName) -> Download:
    path = one.results / name
    size = path.stat().st_size if path.is_file() else 0
    return Download(name=name, words=_DOWNLOAD_WORDS[name], bytes=size)
