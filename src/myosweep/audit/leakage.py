"""What a test part must not have in common with the training part."""

from collections.abc import Iterator, Mapping

import numpy as np

from myosweep.audit.near import NearPairs
from myosweep.audit.records import Finding
from myosweep.audit.words import count, some, verb
from myosweep.data.split import PARTS, Split
from myosweep.data.store import Dataset

MOST_PAIRS = 50
"""So many pairs are told in the facts."""


def find_near_duplicates(dataset: Dataset, near: NearPairs) -> Iterator[Finding]:
    """Near-duplicates across patients (serious) and within a patient."""
    patients = dataset.slices["patient"].astype(str).to_numpy(str)
    same = patients[near.pairs[:, 0]] == patients[near.pairs[:, 1]]
    if not near.complete:
        yield Finding(
            "near-duplicates",
            "look",
            "So many images resemble each other that not all pairs could be compared.",
            "Look at the dataset: many of its images may be copies, or show next to nothing.",
        )
    if (~same).any():
        keys = _keys(dataset, near, ~same)
        pairs = int((~same).sum())
        yield Finding(
            "near-duplicates",
            "serious",
            f"{count(len(keys), 'slice')} of different patients show nearly the same image "
            f"({count(pairs, 'pair')}, such as {_example(dataset, near, ~same)}).",
            "Look at each pair. If it is one person under two codes, give all slices the same "
            "patient code; if a copy was changed and kept, remove it. Then import again.",
            keys,
            _pair_facts(dataset, near, ~same),
        )
    if same.any():
        keys = _keys(dataset, near, same)
        yield Finding(
            "near-duplicates",
            "look",
            f"{count(len(keys), 'slice')} {verb(len(keys), 'shows', 'show')} nearly the same image "
            "as another slice of the same patient, more alike than neighbouring slices are "
            f"(such as {_example(dataset, near, same)}).",
            "See whether a slice was stored or acquired twice; keep the better one and import "
            "again. They are no leak as long as splits are by patient.",
            keys,
            _pair_facts(dataset, near, same),
        )


def find_leaks(
    dataset: Dataset, splits: Mapping[str, Split], near: NearPairs | None
) -> Iterator[Finding]:
    """Patients and images that stand in several parts of a split; all of it is serious."""
    for name, split in splits.items():
        parts = part_numbers(dataset, split)
        called = f" of {name!r}" if len(splits) > 1 else ""
        yield from _shared_patients(dataset, parts, called)
        yield from _shared_images(dataset, parts, called)
        if near is not None:
            yield from _shared_near(dataset, parts, near, called)


def part_numbers(dataset: Dataset, split: Split) -> np.ndarray:
    """For each slice the number of its part, -1 if it is in none."""
    part_of = {key: number for number, part in enumerate(PARTS) for key in split.part(part)}
    return dataset.slices["slice"].map(part_of).fillna(-1).to_numpy(int)


def _shared_patients(dataset: Dataset, parts: np.ndarray, called: str) -> Iterator[Finding]:
    table = dataset.slices[["slice", "patient"]].astype(str).assign(part=parts)
    table = table[table["part"] >= 0]
    shared = table.groupby("patient", sort=False)["part"].transform("nunique") > 1
    if not shared.any():
        return
    keys = tuple(table.loc[shared, "slice"])
    patients = list(dict.fromkeys(table.loc[shared, "patient"]))
    yield Finding(
        "patients in several parts",
        "serious",
        f"{count(len(patients), 'patient')} {verb(len(patients), 'has', 'have')} slices in more "
        f"than one part of the split{called} ({some(patients)}): the networks are tested on people "
        "whom they know from training, and all test scores are too good.",
        "Split by patient: `myosweep split` does so unless told otherwise.",
        keys,
        {"patients": patients, "slices": len(keys)},
    )


def _shared_images(dataset: Dataset, parts: np.ndarray, called: str) -> Iterator[Finding]:
    table = dataset.slices[["slice", "image_hash"]].astype(str).assign(part=parts)
    table = table[table["part"] >= 0].sort_values("image_hash", kind="stable")
    shared = table.groupby("image_hash")["part"].transform("nunique") > 1
    if shared.any():
        keys = tuple(table.loc[shared, "slice"])
        yield Finding(
            "exact duplicates across parts",
            "serious",
            f"{count(len(keys), 'slice')} in different parts of the split{called} show the same "
            f"image, pixel by pixel ({some(keys)}).",
            "Remove the copies, import again, and make a new split.",
            keys,
            {"images": int(table.loc[shared, "image_hash"].nunique())},
        )


def _shared_near(
    dataset: Dataset, parts: np.ndarray, near: NearPairs, called: str
) -> Iterator[Finding]:
    one, other = parts[near.pairs[:, 0]], parts[near.pairs[:, 1]]
    shared = (one != other) & (one >= 0) & (other >= 0)
    if shared.any():
        keys = _keys(dataset, near, shared)
        yield Finding(
            "near-duplicates across parts",
            "serious",
            f"{count(len(keys), 'slice')} in different parts of the split{called} show nearly the "
            f"same image ({count(int(shared.sum()), 'pair')}, such as "
            f"{_example(dataset, near, shared)}): a network that learned the one is tested on the "
            "other.",
            "Look at each pair. If they show one person, give all slices the same patient code; "
            "remove copies; import again and make a new split.",
            keys,
            _pair_facts(dataset, near, shared),
        )


def _order(near: NearPairs, chosen: np.ndarray) -> np.ndarray:
    """Places of the chosen pairs, the most alike first."""
    places = np.flatnonzero(chosen)
    return places[np.argsort(-near.alike[places], kind="stable")]


def _keys(dataset: Dataset, near: NearPairs, chosen: np.ndarray) -> tuple[str, ...]:
    """Both slices of each pair beside each other, each slice once."""
    rows = near.pairs[_order(near, chosen)].ravel()
    keys = dataset.slices["slice"].astype(str).to_numpy(str)[rows]
    return tuple(dict.fromkeys(keys.tolist()))


def _example(dataset: Dataset, near: NearPairs, chosen: np.ndarray) -> str:
    first = _order(near, chosen)[0]
    one, other = dataset.slices["slice"].astype(str).to_numpy(str)[near.pairs[first]]
    mirrored = ", mirrored" if near.mirrored[first] else ""
    return f"{one} and {other}{mirrored}"


def _pair_facts(dataset: Dataset, near: NearPairs, chosen: np.ndarray) -> dict[str, object]:
    keys = dataset.slices["slice"].astype(str).to_numpy(str)
    return {
        "pairs": int(chosen.sum()),
        "closest": [
            {
                "slices": keys[near.pairs[place]].tolist(),
                "correlation": round(float(near.alike[place]), 3),
                "mirrored": bool(near.mirrored[place]),
            }
            for place in _order(near, chosen)[:MOST_PAIRS]
        ],
    }
