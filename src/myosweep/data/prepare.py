"""A stack is read and its slices are made ready for a dataset: checked, resampled, cropped."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from jaxtyping import UInt

from myosweep.data.crop import Window
from myosweep.data.problems import collecting
from myosweep.data.resample import (
    LARGEST_MM,
    SMALLEST_MM,
    check_spacing,
    is_plausible,
    resample_image,
    resample_labels,
    resample_point,
    resampled_size,
)
from myosweep.data.rules import Rules
from myosweep.data.stack import MOST_PIXELS, SourceSlice, Stack
from myosweep.data.store import slice_hashes
from myosweep.errors import DatasetError
from myosweep.regions import NO_REGION, free_code

_SQUARE = 0.01
"""Pixels whose sides differ by less than this share are square."""


@dataclass(frozen=True)
class Ready:
    """A slice as the dataset gets it; ``row`` lacks patient, slice, stack and what a table says."""

    subject: str
    label: str | None
    image: UInt[np.ndarray, "y x"]
    labels: UInt[np.ndarray, "y x"]
    padded: bool
    row: dict[str, Any]
    hashes: dict[str, str]


@dataclass
class Outcome:
    """What became of a stack."""

    stack: Stack
    ready: list[Ready] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def prepare(stack: Stack, rules: Rules, types: tuple[np.dtype, np.dtype]) -> Outcome:
    """Read a stack and make its slices ready to be written."""
    outcome = Outcome(stack)
    if too_large(stack):
        return outcome  # the header's fault is told already
    with collecting(outcome.problems, f"{stack.subject} "):
        slices = stack.read()
        for one in slices:
            outcome.problems += [*one.problems, *_faults(one, rules, types)]
        if rules.resample_mm is None:
            outcome.problems += _oblong_pixels(stack, slices)
        fitting = [one for one in slices if not one.problems and _fits(one) and one.image.size]
        whole = [_in_shape(one, rules, types[1]) for one in fitting]
        windows = _windows(whole, rules)
        outcome.ready = [
            _ready(one, windows.get(one.image.shape), rules, types[0]) for one in whole
        ]
    return outcome


def too_large(stack: Stack) -> str | None:
    """What to tell of a stack whose header cannot be true; it is not read."""
    height, width = max(stack.sizes, key=lambda size: size[0] * size[1], default=(0, 0))
    if height * width <= MOST_PIXELS:
        return None
    return f"{stack.subject} says it has {height} x {width} pixels; is it damaged?"


def sizes_after(stack: Stack, rules: Rules) -> list[tuple[int, int]]:
    """Height and width of a stack's slices after resampling; none if its header does not tell."""
    if rules.resample_mm is None:
        return list(stack.sizes)
    spacing, to_mm = stack.spacing_yx_mm, rules.resample_mm
    if spacing is None or not all(map(is_plausible, spacing)):
        return []
    return [resampled_size(size, spacing, to_mm) for size in stack.sizes]


def size_text(size: tuple[int, ...]) -> str:
    return " x ".join(map(str, size))


def _faults(one: SourceSlice, rules: Rules, types: tuple[np.dtype, np.dtype]) -> Iterator[str]:
    """What is wrong with a slice's codes and pixels, beyond what its reader has said."""
    mask = one.mask_subject or f"mask of {one.subject}"
    if not (one.problems or _fits(one)):
        yield (
            f"{one.subject} has {size_text(one.image.shape)} pixels, its mask "
            f"{size_text(one.labels.shape)}; they must have the same size"
        )
    if unknown := rules.scheme.unknown_codes(one.labels):
        yield (
            f"{mask} holds {_some(unknown)}, which no region has; add the code to a --region or "
            "give it to --ignore"
        )
    elif not _holds(types[1], one.labels):
        yield f"{mask} holds codes that its header does not allow for; is it damaged?"
    if not one.problems and one.image.size == 0:
        yield f"{one.subject} has no pixels ({size_text(one.image.shape)}); is it damaged?"
    if not _holds(types[0], one.image):
        yield f"{one.subject} has values that its header does not allow for; is it damaged?"


def _holds(dtype: np.dtype, pixels: np.ndarray) -> bool:
    """Whether all pixels keep their values in a type."""
    if np.can_cast(pixels.dtype, dtype) or pixels.size == 0:
        return True
    return bool(pixels.min() >= 0 and pixels.max() <= np.iinfo(dtype).max)


def _oblong_pixels(stack: Stack, slices: Sequence[SourceSlice]) -> Iterator[str]:
    for spacing in dict.fromkeys(one.spacing_yx_mm for one in slices):
        if spacing is not None and not _is_square(spacing):
            side = min(max(min(spacing), SMALLEST_MM), LARGEST_MM)
            yield (
                f"{stack.subject} has pixels of {spacing[0]:.4g} x {spacing[1]:.4g} mm, which "
                f"would distort the heart; give --resample {side:.4g} for square ones"
            )


def _fits(one: SourceSlice) -> bool:
    return one.image.shape == one.labels.shape


def _in_shape(one: SourceSlice, rules: Rules, label_type: np.dtype) -> SourceSlice:
    """The slice with its codes in the dataset's type, and resampled if that is wanted.

    A picture in place of a mask, which is told already, would take hours: it has a region for each
    grey level. Its codes become 0.
    """
    labels = one.labels.astype(label_type, copy=False)
    if rules.resample_mm is None:
        return replace(one, labels=labels)
    if rules.scheme.unknown_codes(one.labels):
        labels = np.zeros_like(labels)
    spacing, to_mm = check_spacing(one.spacing_yx_mm), rules.resample_mm
    height, width = resampled_size(one.image.shape, spacing, to_mm)
    if height * width > MOST_PIXELS:
        raise DatasetError(
            f"would have {height} x {width} pixels of {to_mm:g} mm; give a larger --resample"
        )
    return replace(
        one,
        image=resample_image(one.image, spacing, to_mm),
        labels=resample_labels(labels, spacing, to_mm),
        points={name: resample_point(at, spacing, to_mm) for name, at in one.points.items()},
        spacing_yx_mm=(to_mm, to_mm),
        row={**one.row, "source_spacing_y_mm": spacing[0], "source_spacing_x_mm": spacing[1]},
    )


def _is_square(spacing_yx_mm: tuple[float, float]) -> bool:
    return max(spacing_yx_mm) <= (1 + _SQUARE) * min(spacing_yx_mm)


def _windows(slices: Sequence[SourceSlice], rules: Rules) -> dict[tuple[int, ...], Window]:
    """Where slices are cut, by their size: those of a stack stay above each other."""
    if rules.crop is None:
        return {}
    masks: dict[tuple[int, ...], np.ndarray] = {}
    for one in slices:
        anywhere = masks.setdefault(one.labels.shape, np.zeros(one.labels.shape, bool))
        if rules.crop_around == "masks":
            regions = rules.scheme.encode(one.labels)
            anywhere |= (regions > 0) & (regions != NO_REGION)
    return {size: Window.around_mask(mask, rules.crop) for size, mask in masks.items()}


def _ready(one: SourceSlice, window: Window | None, rules: Rules, image_type: np.dtype) -> Ready:
    height, width = one.image.shape
    image, labels, padded = one.image.astype(image_type, copy=False), one.labels, False
    top = left = 0
    if window is not None:
        top, left, padded = window.top, window.left, window.leaves(height, width)
        padding = free_code(rules.scheme.codes, labels.dtype) if padded else 0
        image, labels = window.cut(image, 0), window.cut(labels, padding)
    row = dict(one.row)
    if one.spacing_yx_mm is not None:
        row["spacing_mm"] = sum(one.spacing_yx_mm) / 2
    for name, (y, x) in one.points.items():
        row[f"{name}_y_px"], row[f"{name}_x_px"] = y - top, x - left
    if one.place is not None:
        row["place"] = one.place
    row |= {"source_height": height, "source_width": width, "crop_top": top, "crop_left": left}
    hashes = slice_hashes(image, labels)
    return Ready(one.subject, one.slice, image, labels, padded, row, hashes)


def _some(codes: tuple[int, ...]) -> str:
    """Codes in words; of many only the first, since the file is perhaps no mask."""
    few = ", ".join(map(str, codes[:5]))
    return few if len(codes) <= 5 else f"{few} and {len(codes) - 5} more codes (is it a mask?)"
