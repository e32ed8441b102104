"""A chosen stack of a Segment file: its pixels, masks and what the table shall hold."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, UInt8, UInt16

from myosweep.data.dicom.series import Series
from myosweep.data.levels import ventricle_levels
from myosweep.data.segment.file import read_stacks
from myosweep.data.segment.header import StackHeader, everything, read_header
from myosweep.data.segment.insertion import insertion_points
from myosweep.data.segment.masks import stack_labels
from myosweep.data.segment.values import Fields
from myosweep.data.signal import Signal, store_signal
from myosweep.data.stack import SourceSlice
from myosweep.errors import DatasetError

Pixels = UInt8[np.ndarray, "slice y x"] | UInt16[np.ndarray, "slice y x"]


@dataclass(frozen=True, eq=False)
class SegmentSource:
    """A chosen stack, with what is needed to read it."""

    name: str
    path: Path
    header: StackHeader
    kept: Bool[np.ndarray, "slice"]
    series: Series | None

    @property
    def spacing_yx_mm(self) -> tuple[float, float] | None:
        return self.header.spacing_yx_mm or (self.series.spacing_yx_mm if self.series else None)

    @property
    def image_type(self) -> np.dtype:
        if self.series is not None:
            return self.series.image_type
        exact = self.header.dtype == np.uint8 and self.header.dtype is not None
        return np.dtype(np.uint8 if exact else np.uint16)

    def pixels(self) -> Pixels:
        """All slices, whatever is drawn on them."""
        return self._pixels(*self._fields())[0]

    def _fields(self) -> tuple[StackHeader, Fields]:
        number = self.header.number
        _, stacks = read_stacks(self.path, everything(number))
        fields = stacks[number - 1] if len(stacks) >= number else {}
        header = read_header(fields, number)
        if (header.size, header.slices) != (self.header.size, self.header.slices):
            raise DatasetError("has changed since it was found; start again")
        return header, fields

    def read(self) -> list[SourceSlice]:
        """The slices that are kept."""
        header, fields = self._fields()
        labels = stack_labels(header, fields)
        pixels, signal = self._pixels(header, fields)
        row = self._row(signal, file_hash(self.path))
        levels = ventricle_levels(header.shows_heart.tolist(), "last")
        return [
            SourceSlice(
                subject=f"file {self.name!r}, slice {at + 1}",
                image=pixels[at],
                labels=labels[at],
                place=at + 1,
                spacing_yx_mm=self.spacing_yx_mm,
                row=row if levels[at] is None else row | {"level": levels[at]},
                points=insertion_points(header, at),
            )
            for at in np.flatnonzero(self.kept).tolist()
        ]

    def _pixels(self, header: StackHeader, fields: Fields) -> tuple[Pixels, Signal]:
        """All slices of the time frame that is taken."""
        if self.series is not None:
            pixels, signal = self.series.read_pixels()
            # Segment counts slices against the normal of DICOM's image plane, from base to apex.
            return pixels[::-1], signal
        stored = fields["IM"].reshape(*header.size, header.frames, header.slices)
        pixels, signal = store_signal(np.moveaxis(stored[:, :, header.frame], 2, 0))
        return pixels, signal.then(*header.scaling) if stored.dtype.kind == "f" else signal

    def _row(self, signal: Signal, digest: str) -> dict[str, Any]:
        header, series = self.header, self.series
        known: dict[str, Any] = {
            "vendor": header.vendor or (series.vendor if series else None),
            "slice_spacing_mm": header.slice_spacing_mm
            or (series.slice_spacing_mm if series else None),
            "image_file_hash": None if series else digest,
            "mask_file_hash": digest,
        }
        return signal.row() | {key: value for key, value in known.items() if value is not None}


def file_hash(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        raise DatasetError("cannot be read; check that you may open the file") from None
