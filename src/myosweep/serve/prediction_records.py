"""What the addresses of predictions answer, as records; as in ``records``."""

from typing import Literal

from pydantic import BaseModel, Field

from myosweep.serve.job import Case, DownloadName, Slice


class ModelNow(BaseModel):
    """A model that can be asked."""

    key: str
    words: str
    colour: str
    networks: int
    kind: Literal["value", "run"]


class ModelList(BaseModel):
    """Models of a study: values, whose networks answer together, and single networks."""

    models: list[ModelNow]
    most_bytes: int = Field(description="of an upload, all its files together")
    most_files: int
    most_models: int = Field(description="that can be asked at once")


class ShownModel(BaseModel):
    """A model that has answered.

    ``sentences`` say what its flags are worth.
    """

    words: str
    colour: str
    networks: int
    sentences: list[str]


class ShownRegion(BaseModel):
    """A region: its name, its colour, its code in masks that can be saved."""

    name: str
    colour: str
    code: int


class Download(BaseModel):
    """A file that can be saved."""

    name: DownloadName
    words: str
    bytes: int


class ShownResult(BaseModel):
    """What a prediction has made. Slices are numbered in their order here."""

    regions: list[ShownRegion]
    step: int = Field(description="between the grey levels of codes in masks.png")
    models: list[ShownModel]
    cases: list[Case]
    slices: list[Slice]
    warnings: list[str]
    problems: list[str]
    downloads: list[Download]


class PredictionNow(BaseModel):
    """How a prediction stands."""

    id: str
    state: Literal["waiting", "running", "done", "failed"]
    sentence: str
    before: int = Field(description="predictions that get their place earlier")
    seconds_left: float | None = Field(description="until the results are deleted")
    result: ShownResult | None
