"""What Figure 2 needs beyond the tables: images, reference masks, and predicted masks."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Bool, Int64, Shaped, UInt8

from myosweep.analysis.points import Point, points
from myosweep.data.store import Dataset, open_dataset
from myosweep.errors import DatasetError, InputError
from myosweep.results.read import Results, read_masks

MOST_POINTS = 8
"""More points than these make no readable figure; then as many are taken evenly from the sweep."""


@dataclass(frozen=True)
class Pictures:
    """The dataset, and the masks of the first network of each shown point, by slice key."""

    dataset: Dataset
    shown: tuple[Point, ...]
    masks: tuple[dict[str, UInt8[np.ndarray, "y x"]], ...]

    def image(self, key: str) -> Shaped[np.ndarray, "y x"]:
        """The image of a slice, in the dataset's grey levels."""
        return np.asarray(self.dataset.images[self._row(key)])

    def reference(self, key: str, results: Results) -> UInt8[np.ndarray, "y x"]:
        """The reference region map of a slice."""
        return self.dataset.reference(results.scheme, np.array([self._row(key)]))[0]

    def _row(self, key: str) -> int:
        return int(pd.Index(self.dataset.slices["slice"]).get_loc(key))


def read_pictures(results: Results, dataset: Path | str | None = None) -> Pictures:
    """Open what Figure 2 needs.

    Args:
        dataset: another place of the dataset than ``study.toml`` says.

    Raises:
        InputError: if the dataset is not there or is another one, or if masks are missing.
    """
    opened = open_dataset(_place(results) if dataset is None else dataset)
    expected = results.folder.run(results.networks["run"].iloc[0]).read_settings().pixel_hash
    if opened.manifest.pixel_hash != expected:
        raise DatasetError(
            f"dataset {opened.folder.name!r} has other pixels than the one that this study was "
            "done with; give the right one with --dataset"
        )
    every = points(results)
    steps = np.linspace(0, len(every) - 1, min(len(every), MOST_POINTS))
    shown = tuple(every[int(step)] for step in steps.round())
    masks = tuple(read_masks(results.folder.run(point.runs[0])) for point in shown)
    return Pictures(opened, shown, masks)


def choose_slices(
    results: Results, pictures: Pictures, wanted: Sequence[str] = ()
) -> tuple[str, ...]:
    """The slices to show: those wanted, or two that are picked by how much the value matters.

    Of the test slices that have the question's region, the one with the median and the one with the
    largest disagreement: pixels where the shown networks do not all say the same of the region (for
    a single network: where it differs from the reference). Equals go by slice key.

    Raises:
        InputError: naming each wanted slice that is no test slice.
    """
    counts = results.counts
    test = counts[(counts["part"] == "test") & (counts["region"] == results.study.question.region)]
    if wanted:
        _check_slices(wanted, tuple(test["slice"].unique()))
        return tuple(dict.fromkeys(wanted))
    keys = tuple(sorted(test.loc[test["reference_present"], "slice"].unique()))
    if not keys:
        return ()
    order = _disagreement(results, pictures, keys).argsort(kind="stable")
    return tuple(dict.fromkeys([keys[order[(len(keys) - 1) // 2]], keys[order[-1]]]))


def _disagreement(
    results: Results, pictures: Pictures, keys: tuple[str, ...]
) -> Int64[np.ndarray, " slice"]:
    region = results.scheme.index(results.study.question.region)
    answers = [np.stack([masks[key] for key in keys]) == region for masks in pictures.masks]
    if len(answers) == 1:
        answers.append(np.stack([pictures.reference(key, results) for key in keys]) == region)
    everybody: Bool[np.ndarray, "slice y x"] = np.logical_and.reduce(answers)
    anybody: Bool[np.ndarray, "slice y x"] = np.logical_or.reduce(answers)
    return (anybody & ~everybody).sum((1, 2), dtype=np.int64)


def _place(results: Results) -> Path:
    """Where the study says its dataset is: from the study's folder, or else from here."""
    beside = results.folder.path / results.study.dataset
    return beside if beside.exists() else Path(results.study.dataset)


def _check_slices(wanted: Sequence[str], known: tuple[str, ...]) -> None:
    problems = []
    for key in wanted:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1, cutoff=0) or known[:1]
            problems.append(f"{key!r} is no test slice of this study; did you mean {near[0]!r}?")
    if problems:
        raise InputError(problems, "these slices cannot be shown")
