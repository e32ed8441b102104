"""What the server and the process that predicts tell each other, as records in files."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from myosweep.predict.cases import Kind

JOB, OUTCOME = "job.json", "outcome.json"
UPLOAD, RESULTS = "upload", "results"
"""Files and folders of a job's folder."""
STEM = "upload-"
"""Uploaded files are called so, with their number; what users called them is kept nowhere."""
MOST_OUTCOME_BYTES = 2**24

ImageName = Literal["image", "masks"]
DownloadName = Literal[
    "mask.png", "masks.zip", "mask.nii.gz", "volumes.zip", "contours.json", "contours.zip",
    "slices.csv",
]  # fmt: skip


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class AskedModel(_Record):
    """A model as ``open_model`` takes it."""

    place: str
    values: tuple[str, ...] = ()


class Job(_Record):
    """What is to be done with the files of a job's folder.

    Attributes:
        seconds: after which the process ends itself, should nobody else end it.
    """

    models: tuple[AskedModel, ...] = Field(min_length=1)
    heart: Literal["search", "centre"] = "search"
    turn: Literal[0, 90, 180, 270] = 0
    mirror: bool = False
    threads: int = 1
    seconds: float = 600.0


class Region(_Record):
    """A region, and its code in the masks that can be saved."""

    name: str
    code: int


class Case(_Record):
    """A picture, volume or series."""

    upload: int = Field(description="number of its first file, from 1, in the order they were sent")
    kind: Kind
    slices: int
    height: int
    width: int
    spacing_yx_mm: tuple[float, float] | None
    is_volume: bool = Field(description="whether there are NIfTI files of it")


class Score(_Record):
    """What a model says of its answer on a slice."""

    agreement: float | None = Field(description="of its samples, 0 to 1")
    look: bool | None = Field(description="whether to look at it; None if it was not calibrated")
    words: str


class Slice(_Record):
    """A slice of a case, and what each model says of it; None of a model that says nothing."""

    case: int
    number: int = Field(description="in its case, from 0")
    scores: tuple[Score | None, ...]


class Answering(_Record):
    """A model that has answered.

    Attributes:
        sentences: what its flags are worth, from its calibration.
    """

    networks: int
    sentences: tuple[str, ...]


class Made(_Record):
    """What there is after a prediction."""

    regions: tuple[Region, ...]
    step: int = Field(description="between the grey levels of codes in masks.png")
    models: tuple[Answering, ...]
    cases: tuple[Case, ...]
    slices: tuple[Slice, ...]
    warnings: tuple[str, ...]
    problems: tuple[str, ...]
    downloads: tuple[DownloadName, ...]


class Outcome(_Record):
    """How a job ended: with something, or with a problem in one sentence."""

    made: Made | None
    problem: str = ""


def picture_name(number: int, kind: ImageName) -> str:
    """File of a slice among the results, for the page."""
    return f"slice-{number}-{kind}.png"


def volume_name(case: int, model: int | None) -> str:
    """File of a volume among the results: the image, or a model's mask."""
    return f"case-{case}-{'image' if model is None else f'mask-{model}'}.nii.gz"
