"""Splits: sizes, whole patients, leaks, and files that were tampered with."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from myosweep.config import SplitConfig
from myosweep.data.split import (
    PARTS,
    Split,
    check_split,
    make_folds,
    make_split,
    part_sizes,
    patients_in_several_parts,
    read_split,
    write_split,
)
from myosweep.data.store import FORMAT, Dataset, Manifest
from myosweep.errors import SplitError


def dataset(*slices_of: int, images: dict[str, str] | None = None, name: str = "h") -> Dataset:
    """Patients P00, P01, ... with so many slices each, in memory; ``images`` gives some hashes."""
    owners = [f"P{n:02d}" for n, count in enumerate(slices_of) for _ in range(count)]
    keys = [f"{owner}_{n:03d}" for n, owner in enumerate(owners)]
    hashes = [(images or {}).get(key, key) for key in keys]
    table = pd.DataFrame({"slice": keys, "patient": owners, "image_hash": hashes})
    manifest = Manifest(
        format=FORMAT, made_by="test", source={}, regions={"a": (0,), "b": (1,)}, ignored=(),
        slices=len(keys), height=1, width=1, pixel_hash=name,
    )  # fmt: skip
    pixels = np.zeros((len(keys), 1, 1), np.uint8)
    return Dataset(Path("toy"), manifest, pixels, pixels, table)


def config(**content: Any) -> SplitConfig:
    return SplitConfig(**content)


def split_of(training: str, validation: str, test: str, name: str = "h") -> Split:
    parts = (tuple(keys.split()) for keys in (training, validation, test))
    return Split(made_by=None, pixel_hash=name, **dict(zip(PARTS, parts, strict=True)))


def owners_of(keys: tuple[str, ...]) -> set[str]:
    return {key[:3] for key in keys}


TEN = dataset(*[2, 3] * 5)


def test_the_papers_sizes() -> None:
    assert part_sizes(3587, (0.6, 0.2, 0.2)) == [2152, 717, 718]
    made = make_split(dataset(*[1] * 7, *[10] * 358), config(by="slice"))
    assert [len(made.part(part)) for part in PARTS] == [2152, 717, 718]


def test_emidecs_sizes() -> None:
    assert part_sizes(80, (0.5, 0.2, 0.3)) == [40, 16, 24]


@given(
    st.lists(st.integers(1, 5), min_size=5, max_size=30),
    st.sampled_from(["patient", "slice"]),
    st.integers(0, 99),
)
@settings(max_examples=40, deadline=None)
def test_every_slice_is_in_one_part_and_patients_stay_whole(
    counts: list[int], by: str, seed: int
) -> None:
    data = dataset(*counts)
    made = make_split(data, config(by=by, seed=seed))
    keys = [key for part in PARTS for key in made.part(part)]
    assert sorted(keys) == sorted(data.slices["slice"])
    for part in PARTS:
        rows = made.rows(part, data)
        assert data.slices["slice"].iloc[rows].tolist() == list(made.part(part))
        assert (np.diff(rows) > 0).all()
    if by == "patient":
        owners = [{key[:3] for key in made.part(part)} for part in PARTS]
        assert sum(map(len, owners)) == len(counts)
        assert [len(one) for one in owners] == part_sizes(len(counts), (0.6, 0.2, 0.2))
        assert patients_in_several_parts(made, data) == 0


def test_default_is_by_patient_60_20_20_and_golden() -> None:
    made = make_split(TEN)
    assert made.made_by == SplitConfig(by="patient", fractions=(0.6, 0.2, 0.2), seed=0)
    owners = [sorted({key[:3] for key in made.part(part)}) for part in PARTS]
    assert owners == [["P00", "P05", "P06", "P07", "P08", "P09"], ["P01", "P02"], ["P03", "P04"]]
    assert made.hash == "5226472a3921e36e62bf5a149bba37b4f74d60fe3508dfca26d360ef23298dc1"
    assert make_split(TEN) == made


def test_seeds_differ_and_global_randomness_does_not_matter() -> None:
    made = [make_split(TEN, config(seed=seed)).hash for seed in range(5)]
    assert len(set(made)) == 5
    np.random.seed(1)
    assert [make_split(TEN, config(seed=seed)).hash for seed in range(5)] == made


def test_the_order_of_slices_in_the_dataset_does_not_move_patients() -> None:
    backwards = Dataset(TEN.folder, TEN.manifest, TEN.images, TEN.labels, TEN.slices[::-1])
    for by in ("patient", "slice"):
        one, other = (make_split(data, config(by=by)) for data in (TEN, backwards))
        assert [set(one.part(part)) for part in PARTS] == [set(other.part(part)) for part in PARTS]


def test_a_split_by_slice_counts_patients_in_several_parts() -> None:
    data = dataset(2, 2, 1)
    made = split_of("P00_000 P00_001", "P01_002", "P01_003 P02_004")
    assert patients_in_several_parts(made, data) == 1
    made = split_of("P00_000", "P00_001 P01_002", "P01_003 P02_004")
    assert patients_in_several_parts(made, data) == 2
    assert patients_in_several_parts(split_of("P00_000", "", ""), data) == 0
    by_slice = make_split(dataset(*[30] * 4), config(by="slice"))
    assert patients_in_several_parts(by_slice, dataset(*[30] * 4)) == 4


@pytest.mark.parametrize("by", ["patient", "slice"])
def test_an_empty_part_is_refused(by: str) -> None:
    with pytest.raises(
        SplitError, match=rf"at least one {by}; 2 at fractions \[0.6, 0.2, 0.2\] gi"
    ):
        make_split(dataset(1, 1), config(by=by))
    assert make_split(dataset(1, 1, 1), config(fractions=(0.34, 0.33, 0.33)))


# Folds


@given(st.lists(st.integers(1, 4), min_size=4, max_size=24), st.integers(2, 8), st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_folds_test_every_patient_once_and_keep_patients_whole(
    counts: list[int], folds: int, seed: int
) -> None:
    folds = min(folds, len(counts))
    data = dataset(*counts)
    made = make_folds(data, folds, 1, 0.25, seed)
    tested = [owners_of(split.test) for split in made]
    assert len(made) == folds
    assert sorted(owner for owners in tested for owner in owners) == sorted(
        data.slices["patient"].unique()
    )
    assert max(map(len, tested)) - min(map(len, tested)) <= 1
    for split in made:
        assert sorted(key for part in PARTS for key in split.part(part)) == sorted(
            data.slices["slice"]
        )
        assert all(split.part(part) for part in PARTS)
        assert patients_in_several_parts(split, data) == 0


@pytest.mark.parametrize(
    ("share", "patients"), [(0.25, 2), (0.5, 4), (0.01, 1), (0.99, 7), (0.3, 2)]
)
def test_a_share_of_those_not_tested_validates_but_never_none_or_all(
    share: float, patients: int
) -> None:
    for split in make_folds(TEN, 5, 1, share):  # 8 of 10 patients are not tested
        assert len(owners_of(split.validation)) == patients
        assert len(owners_of(split.training)) == 8 - patients


def test_other_repeats_and_seeds_divide_anew_and_each_is_always_the_same() -> None:
    made = {
        (repeat, seed): [split.hash for split in make_folds(TEN, 5, repeat, 0.25, seed)]
        for repeat in (1, 2, 3)
        for seed in (0, 1)
    }
    hashes = [one for of_repeat in made.values() for one in of_repeat]
    assert len(set(hashes)) == len(hashes)
    np.random.seed(1)
    assert [split.hash for split in make_folds(TEN, 5, 2, 0.25, 1)] == made[2, 1]


def test_folds_are_golden() -> None:
    first = make_folds(TEN, 5, 1, 0.25)[0]
    owners = [sorted(owners_of(first.part(part))) for part in PARTS]
    assert owners == [["P00", "P01", "P03", "P05", "P07", "P08"], ["P02", "P04"], ["P06", "P09"]]
    assert first.hash == "e197fbd50d729dd7800b3f3ba53e1d3e1630965a87c789388f396f815ae12bff"


def test_the_order_of_slices_in_the_dataset_moves_no_patient_to_another_fold() -> None:
    backwards = Dataset(TEN.folder, TEN.manifest, TEN.images, TEN.labels, TEN.slices[::-1])
    for one, other in zip(
        make_folds(TEN, 3, 1, 0.25), make_folds(backwards, 3, 1, 0.25), strict=True
    ):
        assert [set(one.part(part)) for part in PARTS] == [set(other.part(part)) for part in PARTS]


@pytest.mark.parametrize(("patients", "folds", "fewest"), [(4, 5, 5), (3, 2, 4), (2, 3, 3)])
def test_too_few_patients_for_folds(patients: int, folds: int, fewest: int) -> None:
    with pytest.raises(SplitError) as caught:
        make_folds(dataset(*[2] * patients), folds, 1, 0.25)
    assert str(caught.value) == (
        f"{folds} folds need at least {fewest} patients, the dataset has {patients}; take fewer "
        "folds or add patients"
    )
    assert len(make_folds(dataset(*[2] * fewest), folds, 1, 0.25)) == folds


def test_folds_refuse_the_same_image_in_two_parts() -> None:
    keys = TEN.slices["slice"]
    data = dataset(*[2, 3] * 5, images=dict.fromkeys(keys[::4], "copy"))
    with pytest.raises(SplitError, match="the same image stands in several parts"):
        make_folds(data, 5, 1, 0.25)


# Leaks


def test_the_same_image_in_two_parts_is_refused_with_both_names() -> None:
    data = dataset(1, 1, 1, 1, images={"P00_000": "x", "P02_002": "x", "P03_003": "x"})
    with pytest.raises(SplitError) as caught:
        check_split(split_of("P00_000 P02_002", "P01_001", "P03_003"), data)
    assert str(caught.value) == (
        "the same image stands in several parts, as P00_000 (training) and P02_002 (training) and "
        "P03_003 (test); remove the copy and import again"
    )
    check_split(split_of("P00_000 P02_002 P03_003", "P01_001", ""), data)
    check_split(split_of("P00_000 P02_002", "P01_001", ""), data)


def test_every_copy_across_parts_is_listed() -> None:
    data = dataset(1, 1, 1, 1, images=dict.fromkeys(["P00_000", "P02_002"], "x")
                   | dict.fromkeys(["P01_001", "P03_003"], "y"))  # fmt: skip
    with pytest.raises(SplitError, match=r"the split cannot be used \(2 problems\)") as caught:
        check_split(split_of("P00_000", "P01_001", "P02_002 P03_003"), data)
    assert len(caught.value.problems) == 2


def test_making_a_split_refuses_copies_across_parts() -> None:
    keys = TEN.slices["slice"]
    data = dataset(*[2, 3] * 5, images=dict.fromkeys(keys, "all the same"))
    with pytest.raises(SplitError, match="the same image stands in several parts"):
        make_split(data)


def test_slices_that_are_unknown_or_stand_twice_are_refused() -> None:
    made = split_of("P00_000 P07_001", "P00_000", "P01_001 P09_009 P01_001")
    with pytest.raises(SplitError) as caught:
        check_split(made, dataset(1, 1))
    assert list(caught.value.problems) == [
        "slice P07_001 of the split is not in the dataset",
        "slice P09_009 of the split is not in the dataset",
        "slice P00_000 stands twice in the split; it can be in one part only",
        "slice P01_001 stands twice in the split; it can be in one part only",
    ]


def test_another_datasets_split_is_refused() -> None:
    with pytest.raises(SplitError, match="was made for other pixels than this dataset's; make a"):
        check_split(make_split(TEN), dataset(*[2, 3] * 5, name="other"))


# Files


def test_a_written_split_comes_back(tmp_path: Path) -> None:
    for made in (make_split(TEN, config(by="slice", seed=7)), split_of("a", "b", "c")):
        write_split(made, tmp_path / "split.json")
        assert read_split(tmp_path / "split.json") == made
        assert json.loads((tmp_path / "split.json").read_text())["hash"] == made.hash


def test_the_hash_names_content_not_origin() -> None:
    made = make_split(TEN)
    parts = {part: made.part(part) for part in PARTS}
    assert Split(made_by=None, pixel_hash="h", **parts).hash == made.hash
    changed = [
        Split(made_by=None, pixel_hash="other", **parts),
        Split(made_by=None, pixel_hash="h", **{**parts, "test": made.test[::-1]}),
        Split(made_by=None, pixel_hash="h", **{**parts, "test": made.test[1:]}),
        Split(made_by=None, pixel_hash="h", training=made.test, validation=made.validation,
              test=made.training),
    ]  # fmt: skip
    assert len({made.hash, *(split.hash for split in changed)}) == 5


def test_an_edited_split_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "split.json"
    write_split(make_split(TEN), path)
    content = json.loads(path.read_text())
    content["training"].append(content["test"].pop())
    path.write_text(json.dumps(content))
    with pytest.raises(SplitError, match=r"split\.json was changed after it was made \(its hash"):
        read_split(path)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", "1", '{"hash": "x"}', "\xff", '{"hash": 1, "a": 2}']
)
def test_what_is_no_split_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "mine.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(SplitError, match=r"mine\.json is not a split; make one with `myosweep sp"):
        read_split(path)


def test_a_missing_split_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SplitError, match=r"there is no split file 'none\.json'; check the path"):
        read_split(tmp_path / "none.json")
