"""From stacks to a dataset: the one way in, whatever the files were.

Stacks are read, checked, resampled and cropped in a few threads, a bounded number ahead, and
written in their order; so neither the number of slices nor their size needs memory.
"""

import os
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from math import isqrt
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import UInt

from myosweep.data.crop import Window
from myosweep.data.descriptions import read_descriptions
from myosweep.data.names import SliceName, natural_key
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
from myosweep.data.stack import MOST_PIXELS, SourceSlice, Stack
from myosweep.data.store import Dataset, DatasetDraft, new_dataset, open_dataset, slice_hashes
from myosweep.errors import DatasetError
from myosweep.regions import NO_REGION, RegionScheme, free_code

Progress = Callable[[int, int], None]
_SQUARE = 0.01
"""Pixels whose sides differ by less than this share are square."""
_AHEAD = 4
"""Stacks per thread that may wait for their turn to be written."""
_AHEAD_PIXELS = 1 << 25
"""All of them together, unless a single stack has more: some 200 MB."""


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
    faults += filter(None, map(_too_large, found))
    types = _smallest_types(found)
    total = sum(len(stack.sizes) for stack in found)
    done = 0
    with new_dataset(out, *types, rules.scheme, {**source, **rules.facts()}) as draft:
        writer = _Writer(draft, rules, _usual_size(found, rules), told="\n".join(problems))
        with closing(
            _in_order(lambda stack: _prepare(stack, rules, types), found, rules)
        ) as outcomes:
            for outcome in outcomes:
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


def _too_large(stack: Stack) -> str | None:
    """What to tell of a stack whose header cannot be true; it is not read."""
    height, width = max(stack.sizes, key=lambda size: size[0] * size[1], default=(0, 0))
    if height * width <= MOST_PIXELS:
        return None
    return f"{stack.subject} says it has {height} x {width} pixels; is it damaged?"


def _usual_size(stacks: Sequence[Stack], rules: Rules) -> tuple[int, ...] | None:
    """Height and width of most slices in the dataset, if the headers tell."""
    if rules.crop is not None:
        return rules.crop, rules.crop
    true = (stack for stack in stacks if not _too_large(stack))
    sizes = Counter(size for stack in true for size in _sizes_after(stack, rules))
    return max(sizes, key=lambda size: sizes[size], default=None)


def _sizes_after(stack: Stack, rules: Rules) -> list[tuple[int, int]]:
    """Height and width of a stack's slices after resampling; none if its header does not tell."""
    if rules.resample_mm is None:
        return list(stack.sizes)
    spacing, to_mm = stack.spacing_yx_mm, rules.resample_mm
    if spacing is None or not all(map(is_plausible, spacing)):
        return []
    return [resampled_size(size, spacing, to_mm) for size in stack.sizes]


def _smallest_types(stacks: Sequence[Stack]) -> tuple[np.dtype, np.dtype]:
    """The types that hold the pixels and the codes of all stacks."""
    types = np.dtype(np.uint8), np.dtype(np.uint8)
    for stack in stacks:
        types = (
            np.promote_types(types[0], stack.image_type),
            np.promote_types(types[1], stack.label_type),
        )
    return types


def _in_order(
    work: Callable[[Stack], _Outcome], stacks: Sequence[Stack], rules: Rules
) -> Generator[_Outcome, None, None]:
    """The outcomes in the order of the stacks, worked on in threads, a few ahead."""
    workers = min(os.cpu_count() or 1, 8)
    rest = deque(stacks)
    waiting: deque[tuple[int, Future[_Outcome]]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        try:
            while rest or waiting:
                ahead = sum(pixels for pixels, _ in waiting)
                while rest and len(waiting) < workers * _AHEAD:
                    pixels = max(map(_pixels, (rest[0].sizes, _sizes_after(rest[0], rules))))
                    if waiting and ahead + pixels > _AHEAD_PIXELS:
                        break
                    ahead += pixels
                    waiting.append((pixels, pool.submit(work, rest.popleft())))
                yield waiting[0][1].result()
                waiting.popleft()
        finally:
            for _, future in waiting:
                future.cancel()


def _pixels(sizes: Sequence[tuple[int, int]]) -> int:
    return sum(height * width for height, width in sizes)


def _prepare(stack: Stack, rules: Rules, types: tuple[np.dtype, np.dtype]) -> _Outcome:
    """Read a stack and make its slices ready to be written."""
    outcome = _Outcome(stack)
    if _too_large(stack):
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


def _faults(one: SourceSlice, rules: Rules, types: tuple[np.dtype, np.dtype]) -> Iterator[str]:
    """What is wrong with a slice's codes and pixels, beyond what its reader has said."""
    mask = one.mask_subject or f"mask of {one.subject}"
    if not (one.problems or _fits(one)):
        yield (
            f"{one.subject} has {_text(one.image.shape)} pixels, its mask "
            f"{_text(one.labels.shape)}; they must have the same size"
        )
    if unknown := rules.scheme.unknown_codes(one.labels):
        yield (
            f"{mask} holds {_some(unknown)}, which no region has; add the code to a --region or "
            "give it to --ignore"
        )
    elif not _holds(types[1], one.labels):
        yield f"{mask} holds codes that its header does not allow for; is it damaged?"
    if not one.problems and one.image.size == 0:
        yield f"{one.subject} has no pixels ({_text(one.image.shape)}); is it damaged?"
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
    """Gives slices their names, refuses doubles and other sizes, and fills the draft.

    Args:
        size: height and width of most slices; without one, those of the first.
        told: what readers have complained of already.
    """

    def __init__(
        self, draft: DatasetDraft, rules: Rules, size: tuple[int, ...] | None, told: str
    ) -> None:
        self._draft = draft
        self._rules = rules
        self._size = size
        self._told = told
        self._names: list[SliceName] = []
        self._keys: dict[str, str] = {}
        self._subjects: dict[str, str] = {}
        self._numbered: Counter[str] = Counter()

    def take(self, outcome: _Outcome, *, keep: bool) -> list[str]:
        """Write the slices of a stack if they are to be kept; give what is wrong with them."""
        patient = outcome.stack.patient
        assert patient or not (keep and outcome.ready), "readers tell of stacks of nobody"
        problems = [*outcome.problems, *self._other_sizes(outcome)]
        named: list[tuple[SliceName, _Ready]] = []
        for one in outcome.ready:
            problems += self._seen_before(one)
            if patient:
                name = self._name(patient, one.label)
                problems += self._same_name(name, one)
                named.append((name, one))
        if keep and not problems:
            for name, one in named:
                self._append(name, one)
        return problems

    def describe(self) -> list[str]:
        """Add the user's table to the rows, where it says something; give what is wrong with it."""
        table, to_mm = self._rules.table, self._rules.resample_mm
        problems: list[str] = []
        if table is None:
            return problems
        with collecting(problems):
            lines = read_descriptions(table, self._names)
            spacings = {line.get("spacing_mm") for line in lines.values()}
            if to_mm is not None and spacings - {None, to_mm}:
                problems.append(
                    f"table {table.name!r} gives spacing_mm, which --resample makes {to_mm:g}; "
                    "remove the column"
                )
            for name, row in zip(self._names, self._draft.rows, strict=False):
                row |= {key: value for key, value in lines[name].items() if value is not None}
        return problems

    def _other_sizes(self, outcome: _Outcome) -> Iterator[str]:
        stack = outcome.stack
        if self._rules.crop is not None or _too_large(stack):
            return
        sizes = [one.image.shape for one in outcome.ready] or _sizes_after(stack, self._rules)
        for size in dict.fromkeys(sizes):
            self._size = self._size or size
            if size != self._size:
                yield (
                    f"{stack.subject} has {_text(size)} pixels, most have {_text(self._size)}; "
                    "give --crop to cut all to one size"
                )

    def _seen_before(self, one: _Ready) -> Iterator[str]:
        if self._rules.allow_duplicates:
            return
        other = self._subjects.get(one.hashes["image_hash"])
        if other is None:
            self._subjects[one.hashes["image_hash"]] = one.subject
        else:
            yield (
                f"{one.subject} is the same as {other}; remove one, or keep both with "
                "--allow-duplicates"
            )

    def _same_name(self, name: SliceName, one: _Ready) -> Iterator[str]:
        """Two patients can share a key: 'A' has the slice '1_2', and 'A_1' the slice '2'."""
        other = self._keys.get(name.key)
        self._keys.setdefault(name.key, one.subject)
        if other is not None and repr(name.key) not in self._told:
            yield (
                f"{other} and {one.subject} are both slice {name.key!r}; give one of them another "
                "name, or leave it out"
            )

    def _name(self, patient: str, label: str | None) -> SliceName:
        name = SliceName(patient, label or f"{self._numbered[patient]:03d}")
        self._numbered[patient] += 1
        self._names.append(name)
        return name

    def _append(self, name: SliceName, one: _Ready) -> None:
        row = {**one.row, "slice": name.key, "patient": name.patient}
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
