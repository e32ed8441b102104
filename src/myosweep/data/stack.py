"""What every reader gives: stacks of slices, found first, read later, one at a time."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from jaxtyping import Shaped

MOST_PIXELS = 4096 * 4096
"""No slice is larger; a header that says so is damaged or hostile."""

Uncontoured = Literal["leave-out", "background"]
"""What becomes of a slice that nobody drew on, in a stack that has masks."""


@dataclass(frozen=True)
class SourceSlice:
    """One slice with its reference, as the source has it: neither cropped nor resampled.

    Args:
        subject: what an error calls it, such as ``volume 'P07', slice 3``; relative names alone.
        image: 8 or 16 bits, never signed; see ``signal``.
        labels: codes, whole numbers of any type; another size than the image's is a fault.
        slice: its label within the patient; without one, slices are numbered as they come.
        place: its number in its stack, from 1, those that are left out counted as well; None for
            a picture that comes alone.
        spacing_yx_mm: distance of rows, distance of columns.
        row: description columns and whatever else the dataset's table shall hold.
        points: named places in the image (y, x), pixels; they follow the crop and the resampling.
        mask_subject: what an error calls its mask, where that is a file of its own.
        problems: whole sentences; a slice that has any is looked at for more, and not imported.
    """

    subject: str
    image: Shaped[np.ndarray, "y x"]
    labels: Shaped[np.ndarray, "mask_y mask_x"]
    slice: str | None = None
    place: int | None = None
    spacing_yx_mm: tuple[float, float] | None = None
    row: Mapping[str, Any] = field(default_factory=dict)
    points: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    mask_subject: str | None = None
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class Stack:
    """Slices of one patient that are read at once: a pair of pictures, a volume, a series.

    Args:
        subject: what an error calls it.
        patient: the patient's code; empty if it is not known, which is a problem told elsewhere.
        order: stacks of a patient are taken in this order (natural order of text).
        sizes: height and width of each slice, as the header says; its length is the number of
            slices that ``read`` gives at most.
        image_type, label_type: the smallest of uint8 and uint16 that hold what ``read`` gives.
        spacing_yx_mm: as the header says, where it does.
        read: the slices; called once, perhaps in another thread.

    ``read`` raises DatasetError; each of its problems is written behind ``subject``.
    """

    subject: str
    patient: str
    order: str
    sizes: Sequence[tuple[int, int]]
    image_type: np.dtype
    label_type: np.dtype
    read: Callable[[], Sequence[SourceSlice]]
    spacing_yx_mm: tuple[float, float] | None = None
