"""What Figure 2 needs beyond the tables: images, reference masks, and predicted masks."""

import difflib
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Int64, Shaped, UInt8

from myosweep.analysis.points import Point, points
from myosweep.analysis.study_dataset import study_dataset
from myosweep.data.store import Dataset
from myosweep.errors import InputError
from myosweep.results.layout import StudyFolder
from myosweep.results.read import Results, stream_masks

MOST_POINTS = 8
"""More points than these make no readable figure; then as many are taken evenly from the sweep."""


@dataclass(frozen=True)
class Pictures:
    """The dataset, and which network's masks stand for each shown point on a slice.

    Attributes:
        networks: for each test slice the runs shown, one for each point of ``shown``. All have the
            same seed where there is one that every point has, and with folds always, so that they
            learned from the same patients; None where a point has no such network yet.
    """

    folder: StudyFolder
    dataset: Dataset
    shown: tuple[Point, ...]
    networks: Mapping[str, tuple[str | None, ...]]

    def image(self, key: str) -> Shaped[np.ndarray, "y x"]:
        """The image of a slice, in the dataset's grey levels."""
        return np.asarray(self.dataset.images[self._row(key)])

    def reference(self, key: str, results: Results) -> UInt8[np.ndarray, "y x"]:
        """The reference region map of a slice."""
        return self.dataset.reference(results.scheme, np.array([self._row(key)]))[0]

    def masks(
        self, number: int, keys: Collection[str]
    ) -> Iterator[tuple[str, UInt8[np.ndarray, "y x"]]]:
        """Masks of the networks that stand for point ``number`` of ``shown``, with slice keys.

        Slices without such a network are left out. Files are read one after the other, some slices
        at a time, so that any number of slices needs little memory.

        Raises:
            StudyError: if a masks file is missing or damaged.
        """
        runs = {run for key in keys if (run := self.networks[key][number]) is not None}
        for run in sorted(runs):
            wanted = {key for key in keys if self.networks[key][number] == run}
            for some, maps in stream_masks(self.folder.run(run)):
                yield from ((k, one) for k, one in zip(some, maps, strict=True) if k in wanted)

    def _row(self, key: str) -> int:
        return int(pd.Index(self.dataset.slices["slice"]).get_loc(key))


def read_pictures(results: Results, dataset: Path | str | None = None) -> Pictures:
    """Open what Figure 2 needs.

    Args:
        dataset: another place of the dataset than ``study.toml`` says.

    Raises:
        InputError: if the dataset is not there or is another one.
    """
    opened = study_dataset(results, dataset)
    every = points(results)
    steps = np.linspace(0, len(every) - 1, min(len(every), MOST_POINTS))
    shown = tuple(every[int(step)] for step in steps.round())
    return Pictures(results.folder, opened, shown, _networks(results, shown))


def _networks(results: Results, shown: Sequence[Point]) -> dict[str, tuple[str | None, ...]]:
    """For each slice that a network was tested on, the networks of ``Pictures.networks``."""
    runs = {run for point in shown for run in point.runs}
    counts = results.counts[results.counts["part"] == "test"]
    pairs = counts[["slice", "run"]].drop_duplicates().astype(str)
    tested = pairs[pairs["run"].isin(runs)].groupby("slice")["run"].agg(set)
    folds = results.study.replicates.design == "folds"
    return {str(key): _alike(shown, runs, folds) for key, runs in tested.items()}


def _alike(shown: Sequence[Point], tested: set[str], folds: bool) -> tuple[str | None, ...]:
    """Networks of one seed, the first that most points have; others only where seeds are all."""
    by_seed = [
        {seed: run for run, seed in zip(point.runs, point.seeds, strict=True) if run in tested}
        for point in shown
    ]
    counts = Counter(seed for of_point in by_seed for seed in of_point)
    common = min(counts, key=lambda seed: (-counts[seed], seed))
    return tuple(
        of_point.get(common, None if folds else next(iter(of_point.values()), None))
        for of_point in by_seed
    )


def choose_slices(
    results: Results, pictures: Pictures, wanted: Sequence[str] = ()
) -> tuple[str, ...]:
    """The slices to show: those wanted, or two that are picked by how much the value matters.

    Of the test slices that have the question's region, the one with the median and the one with the
    largest disagreement: pixels where the shown networks do not all say the same of the region (for
    a single network: where it differs from the reference). Equals go by slice key. Slices on which
    some value has no network to show yet are picked only if there are no others.

    Raises:
        InputError: naming each wanted slice that is no test slice.
    """
    if wanted:
        _check_slices(wanted, tuple(pictures.networks))
        return tuple(dict.fromkeys(wanted))
    counts = results.counts
    asked = (counts["part"] == "test") & (counts["region"] == results.study.question.region)
    present = set(counts.loc[asked & counts["reference_present"], "slice"])
    known = {key: runs for key, runs in pictures.networks.items() if key in present}
    whole = [key for key, runs in known.items() if None not in runs]
    keys = tuple(sorted(whole or known))
    if not keys:
        return ()
    order = _disagreement(results, pictures, keys).argsort(kind="stable")
    return tuple(dict.fromkeys([keys[order[(len(keys) - 1) // 2]], keys[order[-1]]]))


def _disagreement(
    results: Results, pictures: Pictures, keys: tuple[str, ...]
) -> Int64[np.ndarray, " slice"]:
    region = results.scheme.index(results.study.question.region)
    place = {key: number for number, key in enumerate(keys)}
    seen = np.zeros(len(keys), np.int64)
    _, height, width = pictures.dataset.images.shape
    some = np.zeros(
        (len(keys), height, -(-width // 8)), np.uint8
    )  # bits: any network, all networks
    every = np.full_like(some, 255)  # bits: what all networks mark
    for number in range(len(pictures.shown)):
        for key, mask in pictures.masks(number, keys):
            here, bits = place[key], np.packbits(mask == region, axis=-1)
            some[here] |= bits
            every[here] &= bits
            seen[here] += 1
    for here in np.flatnonzero(seen == 1).tolist():
        bits = np.packbits(pictures.reference(keys[here], results) == region, axis=-1)
        some[here] |= bits
        every[here] &= bits
    return np.bitwise_count(some & ~every).sum((1, 2), dtype=np.int64)


def _check_slices(wanted: Sequence[str], known: tuple[str, ...]) -> None:
    problems = []
    for key in wanted:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1, cutoff=0) or known[:1]
            problems.append(f"{key!r} is no test slice of this study; did you mean {near[0]!r}?")
    if problems:
        raise InputError(problems, "these slices cannot be shown")
