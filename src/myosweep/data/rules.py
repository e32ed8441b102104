"""The user's wishes that hold for every kind of import: regions, crop, resampling, table."""

from dataclasses import dataclass
from math import isqrt
from pathlib import Path
from typing import Any, Literal

from myosweep.data.resample import LARGEST_MM, SMALLEST_MM, is_plausible
from myosweep.data.stack import MOST_PIXELS
from myosweep.errors import DatasetError
from myosweep.regions import RegionScheme

_LONGEST_LICENCE = 200


@dataclass(frozen=True)
class Rules:
    """How a stack becomes slices of a dataset.

    Args:
        scheme: which codes make which region; every code must be in it.
        crop: side of the square to cut out, pixels; without it all slices have one size already.
        crop_around: the middle of the image, or of all regions but the first (of a whole stack).
        resample_mm: side of the square pixels to resample to; without it no pixel is touched.
        table: CSV that describes slices or patients, see ``read_descriptions``.
        allow_duplicates: keep slices whose image is that of another slice.
        licence: under which the images and masks may be used, in a line; kept as it is given.

    Raises:
        DatasetError: if a number is out of range.
    """

    scheme: RegionScheme
    crop: int | None = None
    crop_around: Literal["centre", "masks"] = "centre"
    resample_mm: float | None = None
    table: Path | None = None
    allow_duplicates: bool = False
    licence: str | None = None

    def __post_init__(self) -> None:
        if self.crop is not None and self.crop < 1:
            raise DatasetError(
                f"a crop is at least 1 pixel wide, got {self.crop}; give a larger one"
            )
        if self.crop is not None and self.crop**2 > MOST_PIXELS:
            raise DatasetError(
                f"a crop is at most {isqrt(MOST_PIXELS)} pixels wide, got {self.crop}; give a "
                "smaller one"
            )
        if self.resample_mm is not None and not is_plausible(self.resample_mm):
            raise DatasetError(
                f"pixels are resampled to {SMALLEST_MM} to {LARGEST_MM} mm, got "
                f"{self.resample_mm:g}; LGE slices have about 1 to 2 mm"
            )
        if self.licence is not None and not _is_line(self.licence):
            raise DatasetError(
                f"a licence is a line of at most {_LONGEST_LICENCE} letters without double quotes, "
                f"got {self.licence!r}; "
                'write for instance --licence "CC BY-NC-SA 4.0"'
            )

    def facts(self) -> dict[str, Any]:
        """What the manifest tells of them."""
        around = self.crop_around if self.crop else None
        resampled = {"resample_mm": self.resample_mm} if self.resample_mm else {}
        stated = {"licence": self.licence.strip()} if self.licence else {}
        return {"crop": self.crop, "crop_around": around, **resampled, **stated}


def _is_line(text: str) -> bool:
    return (
        bool(text.strip())
        and text.isprintable()
        and '"' not in text
        and len(text) <= _LONGEST_LICENCE
    )
