"""How far predicted contours move between values, beside how far they move between networks.

Mean displacement of a region's contours between two predictions of the same slices: the area where
the two differ, divided by the mean length of their contours. Computed from the predicted masks; the
reference takes no part.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, UInt8

from myosweep.analysis.claims.displacement_ratio import Pair, ratio_of
from myosweep.analysis.points import Point, points
from myosweep.analysis.slices import slices_of_runs
from myosweep.metrics import contour_lengths_px
from myosweep.results.read import Results, stream_masks
from myosweep.statistics.score_table import Estimand

MOST_OTHERS = 20
"""With so many other networks of its value a network is compared; with fewer others, with all."""


@dataclass(frozen=True)
class StepDisplacement:
    """Mean displacement in pixels between two adjacent values, by the same networks."""

    value: str
    other: str
    displacement_px: float


@dataclass(frozen=True)
class Displacement:
    """Mean contour displacement of a region, in pixels.

    Attributes:
        region: whose contours, inner and outer ones alike.
        between_values_px: between adjacent values, network by network (same seed, same patients).
        between_networks_px: between two networks of one value; NaN without two that share slices.
        ratio: the first over the second; ``low`` and ``high`` its 95 % interval (jackknife over
            networks and patients, on the logarithm); NaN where it cannot be told.
        estimand: what the interval covers; networks take part from 3 per value on.
        steps: the first, step by step.
        value_pairs, network_pairs: pairs of networks behind both figures.
        networks, patients, slices: how many take part.
    """

    region: str
    between_values_px: float
    between_networks_px: float
    ratio: float
    low: float
    high: float
    estimand: Estimand
    steps: tuple[StepDisplacement, ...]
    value_pairs: int
    network_pairs: int
    networks: int
    patients: int
    slices: int


@dataclass(frozen=True, eq=False)
class _Masks:
    """One network's region on the slices that tested it: bits, contour lengths, slice numbers."""

    bits: UInt8[np.ndarray, "slice y byte"]
    lengths_px: Float64[np.ndarray, " slice"]
    slices: np.ndarray


def displacements(
    results: Results, region: str, chosen: Sequence[Point] | None = None
) -> Displacement | None:
    """Contour displacement between adjacent values, and between networks of one value.

    Every network is compared with the same network (seed) of the next value, and with other
    networks of its own value, on the test slices that both have: with folds, these are networks of
    different repeats. Up to 21 networks per value all pairs are taken; of more, each network meets
    about 20 others, so that the work grows with the number of networks and not with its square.
    Several slices of a patient are pooled (area over length); each patient of each pair then counts
    once. A region that one of the two networks missed on a slice counts as
    moved by its whole area; slices where both missed it do not count.

    A comparison is one of packed bits, and each masks file is read once.

    Args:
        chosen: the points to compare; default: all.

    Returns:
        None where no two adjacent values have networks with masks of shared slices.
    """
    found = points(results) if chosen is None else tuple(chosen)
    tested = slices_of_runs(results, "test")
    names = sorted(set().union(*tested.values())) if tested else []
    patient_of = _patients(results, names)
    region_code = results.scheme.index(region)
    number = {name: position for position, name in enumerate(names)}
    masks = {
        (v, seed): made
        for v, point in enumerate(found)
        for run, seed in zip(point.runs, point.seeds, strict=True)
        if (made := _read(results, run, region_code, tested.get(run, set()), number)) is not None
    }
    steps = adjacent(found)
    of_step = [_between_values(masks, one, other, patient_of) for one, other in steps]
    between_values = list(itertools.chain.from_iterable(of_step))
    if not between_values:
        return None
    between_networks = [
        pair for v in range(len(found)) for pair in _between_networks(masks, v, patient_of)
    ]
    taken = np.unique(np.concatenate([one.slices for one in masks.values()]))
    there = _present(between_values)
    return Displacement(
        region,
        _mean(between_values),
        _mean(between_networks),
        *ratio_of(between_values, between_networks),
        tuple(
            StepDisplacement(found[one].label, found[other].label, _mean(pairs))
            for (one, other), pairs in zip(steps, of_step, strict=True)
        ),
        len(between_values),
        len(between_networks),
        len({seed for pair in between_values for seed in pair.seeds}),
        int(there.sum()),
        int(there[patient_of[taken]].sum()),
    )


def adjacent(found: Sequence[Point]) -> tuple[tuple[int, int], ...]:
    """Positions of adjacent points: they differ in one field, and no tested value lies between.

    The larger number comes first; values that are not numbers keep the sweep's order.
    """
    pairs = []
    for number in range(len(found[0].values) if found else 0):
        lines: dict[tuple[object, ...], list[int]] = {}
        for position, point in enumerate(found):
            others = tuple(value for k, (_, value) in enumerate(point.values) if k != number)
            lines.setdefault(others, []).append(position)
        for line in lines.values():
            pairs += list(
                itertools.pairwise(_down([found[k].values[number][1] for k in line], line))
            )
    return tuple(pairs)


def _down(values: Sequence[object], positions: list[int]) -> list[int]:
    """Positions from the largest to the smallest value; as they stand if not all are numbers."""
    numbers = [float(value) for value in values if isinstance(value, int | float)]
    if len(numbers) < len(values):
        return positions
    return [positions[k] for k in np.argsort(numbers, kind="stable")[::-1]]


def _patients(results: Results, names: Sequence[str]) -> np.ndarray:
    """A number for the patient of each slice."""
    rows = results.counts[["slice", "patient"]].drop_duplicates().astype(str)
    of_slice = dict(zip(rows["slice"], rows["patient"], strict=True))
    owners = [of_slice[name] for name in names]
    return np.unique(owners, return_inverse=True)[1] if owners else np.zeros(0, np.int64)


def _read(
    results: Results, run: str, region_code: int, tested: set[str], number: Mapping[str, int]
) -> _Masks | None:
    """One network's masks of its test slices; None without a masks file or without such slices."""
    folder = results.folder.run(run)
    if not folder.masks.exists():
        return None
    names: list[str] = []
    bits, lengths_px = [], []
    for keys, maps in stream_masks(folder):
        wanted = [place for place, key in enumerate(keys) if key in tested]
        mask = maps[wanted] == region_code
        names += [keys[place] for place in wanted]
        bits.append(np.packbits(mask, axis=-1))
        lengths_px.append(contour_lengths_px(mask))
    if not names:
        return None
    order = np.argsort([number[name] for name in names])
    slices = np.array([number[name] for name in names])[order]
    return _Masks(np.concatenate(bits)[order], np.concatenate(lengths_px)[order], slices)


def _between_values(
    masks: Mapping[tuple[int, int], _Masks], one: int, other: int, patient_of: np.ndarray
) -> list[Pair]:
    """Two values, compared network by network."""
    seeds = sorted(
        {seed for v, seed in masks if v == one} & {seed for v, seed in masks if v == other}
    )
    pairs = [_compare(masks[one, s], masks[other, s], (s,), patient_of) for s in seeds]
    return [pair for pair in pairs if pair is not None]


def _between_networks(
    masks: Mapping[tuple[int, int], _Masks], value: int, patient_of: np.ndarray
) -> list[Pair]:
    """Pairs of networks of one value that share test slices: all, or ``MOST_OTHERS`` for each.

    Networks stand in a ring, and each meets its neighbours first, then those two places away, ...
    """
    ring = sorted(seed for v, seed in masks if v == value)
    met = dict.fromkeys(ring, 0)
    pairs = []
    for step in range(1, len(ring) // 2 + 1):
        if min(met.values()) >= MOST_OTHERS:
            break
        starts = ring[: len(ring) // 2] if 2 * step == len(ring) else ring
        for place, s in enumerate(starts):
            t = ring[(place + step) % len(ring)]
            if met[s] >= MOST_OTHERS and met[t] >= MOST_OTHERS:
                continue
            seeds = min(s, t), max(s, t)
            pair = _compare(masks[value, seeds[0]], masks[value, seeds[1]], seeds, patient_of)
            if pair is not None:
                pairs.append(pair)
                met[s] += 1
                met[t] += 1
    return sorted(pairs, key=lambda pair: pair.seeds)


def _compare(
    one: _Masks, other: _Masks, seeds: tuple[int, ...], patient_of: np.ndarray
) -> Pair | None:
    shared, mine, theirs = np.intersect1d(
        one.slices, other.slices, assume_unique=True, return_indices=True
    )
    if not len(shared):
        return None
    areas = np.bitwise_count(one.bits[mine] ^ other.bits[theirs]).sum((1, 2), dtype=np.int64)
    lengths = (one.lengths_px[mine] + other.lengths_px[theirs]) / 2
    count = int(patient_of.max()) + 1
    area = np.bincount(patient_of[shared], areas.astype(float), count)
    length = np.bincount(patient_of[shared], lengths, count)
    moved = np.divide(area, length, out=np.full(count, np.nan), where=length > 0)
    return Pair(seeds, moved) if np.isfinite(moved).any() else None


def _mean(pairs: Sequence[Pair]) -> float:
    if not pairs:
        return float("nan")
    cells = np.stack([pair.by_patient for pair in pairs])
    return float(cells[np.isfinite(cells)].mean())


def _present(pairs: Sequence[Pair]) -> Bool[np.ndarray, " patient"]:
    """Patients that take part in any pair."""
    there: np.ndarray = np.isfinite(np.stack([pair.by_patient for pair in pairs])).any(0)
    return there
