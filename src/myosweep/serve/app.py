"""The server: pages, their addresses, and what stands before them."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException as AnyHTTPException
from starlette.middleware.gzip import GZipMiddleware

import myosweep
from myosweep.errors import InputError
from myosweep.report.embed import page_style
from myosweep.results.layout import StudyFolder
from myosweep.serve.api import study_router
from myosweep.serve.desk import Desk
from myosweep.serve.guard import Access, Guard, Limits
from myosweep.serve.prediction_api import predictions_router
from myosweep.serve.rendering import page
from myosweep.serve.studies import Studies

_STATIC = {
    "script": ("myosweep.report", "script"),
    "explorer": ("myosweep.report", "explorer"),
    "serve": ("myosweep.serve", "static"),
}
_KINDS = (".js", ".css", ".mjs", ".svg", ".wasm", ".txt")


def create_app(
    root: Path,
    access: Access | None = None,
    limits: Limits | None = None,
    predictions: Callable[[Studies, Limits], APIRouter] = predictions_router,
) -> FastAPI:
    """The web app over a study's folder, or over a folder of studies.

    Args:
        predictions: makes the addresses of predictions on uploads.

    Raises:
        StudyError: if the folder has no study.
    """
    studies = Studies.of(root)
    desk, limits = Desk(studies), limits or Limits()

    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        yield
        desk.work.close()

    app = FastAPI(
        title="myosweep",
        version=myosweep.__version__,
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/openapi.json",
        lifespan=life,
    )
    app.include_router(study_router(desk))
    app.include_router(predictions(studies, limits))
    _add_pages(app, desk)
    _add_static(app)
    _add_errors(app)
    app.add_middleware(GZipMiddleware, minimum_size=2_000)
    app.add_middleware(Guard, access=access or Access(), limits=limits)
    return app


def _add_pages(app: FastAPI, desk: Desk) -> None:
    def shown(template: str, **content: Any) -> HTMLResponse:
        return HTMLResponse(page(template, content))

    @app.get("/", include_in_schema=False)
    def overview() -> Response:
        return shown("overview.html.j2")

    @app.get("/studies/{study}", include_in_schema=False)
    def study(study: str) -> Response:
        return shown("study.html.j2", study=study, name=desk.live(study).study.name)

    @app.get("/studies/{study}/report", include_in_schema=False)
    def report(study: str) -> Response:
        path = StudyFolder(desk.studies.folder(study)).report
        if not path.is_file():
            raise HTTPException(404, "This study has no report yet; `myosweep report` writes it.")
        return FileResponse(path, headers={"Content-Security-Policy": _OF_A_FILE})

    @app.get("/predict", include_in_schema=False)
    def predict() -> Response:
        return shown("predict_page.html.j2")

    @app.get("/compare", include_in_schema=False)
    def compare() -> Response:
        return shown("compare.html.j2")


_OF_A_FILE = (
    "sandbox allow-scripts allow-downloads allow-top-navigation-by-user-activation; "
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src data: blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""A file of a study's folder may be anybody's: it must not speak with this server."""


def _add_static(app: FastAPI) -> None:
    for name, (package, folder) in _STATIC.items():
        place = files(package).joinpath(folder)
        app.mount(f"/static/{name}", _Static(directory=str(place)), name=name)

    @app.get("/static/page.css", include_in_schema=False)
    def style() -> Response:
        return Response(page_style(), media_type="text/css")


class _Static(StaticFiles):
    """Scripts and sheets of the package; nothing else that lies beside them."""

    async def get_response(self, path: str, scope: Any) -> Response:
        if not path.endswith(_KINDS):
            raise HTTPException(404)
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "no-cache"  # asks whether it is still the same
        return response


def _add_errors(app: FastAPI) -> None:
    @app.exception_handler(InputError)
    def broken(_: Request, problem: InputError) -> Response:
        return JSONResponse({"detail": str(problem)}, 409)

    @app.exception_handler(RequestValidationError)
    def invalid(_: Request, problem: RequestValidationError) -> Response:
        return JSONResponse({"detail": _in_words(problem)}, 422)

    @app.exception_handler(AnyHTTPException)
    def refused(request: Request, problem: AnyHTTPException) -> Response:
        sentence = problem.detail if problem.detail != "Not Found" else "There is no such page."
        if request.url.path.startswith("/api/"):
            return JSONResponse({"detail": sentence}, problem.status_code, problem.headers)
        content = page("problem_page.html.j2", {"sentence": sentence})
        return HTMLResponse(content, problem.status_code, problem.headers)


def _in_words(problem: RequestValidationError) -> str:
    """Every field that is wrong, without its value: that may be anything."""
    found = [
        f"{'.'.join(str(part) for part in one['loc'][1:]) or one['loc'][0]}: {one['msg']}"
        for one in problem.errors()
    ]
    return "; ".join(found)
