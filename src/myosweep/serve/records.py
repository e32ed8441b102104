"""What the server's addresses answer, as records; the OpenAPI description is made from them."""

from typing import Any, Literal

from pydantic import BaseModel, Field


class Refused(BaseModel):
    """Why something is not answered, in one sentence."""

    detail: str


class RunNow(BaseModel):
    """How a run stands."""

    label: str
    state: Literal["complete", "diverged", "stopped", "failed", "running", "waiting"]
    epochs_done: float
    epochs: int
    seconds: float
    error: str = ""
    run: str | None = Field(None, description="its id, if its network can be saved")


class Counts(BaseModel):
    """How many runs stand how."""

    done: int
    running: int
    failed: int
    stopped: int
    waiting: int
    all: int


class StudyNow(BaseModel):
    """How a study stands at this moment."""

    name: str
    title: str
    question: str
    kind: Literal["sweep", "search", "masks"]
    regions: list[str]
    counts: Counts
    share: float = Field(description="of all epochs, or of a search's budget; 0 to 1")
    seconds_left: float | None = Field(description="at the pace so far; of a search at most")
    stamp: str = Field(description="names the set of whole runs")
    epochs_done: float
    is_over: bool
    has_report: bool
    has_weights: bool = Field(description="whether any network can be asked for a prediction")


class Progress(BaseModel):
    """A study and its runs."""

    study: StudyNow
    runs: list[RunNow]


class StudyList(BaseModel):
    """All studies; those that cannot be read are named apart."""

    studies: list[StudyNow]
    damaged: list[str]


class PagePart(BaseModel):
    """A part of a page: HTML whose style attributes are named ``data-look``."""

    html: str
    tips: dict[str, str]
    part: str = Field(description="names this part, for /figures/PART/NAME.svg")
    figures: list[str] = Field(description="names of its figures")


class ConclusionNow(BaseModel):
    """The conclusion so far, or why it is not shown yet."""

    state: Literal["shown", "a look", "nothing"]
    sentence: str
    is_preliminary: bool
    part: PagePart | None = None


class ExplorerNow(BaseModel):
    """What the slice explorer knows; None where there is nothing to look at."""

    stamp: str
    index: dict[str, Any] | None
    sentence: str = ""
