"""From stacks to a dataset: the one way in, whatever the files were.

Stacks are read, checked, resampled and cropped in a few threads, a bounded number ahead, and
written in their order; so neither the number of slices nor their size needs memory.
"""

import os
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import UInt

from myosweep.data.crop import Window
from myosweep.data.descriptions import read_descriptions
from myosweep.data.names import SliceName, natural_key
from myosweep.data.resample import (
    check_spacing,
    resample_image,
    resample_labels,
    resample_point,
    resampled_size,
)
from myosweep.data.stack import MOST_PIXELS, SourceSlice, Stack
from myosweep.data.store import Dataset, DatasetDraft, new_dataset, open_dataset, slice_hashes
from myosweep.errors import DatasetError
from myosweep.regions import NO_REGION, RegionScheme, free_code

Progress = Callable[[int, int], None]
_SQUARE = 0.01
"""Pixels whose sides differ by less than this share are square."""
_AHEAD = 4
"""Stacks per thread that may wait for their turn to be written."""


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

    Raises:
        DatasetError: if a number is out of range.
    """

    scheme: RegionScheme
    crop: int | None = None
    crop_around: Literal["centre", "masks"] = "centre"
    resample_mm: float | None = None
    table: Path | None = None
    allow_duplicates: bool = False

    def __post_init__(self) -> None:
        if self.crop is not None and self.crop < 1:
            raise DatasetError(
                f"a crop is at least 1 pixel wide, got {self.crop}; give a larger one"
            )
        if self.resample_mm is not None and not 0.05 <= self.resample_mm <= 20:
            raise DatasetError(
                f"pixels are resampled to 0.05 to 20 mm, got {self.resample_mm:g}; LGE slices have "
                "about 1 to 2 mm"
            )

    def facts(self) -> dict[str, Any]:
        """What the manifest tells of them."""
        around = self.crop_around if self.crop else None
        resampled = {"resample_mm": self.resample_mm} if self.resample_mm else {}
        return {"crop": self.crop, "crop_around": around, **resampled}


@dataclass(frozen=True)
class _Ready:
    """A slice as the dataset gets it; ``row`` has everything but patient, slice and table."""

    subject: str
    label: str | None
    image: UInt[np.ndarray, "y x"]
    labels: UInt[np.ndarray, "y x"]
    padded: bool
    row: dict[str, Any]
    hashes: dict[str, str]


@dataclass
class _Outcome:
    """What became of a stack."""

    stack: Stack
    ready: list[_Ready] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def import_stacks(
    stacks: Iterable[Stack],
    out: Path,
    rules: Rules,
    *,
    source: dict[str, Any],
    problems: Sequence[str] = (),
    progress: Progress | None = None,
) -> Dataset:
    """Make a dataset of stacks, whole or not at all.

    Args:
        stacks: what was found, in any order; they are taken by patient and ``order``.
        source: how the dataset was made, for its manifest; no path and no identity.
        problems: what is wrong already; everything else is looked at all the same, so that one
            error tells all.
        progress: called with slices done and slices in all.

    Raises:
        DatasetError: listing every problem; then nothing was written.
    """
    faults = list(problems)
    found = sorted(stacks, key=_place)
    faults += _size_faults(found, rules)
    types = _smallest_types(found)
    total = sum(len(stack.sizes) for stack in found)
    done = 0
    with new_dataset(out, *types, rules.scheme, {**source, **rules.facts()}) as draft:
        writer = _Writer(draft, rules)
        for outcome in _in_order(lambda stack: _prepare(stack, rules, types), found):
            faults += outcome.problems
            faults += writer.take(outcome, keep=not faults)
            done += len(outcome.stack.sizes)
            if progress:
                progress(done, total)
        faults += writer.describe()
        raise_problems(faults)
    return open_dataset(out)


def _place(stack: Stack) -> tuple[Any, ...]:
    """Sorts by patient and order, both in natural order; stacks of nobody come last."""
    return not stack.patient, natural_key(stack.patient), natural_key(stack.order)


def raise_problems(problems: Sequence[str]) -> None:
    """Raise all of them as one error, if there are any."""
    if problems:
        raise DatasetError(problems, "nothing was imported")


@contextmanager
def collecting(problems: list[str], subject: str = "") -> Iterator[None]:
    """Add what is raised to ``problems``, each with its subject, and go on."""
    try:
        yield
    except DatasetError as error:
        problems += [f"{subject}{problem}" for problem in error.problems]


def _size_faults(stacks: Sequence[Stack], rules: Rules) -> Iterator[str]:
    """Slices that are too large to be true, or that need a crop to have one size."""
    sizes: dict[int, tuple[int, int]] = {}
    for number, stack in enumerate(stacks):
        largest = max(stack.sizes, key=lambda size: size[0] * size[1], default=(0, 0))
        if largest[0] * largest[1] > MOST_PIXELS:
            yield f"{stack.subject} says it has {_text(largest)} pixels; is it damaged?"
        elif stack.sizes and rules.crop is None:
            sizes[number] = _size_after(stack, stack.sizes[0], rules)
    usual = Counter(sizes.values()).most_common(1)
    for number, size in sizes.items():
        if size != usual[0][0]:
            yield (
                f"{stacks[number].subject} has {_text(size)} pixels, most have "
                f"{_text(usual[0][0])}; give --crop to cut all to one size"
            )


def _size_after(stack: Stack, size: tuple[int, int], rules: Rules) -> tuple[int, int]:
    if rules.resample_mm is None or stack.spacing_yx_mm is None:
        return size
    return resampled_size(size, stack.spacing_yx_mm, rules.resample_mm)


def _smallest_types(stacks: Sequence[Stack]) -> tuple[np.dtype, np.dtype]:
    """The types that hold the pixels and the codes of all stacks."""
    types = np.dtype(np.uint8), np.dtype(np.uint8)
    for stack in stacks:
        types = (
            np.promote_types(types[0], stack.image_type),
            np.promote_types(types[1], stack.label_type),
        )
    return types


def _in_order(work: Callable[[Stack], _Outcome], stacks: Sequence[Stack]) -> Iterator[_Outcome]:
    """The outcomes in the order of the stacks, worked on in threads, a few ahead."""
    workers = min(os.cpu_count() or 1, 8)
    rest = iter(stacks)
    with ThreadPoolExecutor(workers) as pool:
        waiting: deque[Future[_Outcome]] = deque(
            pool.submit(work, stack) for stack in islice(rest, workers * _AHEAD)
        )
        try:
            while waiting:
                outcome = waiting.popleft().result()
                waiting.extend(pool.submit(work, stack) for stack in islice(rest, 1))
                yield outcome
        finally:
            for future in waiting:
                future.cancel()


def _prepare(stack: Stack, rules: Rules, types: tuple[np.dtype, np.dtype]) -> _Outcome:
    """Read a stack and make its slices ready to be written."""
    outcome = _Outcome(stack)
    if any(height * width > MOST_PIXELS for height, width in stack.sizes):
        return outcome  # the header's fault is told already
    with collecting(outcome.problems, f"{stack.subject} "):
        slices = stack.read()
        for one in slices:
            outcome.problems += [*one.problems, *_faults(one, rules)]
        fitting = [one for one in slices if not one.problems and _fits(one)]
        whole = [_in_shape(one, rules, types[1]) for one in fitting]
        window = _window(whole, rules)
        outcome.ready = [_ready(one, window, rules, types[0]) for one in whole]
    return outcome


def _faults(one: SourceSlice, rules: Rules) -> Iterator[str]:
    """What is wrong with a slice's codes and pixels, beyond what its reader has said."""
    if not (one.problems or _fits(one)):
        yield (
            f"{one.subject} has {_text(one.image.shape)} pixels, its mask "
            f"{_text(one.labels.shape)}; they must have the same size"
        )
    if unknown := rules.scheme.unknown_codes(one.labels):
        yield (
            f"{one.mask_subject or f'mask of {one.subject}'} holds {_some(unknown)}, which no "
            "region has; add the code to a --region or give it to --ignore"
        )
    spacing = one.spacing_yx_mm
    if rules.resample_mm is None and spacing is not None and not _is_square(spacing):
        yield (
            f"{one.subject} has pixels of {spacing[0]:.4g} x {spacing[1]:.4g} mm, which would "
            f"distort the heart; give --resample {min(spacing):.4g} for square ones"
        )


def _fits(one: SourceSlice) -> bool:
    return one.image.shape == one.labels.shape


def _in_shape(one: SourceSlice, rules: Rules, label_type: np.dtype) -> SourceSlice:
    """The slice with its codes in the dataset's type, and resampled if that is wanted."""
    labels = one.labels.astype(label_type)
    if rules.resample_mm is None:
        return replace(one, labels=labels)
    spacing, to_mm = check_spacing(one.spacing_yx_mm), rules.resample_mm
    return replace(
        one,
        image=resample_image(one.image, spacing, to_mm),
        labels=resample_labels(labels, spacing, to_mm),
        points={name: resample_point(at, spacing, to_mm) for name, at in one.points.items()},
        spacing_yx_mm=(to_mm, to_mm),
    )


def _is_square(spacing_yx_mm: tuple[float, float]) -> bool:
    return max(spacing_yx_mm) <= (1 + _SQUARE) * min(spacing_yx_mm)


def _window(slices: Sequence[SourceSlice], rules: Rules) -> Window | None:
    """Where all slices of a stack are cut, so that they stay above each other."""
    if rules.crop is None or not slices:
        return None
    height, width = slices[0].image.shape
    if rules.crop_around == "centre" or any(one.image.shape != (height, width) for one in slices):
        return Window.around_centre(height, width, rules.crop)
    anywhere = np.zeros((height, width), bool)
    for one in slices:
        regions = rules.scheme.encode(one.labels)
        anywhere |= (regions > 0) & (regions != NO_REGION)
    return Window.around_mask(anywhere, rules.crop)


def _ready(one: SourceSlice, window: Window | None, rules: Rules, image_type: np.dtype) -> _Ready:
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
    row |= {"source_height": height, "source_width": width, "crop_top": top, "crop_left": left}
    hashes = slice_hashes(image, labels)
    return _Ready(one.subject, one.slice, image, labels, padded, row, hashes)


class _Writer:
    """Gives slices their names, refuses doubles, and fills the draft."""

    def __init__(self, draft: DatasetDraft, rules: Rules) -> None:
        self._draft = draft
        self._rules = rules
        self._names: list[SliceName] = []
        self._subjects: dict[str, str] = {}
        self._numbered: Counter[str] = Counter()

    def take(self, outcome: _Outcome, *, keep: bool) -> Iterator[str]:
        """Write the slices of a stack if they are to be kept; give what is wrong with them."""
        for one in outcome.ready:
            if not self._rules.allow_duplicates:
                yield from self._seen_before(one)
            if patient := outcome.stack.patient:
                name = self._name(patient, one.label)
                if keep:
                    self._append(name, one)

    def describe(self) -> list[str]:
        """Add the user's table to the rows, where it says something; give what is wrong with it."""
        problems: list[str] = []
        if self._rules.table is not None:
            with collecting(problems):
                lines = read_descriptions(self._rules.table, self._names)
                for name, row in zip(self._names, self._draft.rows, strict=False):
                    row |= {key: value for key, value in lines[name].items() if value is not None}
        return problems

    def _seen_before(self, one: _Ready) -> Iterator[str]:
        name = one.hashes["image_hash"]
        if (other := self._subjects.setdefault(name, one.subject)) != one.subject:
            yield (
                f"{one.subject} is the same as {other}; remove one, or keep both with "
                "--allow-duplicates"
            )

    def _name(self, patient: str, label: str | None) -> SliceName:
        name = SliceName(patient, label or f"{self._numbered[patient]:03d}")
        self._numbered[patient] += 1
        self._names.append(name)
        return name

    def _append(self, name: SliceName, one: _Ready) -> None:
        row = {"slice": name.key, "patient": name.patient, **one.row}
        self._draft.append(one.image, one.labels, hashes=one.hashes, **row)
        if one.padded and self._draft.padding is None:
            code = free_code(self._rules.scheme.codes, one.labels.dtype)
            scheme = self._draft.scheme
            self._draft.padding = code
            self._draft.scheme = RegionScheme(scheme.regions, (*scheme.ignored, code))


def _text(size: tuple[int, ...]) -> str:
    return " x ".join(map(str, size))


def _some(codes: tuple[int, ...]) -> str:
    """Codes in words; of many only the first, since the file is perhaps no mask."""
    few = ", ".join(map(str, codes[:5]))
    return few if len(codes) <= 5 else f"{few} and {len(codes) - 5} more codes (is it a mask?)"
