"""Which slices train, validate and test: decided once, stored with a hash, checked for leaks."""

from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from pydantic import ValidationError

from myosweep.config import Record, SplitConfig, canonical_hash
from myosweep.data.store import Dataset
from myosweep.errors import SplitError
from myosweep.files import read_json, write_json
from myosweep.randomness import stream

PARTS = ("training", "validation", "test")


class Split(Record):
    """The slices of each part by key, and how the split was made (nothing, if it was given)."""

    made_by: SplitConfig | None
    pixel_hash: str
    training: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]

    @cached_property
    def hash(self) -> str:
        """Names the split by its content alone: pixels, and the slices of each part."""
        parts = {part: list(self.part(part)) for part in PARTS}
        return canonical_hash({"pixels": self.pixel_hash, **parts})

    def part(self, name: str) -> tuple[str, ...]:
        """The keys of the slices in ``training``, ``validation`` or ``test``."""
        keys: tuple[str, ...] = getattr(self, name)
        return keys

    def rows(self, part: str, dataset: Dataset) -> np.ndarray:
        """Positions in ``dataset`` of the slices of a part, in the split's order."""
        return pd.Index(dataset.slices["slice"]).get_indexer(pd.Index(self.part(part)))

    def all_rows(self, dataset: Dataset) -> dict[str, np.ndarray]:
        """``rows`` of every part."""
        return {part: self.rows(part, dataset) for part in PARTS}


def make_split(dataset: Dataset, config: SplitConfig | None = None) -> Split:
    """Divide a dataset by patient (default) or by slice.

    Part sizes are rounded; the test part takes the rest. 3,587 slices at 60/20/20 give 2152, 717
    and 718, as in the paper.

    Raises:
        SplitError: if a part would be empty, or the same image would stand in two parts.
    """
    config = config or SplitConfig()
    units = dataset.slices["patient" if config.by == "patient" else "slice"].to_numpy(str)
    names = sorted(set(units))
    counts = part_sizes(len(names), config.fractions)
    if min(counts) < 1:
        raise SplitError(
            f"each part needs at least one {config.by}; {len(names)} at fractions "
            f"{list(config.fractions)} give {counts}; add data or change the fractions"
        )
    order = stream(config.seed, "split").permutation(len(names))
    ends = np.cumsum(counts)
    part_of = {names[unit]: int(np.searchsorted(ends, n, "right")) for n, unit in enumerate(order)}
    keys = dataset.slices["slice"].to_numpy(str)
    parts = {
        part: tuple(key for key, unit in zip(keys, units, strict=True) if part_of[unit] == number)
        for number, part in enumerate(PARTS)
    }
    split = Split(made_by=config, pixel_hash=dataset.manifest.pixel_hash, **parts)
    check_split(split, dataset)
    return split


def make_folds(
    dataset: Dataset, folds: int, repeat: int, validation: float, seed: int = 0
) -> tuple[Split, ...]:
    """Divide the patients into folds, each the test part of one split.

    Fold sizes differ by at most one patient. Of the patients not tested, a share validates and the
    rest trains, drawn anew for each fold.

    Args:
        repeat: which division, from 1; every repeat divides anew.
        validation: share of the patients not tested that validates, rounded; at least one.

    Raises:
        SplitError: if a part would be empty, or the same image would stand in two parts.
    """
    owners = dataset.slices["patient"].to_numpy(str)
    names = sorted(set(owners))
    fewest = max(folds, 4 if folds == 2 else 3)  # one patient not tested trains, one validates
    if len(names) < fewest:
        raise SplitError(
            f"{folds} folds need at least {fewest} patients, the dataset has {len(names)}; "
            "take fewer folds or add patients"
        )
    order = stream(seed, "folds", repeat, 0).permutation(len(names))
    keys = dataset.slices["slice"].to_numpy(str)
    made = []
    for number, tested in enumerate(np.array_split(order, folds), start=1):
        others = stream(seed, "folds", repeat, number).permutation(np.setdiff1d(order, tested))
        validating = min(max(round(len(others) * validation), 1), len(others) - 1)
        members = (others[validating:], others[:validating], tested)
        parts = {
            part: tuple(keys[np.isin(owners, [names[position] for position in of_part])].tolist())
            for part, of_part in zip(PARTS, members, strict=True)
        }
        split = Split(made_by=None, pixel_hash=dataset.manifest.pixel_hash, **parts)
        check_split(split, dataset)
        made.append(split)
    return tuple(made)


def subset_of_patients(
    rows: np.ndarray, owners: np.ndarray, fraction: float, seed: int
) -> np.ndarray:
    """The rows that belong to a share of their patients (rounded, at least one), in their order.

    Patients are taken in an order drawn from ``seed``, so a smaller share lies in a larger one.

    Args:
        rows: positions in the dataset.
        owners: the patient of every slice of the dataset.

    >>> subset_of_patients(np.arange(3), np.array(["a", "b", "b"]), 1.0, seed=0).tolist()
    [0, 1, 2]
    """
    if fraction == 1:
        return rows
    names = np.unique(owners[rows])
    count = max(round(fraction * len(names)), 1)
    chosen = names[stream(seed, "subset").permutation(len(names))[:count]]
    return rows[np.isin(owners[rows], chosen)]


def part_sizes(units: int, fractions: Sequence[float]) -> list[int]:
    """Sizes of the three parts.

    >>> part_sizes(3587, (0.6, 0.2, 0.2))
    [2152, 717, 718]
    """
    training, validation = (round(units * fraction) for fraction in fractions[:2])
    return [training, validation, units - training - validation]


def check_split(split: Split, dataset: Dataset) -> None:
    """Refuse a split that does not fit its dataset or has the same image in two parts.

    Raises:
        SplitError: with every broken rule.
    """
    if split.pixel_hash != dataset.manifest.pixel_hash:
        raise SplitError(
            "the split was made for other pixels than this dataset's; make a new one with "
            "`myosweep split`"
        )
    problems = _misplaced_slices(split, dataset) or _duplicates_across(split, dataset)
    if problems:
        raise SplitError(problems, "the split cannot be used")


def patients_in_several_parts(split: Split, dataset: Dataset) -> int:
    """How many patients have slices in more than one part; above 0, the test part is not new."""
    table = _placed(split, dataset)
    return int((table.groupby("patient")["part"].nunique() > 1).sum())


def write_split(split: Split, path: Path) -> None:
    """Write a split with its hash, whole or not at all."""
    write_json(path, {"hash": split.hash, **split.model_dump(mode="json")})


def read_split(path: Path) -> Split:
    """Read a split.

    Raises:
        SplitError: if the file is missing, is none, or was changed after it was made.
    """
    try:
        content = read_json(path)
        stored = content.pop("hash")
        split = Split.model_validate(content)
    except FileNotFoundError:
        raise SplitError(f"there is no split file {path.name!r}; check the path") from None
    except (OSError, ValueError, KeyError, AttributeError, TypeError, ValidationError):
        raise SplitError(
            f"{path.name} is not a split; make one with `myosweep split DATASET --out {path.name}`"
        ) from None
    if stored != split.hash:
        raise SplitError(
            f"{path.name} was changed after it was made (its hash does not fit); make a new one "
            "with `myosweep split`"
        )
    return split


def _misplaced_slices(split: Split, dataset: Dataset) -> list[str]:
    places = Counter(key for part in PARTS for key in split.part(part))
    unknown = sorted(set(places) - set(dataset.slices["slice"]))
    twice = sorted(key for key, count in places.items() if count > 1)
    return [f"slice {key} of the split is not in the dataset" for key in unknown] + [
        f"slice {key} stands twice in the split; it can be in one part only" for key in twice
    ]


def _duplicates_across(split: Split, dataset: Dataset) -> list[str]:
    table = _placed(split, dataset)
    parts = table.groupby("image_hash")["part"].nunique()
    groups = table[table["image_hash"].isin(parts.index[parts > 1])].groupby("image_hash")
    return [
        "the same image stands in several parts, as "
        + " and ".join(f"{row.slice} ({row.part})" for row in group.itertuples())
        + "; remove the copy and import again"
        for _, group in groups
    ]


def _placed(split: Split, dataset: Dataset) -> pd.DataFrame:
    """The dataset's slices that are in a part, with the column ``part``."""
    part_of = {key: part for part in PARTS for key in split.part(part)}
    table = dataset.slices.assign(part=dataset.slices["slice"].map(part_of))
    return table[table["part"].notna()]
