"""The explorer's content, from the results tables, the predicted masks and the dataset."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, UInt8

from myosweep.analysis.movers import SliceMoves, slice_facts, slice_moves
from myosweep.analysis.points import (
    Point,
    field_words,
    points,
    swept_in_words,
    swept_things,
)
from myosweep.config import Replicate
from myosweep.data.store import Dataset
from myosweep.report.explorer.choose import all_words
from myosweep.report.explorer.pixels import (
    SlicePixels,
    code_step,
    image_png,
    masks_png,
    read_maps,
)
from myosweep.report.explorer.record import Axis, Explorer, ShownPoint, ShownSlice
from myosweep.report.figures.style import METRIC_WORDS, region_colours, value_colour
from myosweep.results.read import Results

MOST_CELLS = 120
"""Masks of one slice; a browser has to decode them when the slice is chosen."""
_AT_ONCE_BYTES = 64_000_000


@dataclass(frozen=True)
class ExplorerSource:
    """Every test slice, and its pixels when they are asked for.

    Attributes:
        explorer: everything but pixels, of all test slices in the dataset's order.
        at_once: slices whose pixels are best made together, for reading masks is costly.
    """

    explorer: Explorer
    at_once: int
    _plan: "_Plan"
    _results: Results
    _dataset: Dataset

    @property
    def left_out(self) -> str:
        """How many values are not shown, in a sentence with a space before it; empty if all are."""
        return self._plan.left_out_words

    def pixels(self, numbers: Sequence[int]) -> Iterator[SlicePixels]:
        """The pixels of these slices of ``explorer``, in the order asked for.

        Raises:
            StudyError: if masks are missing or damaged.
        """
        keys = [self.explorer.slices[number].key for number in numbers]
        return _pixels(keys, self._plan, self._results, self._dataset)


def explorer_source(results: Results, dataset: Dataset) -> ExplorerSource | None:
    """What can be looked at; None if no network was tested on any slice.

    Raises:
        ConfigError: if the question is about no single region.
    """
    if results.networks.empty:
        return None
    region = results.scheme.index(results.study.question.region)
    plan = _plan(results)
    moves = slice_moves(results, results.study.question.region, results.study.question.metric)
    keys = [key for key in dataset.slices["slice"].astype(str) if key in plan.tested]
    if not keys:
        return None
    _, height, width = dataset.images.shape
    explorer = Explorer(
        study=results.study.name,
        region=region,
        score=_score_words(results.study.question.metric),
        regions=tuple(
            zip(results.scheme.names, region_colours(len(results.scheme.names)), strict=True)
        ),
        height=height,
        width=width,
        axes=_axes(results, plan.points),
        points=_shown_points(results, plan.points),
        networks=_network_words(results, plan.seeds),
        slices=_slices(results, keys, plan, moves),
        selection=all_words(len(keys)) + plan.left_out_words,
        step=code_step(len(results.scheme.names)),
    )
    networks = max(len(found) for found in plan.tested.values())
    at_once = max(1, _AT_ONCE_BYTES // (height * width * (networks + 1)))
    return ExplorerSource(explorer, at_once, plan, results, dataset)


@dataclass(frozen=True)
class _Plan:
    """Who may be shown: points, network names by seed, and runs by slice."""

    points: tuple[Point, ...]
    seeds: tuple[int, ...]
    left_out: int
    tested: Mapping[str, frozenset[str]]

    @property
    def left_out_words(self) -> str:
        """How many values are not shown; empty if all are."""
        if not self.left_out:
            return ""
        values = "value is" if self.left_out == 1 else "values are"
        return f" {self.left_out} further {values} left out for want of space."

    def cells(self, key: str) -> Iterator[tuple[int, str]]:
        """The masks of a slice: the cell's number, and the run."""
        for number, point in enumerate(self.points):
            by_seed = dict(zip(point.seeds, point.runs, strict=True))
            for place, seed in enumerate(self.seeds):
                if by_seed.get(seed) in self.tested[key]:
                    yield number * len(self.seeds) + place, by_seed[seed]


def _plan(results: Results) -> _Plan:
    every = points(results)
    seeds = sorted({seed for point in every for seed in point.seeds})
    most = max(1, MOST_CELLS // len(seeds))
    steps = np.linspace(0, len(every) - 1, min(len(every), most)).round()
    shown = tuple(every[int(step)] for step in steps)
    runs = {run for point in shown for run in point.runs}
    counts = results.counts[results.counts["part"] == "test"]
    pairs = counts[["slice", "run"]].drop_duplicates().astype(str)
    tested = pairs[pairs["run"].isin(runs)].groupby("slice")["run"].agg(frozenset)
    by_key = {str(key): found for key, found in tested.items()}
    return _Plan(shown, tuple(seeds), len(every) - len(shown), by_key)


def moved_or_ranged(moves: SliceMoves) -> Float64[np.ndarray, " slice"]:
    """How much the value changes each slice: as in the table of slices that move.

    Where values share no network on the slice (in a study that grows), each value counts with the
    networks that it has. NaN with fewer than two values.
    """
    defined = np.isfinite(moves.scores)
    counts = defined.sum(1)
    sums = np.where(defined, moves.scores, 0.0).sum(1)
    means = np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 0)
    known = np.isfinite(means)
    high = np.where(known, means, -np.inf).max(0)
    low = np.where(known, means, np.inf).min(0)
    own = np.full(len(moves.slices), np.nan)
    several = known.sum(0) > 1
    own[several] = high[several] - low[several]
    shared = moves.ranges if len(moves.scores) > 1 else np.full(len(own), np.nan)
    return np.where(np.isfinite(shared), shared, own)


def _pixels(
    keys: Sequence[str], plan: _Plan, results: Results, dataset: Dataset
) -> Iterator[SlicePixels]:
    cells = {key: [run for _, run in plan.cells(key)] for key in keys}
    runs = sorted({run for found in cells.values() for run in found})
    maps = read_maps(results.folder, runs, keys)
    rows = {key: row for row, key in enumerate(dataset.slices["slice"].astype(str))}
    for key in keys:
        row = np.array([rows[key]])
        reference = dataset.reference(results.scheme, row)[0]
        predicted: list[UInt8[np.ndarray, "y x"]] = [maps[key, run] for run in cells[key]]
        yield SlicePixels(
            image_png(np.asarray(dataset.images[rows[key]]), dataset.padding(row)[0]),
            masks_png([reference, *predicted], len(results.scheme.names)),
        )


def _slices(
    results: Results, keys: Sequence[str], plan: _Plan, moves: SliceMoves
) -> tuple[ShownSlice, ...]:
    facts = slice_facts(results)
    place = {key: number for number, key in enumerate(moves.slices)}
    row_of = {run: (v, moves.seeds.index(seed)) for v, point in enumerate(points(results))
              for run, seed in zip(point.runs, point.seeds, strict=True)}  # fmt: skip
    moved = moved_or_ranged(moves)
    made = []
    for key in keys:
        cells, here = list(plan.cells(key)), place.get(key)
        scores = [
            None if here is None else float(moves.scores[(*row_of[run], here)]) for _, run in cells
        ]
        made.append(
            ShownSlice(
                key,
                *facts[key],
                None if here is None else float(moved[here]),
                tuple(cell for cell, _ in cells),
                tuple(scores),
            )
        )
    return tuple(made)


def _axes(results: Results, shown: Sequence[Point]) -> tuple[Axis, ...]:
    """A slider for each thing that is varied, unless most combinations have no point: then one.

    Numbers stand in ascending order, all else as in the sweep.
    """
    things = swept_things(results.study, results.fields)
    made = tuple(Axis(thing, _levels(shown, k)) for k, thing in enumerate(things))
    combinations = math.prod(len(axis.values) for axis in made)
    if len(made) == 1 or (made and combinations < 2 * len(shown)):
        return made
    swept = swept_in_words(results.study, results.fields)
    return (Axis(swept, tuple(point.label for point in shown)),)


def _levels(shown: Sequence[Point], k: int) -> tuple[str, ...]:
    """The values of one thing, in words."""
    raw = {
        point.told[k][1]: value
        for point in shown
        for path, value in point.values
        if field_words(path) == point.told[k][0]
    }
    known = raw.values()
    if raw and all(isinstance(one, int | float) and not isinstance(one, bool) for one in known):
        return tuple(sorted(raw, key=lambda level: float(raw[level] or 0)))
    return tuple(dict.fromkeys(point.told[k][1] for point in shown))


def _shown_points(results: Results, shown: Sequence[Point]) -> tuple[ShownPoint, ...]:
    axes = _axes(results, shown)
    joint = bool(shown) and len(axes) != len(shown[0].told)
    return tuple(
        ShownPoint(
            point.label,
            point.words,
            value_colour(point),
            (number,) if joint else _place(point, axes),
        )
        for number, point in enumerate(shown)
    )


def _place(point: Point, axes: Sequence[Axis]) -> tuple[int, ...]:
    """Where a point stands on each axis."""
    return tuple(
        axis.values.index(value) for axis, (_, value) in zip(axes, point.told, strict=True)
    )


def _network_words(results: Results, seeds: Sequence[int]) -> tuple[str, ...]:
    """What each network is called: its seed and, with folds, its repeat and fold."""
    members = {member.seed: member for member in results.study.replicates.members}
    return tuple(members.get(seed, Replicate(seed)).words for seed in seeds)


def _score_words(metric: str) -> str:
    """The score that slices have: of BF scores the strict one."""
    return METRIC_WORDS["bf_strict" if metric == "bf" else metric]
