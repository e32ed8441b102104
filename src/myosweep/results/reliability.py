"""What `myosweep calibrate` keeps of a model: its tables, and what prediction needs of them.

DIR/reliability/<model>/slices.parquet    a row per validation or test slice and region
DIR/reliability/<model>/pixels.parquet    pixels near the heart, counted by probability
DIR/reliability/<model>/about.json        how both were made; written after them
DIR/reliability/<model>/reliability.json  temperature and threshold, for `myosweep predict`
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas as pd
from pydantic import Field, ValidationError

from myosweep.config import Record
from myosweep.errors import StudyError
from myosweep.files import read_json, whole_file, write_json
from myosweep.results.layout import StudyFolder

WHOLE = ""
"""In the column ``region`` of the pixels: whichever region the answer has on each pixel."""
CALIBRATION = "reliability.json"
SLICE_COLUMNS = (
    "part", "slice", "patient", "region", "score", "dice", "reference_px", "answer_px"
)  # fmt: skip
"""``region``: or the whole wall, if several regions make it; see ``metrics.clinical.targets_of``.
``score``: agreement of the samples. ``dice``: of the answer; 1 where reference and answer both
lack the region, 0 where one of them does."""
PIXEL_COLUMNS = ("part", "patient", "region", "calibrated", "bin", "n", "p_sum", "hits")
"""``calibrated``: after temperature scaling. ``hits``: pixels of the region, or right ones."""
_ID_LETTERS = 12
_MOST_BYTES = 1_000_000
"""Of a calibration, which may come from others."""


class About(Record):
    """How a model's tables were made.

    Attributes:
        model: its digest. ``runs``: its networks. ``label``: the value in words.
        copies: mirrored copies of each image; 1: each network gives one sample.
        samples: networks times copies.
        temperature: of the probabilities; 1 unless validation patients show that they need
            another, which is ``fitted``, with its interval where there are several patients.
    """

    made_by: str
    model: str
    runs: tuple[str, ...]
    label: str
    regions: tuple[str, ...]
    copies: int = Field(ge=1)
    samples: int = Field(ge=2)
    temperature: float = Field(gt=0)
    fitted: tuple[float, float | None, float | None]
    near_px: float
    split_hash: str


class Calibration(Record):
    """What `myosweep predict` needs of a calibrated model.

    Attributes:
        region: that slices are flagged for, or the whole wall.
        failure: a slice with a lower Dice of the region is a failure.
        threshold: slices whose agreement is not above it are to be looked at; None if validation
            patients had no failure.
        promise: whether validation patients had enough failures for ``catch`` to be a promise.
        sentences: what the flag was worth on test patients, and its rule, in plain English.
    """

    made_by: str
    model: str
    copies: Literal[1, 2, 4, 8]
    temperature: float = Field(gt=0)
    region: str
    failure: float
    catch: float
    threshold: float | None
    promise: bool
    sentences: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Tables:
    """A model's tables, and how they were made."""

    about: About
    slices: pd.DataFrame
    pixels: pd.DataFrame


def model_folder(study: StudyFolder, digest: str) -> Path:
    """Where a model's tables lie."""
    return study.reliability / digest[:_ID_LETTERS]


def write_tables(folder: Path, tables: Tables) -> None:
    """Write tables in place of older ones; what was concluded from those is removed."""
    for name in ("about.json", CALIBRATION):
        (folder / name).unlink(missing_ok=True)
    for name, table in (("slices", tables.slices), ("pixels", tables.pixels)):
        with whole_file(folder / f"{name}.parquet") as draft:
            table.to_parquet(draft, index=False, compression="zstd")
    write_json(folder / "about.json", tables.about.model_dump(mode="json"))


def read_tables(folder: Path) -> Tables | None:
    """A model's tables; None if it has not been calibrated.

    Raises:
        StudyError: if they are damaged.
    """
    if not (folder / "about.json").exists():
        return None
    try:
        about = About.model_validate(read_json(folder / "about.json"))
        slices, pixels = (
            pd.read_parquet(folder / f"{name}.parquet", columns=list(columns))
            for name, columns in (("slices", SLICE_COLUMNS), ("pixels", PIXEL_COLUMNS))
        )
        return Tables(about, slices, pixels)
    except (OSError, ValueError, KeyError, ValidationError, RecursionError):
        raise StudyError(
            f"the tables in reliability/{folder.name} are damaged; remove that folder and run "
            "`myosweep calibrate` again"
        ) from None


def write_calibration(folder: Path, calibration: Calibration) -> None:
    """Write what prediction needs, in place of an older one."""
    write_json(folder / CALIBRATION, calibration.model_dump(mode="json"))


def read_calibration(path: Path) -> Calibration | None:
    """The calibration in a file; None if there is no such file.

    Raises:
        StudyError: if it is damaged.
    """
    if not path.is_file():
        return None
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise ValueError
        return Calibration.model_validate(read_json(path))
    except (OSError, ValueError, ValidationError, RecursionError):
        raise StudyError(
            f"{path.name!r} is no calibration, or a damaged one; make it again with `myosweep "
            "calibrate`"
        ) from None


def calibrated_models(study: StudyFolder) -> Iterator[tuple[Tables, Calibration]]:
    """All models of a study that were calibrated, in the order of their folders."""
    for folder in sorted(study.reliability.glob("*")):
        tables, calibration = read_tables(folder), read_calibration(folder / CALIBRATION)
        if tables is not None and calibration is not None:
            yield tables, calibration
