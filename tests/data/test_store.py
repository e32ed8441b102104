"""The dataset's folder: what opens, what is refused, and what its hashes stand for."""

import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from myosweep.data.store import (
    Dataset,
    DatasetDraft,
    new_dataset,
    open_dataset,
    refuse_taken,
    slice_hashes,
)
from myosweep.errors import DatasetError
from myosweep.regions import NO_REGION, RegionScheme

SCHEME = RegionScheme.parse(["background=0", "myocardium=2,3"], ignored=[9])
IMAGES = np.arange(24, dtype=np.uint16).reshape(2, 3, 4) * 1000
LABELS = np.array([[[0, 2, 3, 9], [0, 0, 0, 0], [2, 2, 2, 2]]] * 2, np.uint8)


def fill(draft: DatasetDraft, positions: tuple[int, ...] = (0, 1)) -> None:
    for position in positions:
        row = {"slice": f"P1_{position}", "patient": "P1", "spacing_mm": 1.5}
        draft.append(IMAGES[position], LABELS[position], **row)


def make(
    folder: Path,
    images: np.ndarray = IMAGES,
    labels: np.ndarray = LABELS,
    scheme: RegionScheme = SCHEME,
    patient: str = "P1",
) -> Dataset:
    with new_dataset(folder, images.dtype, labels.dtype, scheme, {}) as draft:
        for position, (image, label) in enumerate(zip(images, labels, strict=True)):
            draft.append(image, label, slice=f"{patient}_{position}", patient=patient)
    return open_dataset(folder)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make(tmp_path / "set").folder


def test_what_went_in_comes_out(tmp_path: Path) -> None:
    source = {"kind": "test"}
    types = IMAGES.dtype, LABELS.dtype
    with new_dataset(tmp_path / "set", *types, SCHEME, source) as draft:
        fill(draft)
    dataset = open_dataset(str(tmp_path / "set"))
    assert len(dataset) == 2
    np.testing.assert_array_equal(dataset.images, IMAGES)
    np.testing.assert_array_equal(dataset.labels, LABELS)
    assert (dataset.images.dtype, dataset.labels.dtype) == types
    assert dataset.scheme == SCHEME
    assert dataset.manifest.source == source
    table = dataset.slices
    assert table["slice"].tolist() == ["P1_0", "P1_1"]
    assert table["spacing_mm"].tolist() == [1.5, 1.5]
    assert table["site"].isna().all()
    assert str(table["site"].dtype) in ("string", "str")
    assert sorted(path.name for path in dataset.folder.iterdir()) == [
        "images.npy", "labels.npy", "manifest.json", "slices.parquet",
    ]  # fmt: skip


def test_pixels_are_read_only_memory_maps(folder: Path) -> None:
    dataset = open_dataset(folder)
    for pixels in (dataset.images, dataset.labels):
        assert isinstance(pixels, np.memmap)
        with pytest.raises(ValueError, match="read-only"):
            pixels[0, 0, 0] = 1


def test_references_are_region_maps_of_any_scheme(folder: Path) -> None:
    dataset = open_dataset(folder)
    n = NO_REGION
    expected = [[0, 1, 1, n], [0, 0, 0, 0], [1, 1, 1, 1]]
    assert dataset.reference(SCHEME).tolist() == [expected, expected]
    assert dataset.reference(SCHEME, np.array([1])).tolist() == [expected]
    other = RegionScheme.parse(["rest=0,2", "infarct=3"])
    assert dataset.reference(other, slice(0, 1))[0, 0].tolist() == [0, 0, 1, n]


# Hashes


def pixel_hash(folder: Path, **content: object) -> str:
    return make(folder, **content).manifest.pixel_hash


def test_the_pixel_hash_depends_on_pixels_and_order_alone(tmp_path: Path) -> None:
    same = {
        pixel_hash(tmp_path / "a"),
        pixel_hash(tmp_path / "b", patient="other"),
        pixel_hash(tmp_path / "c", scheme=RegionScheme.parse(["x=0,3", "y=2,9"])),
    }
    assert len(same) == 1
    one_pixel, one_label = IMAGES.copy(), LABELS.copy()
    one_pixel[1, 2, 3] += 1
    one_label[0, 0, 0] = 3
    different = {
        pixel_hash(tmp_path / "d", images=one_pixel),
        pixel_hash(tmp_path / "e", labels=one_label),
        pixel_hash(tmp_path / "f", images=IMAGES[::-1]),
        pixel_hash(tmp_path / "g", images=IMAGES[:1], labels=LABELS[:1]),
        pixel_hash(tmp_path / "h", images=IMAGES.astype(np.uint8)),
        pixel_hash(tmp_path / "i", labels=LABELS.astype(np.uint16)),
        pixel_hash(tmp_path / "j", images=IMAGES.reshape(2, 4, 3), labels=LABELS.reshape(2, 4, 3)),
    }
    assert len(different | same) == 8


def test_image_hashes_do_not_depend_on_the_masks(tmp_path: Path) -> None:
    twice = np.stack([IMAGES[0], IMAGES[0]])
    labels = np.stack([LABELS[0], np.zeros_like(LABELS[0])])
    table = make(tmp_path / "set", images=twice, labels=labels).slices
    assert table["image_hash"].nunique() == 1
    assert table["pixel_hash"].nunique() == 2


def test_golden_hashes(folder: Path) -> None:
    """Every run's id holds the pixel hash: if these move, finished runs are orphaned."""
    dataset = open_dataset(folder)
    assert dataset.manifest.pixel_hash == (
        "def1239c9a8d056fece70bc506208cbde7bb65e8bc48370ae0788330135db8df"
    )
    assert dataset.slices["image_hash"][0] == (
        "0acfe46a0f43f8ae912e45f9358b3a4f3181b39b20a34e270c61f04e727204f7"
    )


def test_check_pixels_finds_one_changed_pixel(folder: Path) -> None:
    open_dataset(folder).check_pixels()
    for file, place in (("images.npy", (1, 2, 3)), ("labels.npy", (0, 0, 0))):
        pixels = np.load(folder / file, mmap_mode="r+")
        pixels[place] ^= 1
        pixels.flush()
        with pytest.raises(DatasetError, match=r"'set' are not those that were imported; import"):
            open_dataset(folder).check_pixels()
        pixels[place] ^= 1
        pixels.flush()
    open_dataset(folder).check_pixels()


# Refusals


def edit(folder: Path, **changes: object) -> None:
    content = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**content, **changes}))


def cut_short(path: Path, end: int = -5) -> None:
    path.write_bytes(path.read_bytes()[:end])


def without_column(folder: Path, column: str) -> None:
    path = folder / "slices.parquet"
    pd.read_parquet(path).drop(columns=column).to_parquet(path)


def same_key_twice(folder: Path) -> None:
    path = folder / "slices.parquet"
    pd.read_parquet(path).assign(slice="P1_0").to_parquet(path)


def pickled(path: Path) -> None:
    with path.open("wb") as file:
        pickle.dump(IMAGES, file)


def zipped(path: Path) -> None:
    with path.open("wb") as file:
        np.savez(file, IMAGES)


def objects(path: Path) -> None:
    np.save(path, np.full((2, 3, 4), None), allow_pickle=True)


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "no manifest": (lambda f: (f / "manifest.json").unlink(), r"'set' is not a dataset \(no read"),
    "no JSON": (lambda f: cut_short(f / "manifest.json"), "'set' is not a dataset"),
    "no text": (lambda f: (f / "manifest.json").write_bytes(b"\xff"), "'set' is not a dataset"),
    "a list": (lambda f: (f / "manifest.json").write_text("[]"), "manifest.json cannot be read"),
    "too little": (lambda f: (f / "manifest.json").write_text("{}"), "manifest.json cannot be"),
    "unknown field": (lambda f: edit(f, other=1), "manifest.json cannot be read"),
    "newer": (
        lambda f: edit(f, format=2, new=[], made_by="myosweep 9.1"),
        r"'set' has format 2, this myosweep reads format 1; use the version.*myosweep 9\.1",
    ),
    "no images": (lambda f: (f / "images.npy").unlink(), "images.npy is missing; import it again"),
    "no labels": (lambda f: (f / "labels.npy").unlink(), "labels.npy is missing"),
    "no table": (lambda f: (f / "slices.parquet").unlink(), "slices.parquet is missing"),
    "truncated": (lambda f: cut_short(f / "images.npy"), "damaged: images.npy cannot be read"),
    "header cut": (lambda f: cut_short(f / "labels.npy", 40), "labels.npy cannot be read"),
    "empty array": (lambda f: cut_short(f / "images.npy", 0), "images.npy cannot be read"),
    "table cut": (lambda f: cut_short(f / "slices.parquet"), "slices.parquet cannot be read"),
    "pickle": (lambda f: pickled(f / "images.npy"), "images.npy cannot be read"),
    "objects": (lambda f: objects(f / "labels.npy"), "labels.npy cannot be read"),
    "zip": (lambda f: zipped(f / "images.npy"), "images.npy cannot be"),
    "size": (
        lambda f: edit(f, width=5),
        r"images.npy holds uint16 \(2, 3, 4\), not 8- or 16-bit \(2, 3, 5\); labels.npy holds",
    ),
    "count": (lambda f: edit(f, slices=3), "slices.parquet does not name 3 slices"),
    "float": (
        lambda f: np.save(f / "images.npy", IMAGES.astype(float)),
        r"images.npy holds float64 \(2, 3, 4\)",
    ),
    "no column": (lambda f: without_column(f, "patient"), "has no column patient"),
    "same key": (same_key_twice, "slices.parquet does not name 2 slices"),
}
assert DAMAGE


@pytest.mark.parametrize("case", DAMAGE)
def test_damage_is_refused_without_the_folders_place(folder: Path, case: str) -> None:
    damage, message = DAMAGE[case]
    damage(folder)
    with pytest.raises(DatasetError, match=message) as caught:
        open_dataset(folder)
    assert str(folder.parent) not in str(caught.value)


def test_nothing_is_unpickled(folder: Path, tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[object, ...]:
            return Path.touch, (tmp_path / "it ran",)

    np.save(folder / "labels.npy", np.full((2, 3, 4), Bomb()), allow_pickle=True)
    (folder / "images.npy").write_bytes(pickle.dumps(Bomb()))
    (folder / "slices.parquet").write_bytes(pickle.dumps(Bomb()))
    for file in ("images.npy", "labels.npy", "slices.parquet"):
        with pytest.raises(DatasetError, match=f"{file} cannot be read"):
            open_dataset(folder)
        shutil.copy(make(tmp_path / file).folder / file, folder / file)
    open_dataset(folder)
    assert not (tmp_path / "it ran").exists()


def test_a_folder_that_is_not_there_or_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for name in ("none", "file"):
        with pytest.raises(DatasetError, match=f"'{name}' is not a dataset .*myosweep import"):
            open_dataset(tmp_path / name)


def test_a_moved_dataset_opens(folder: Path, tmp_path: Path) -> None:
    shutil.move(folder, tmp_path / "elsewhere")
    open_dataset(tmp_path / "elsewhere").check_pixels()


# Making


def test_a_taken_folder_is_refused_and_untouched(folder: Path, tmp_path: Path) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    (tmp_path / "file").write_text("mine")
    for path in (folder, tmp_path / "file"):
        message = f"'{path.name}' exists already and is not overwritten"
        with pytest.raises(DatasetError, match=message):
            make(path)
        with pytest.raises(DatasetError, match=message):
            refuse_taken(path)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert (tmp_path / "file").read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "set"]


@pytest.mark.parametrize("count", [1, 9, 10, 1000])
def test_files_that_grew_are_those_that_numpy_writes(tmp_path: Path, count: int) -> None:
    """The header is written before the number of slices is known, and again at last."""
    images = np.arange(count * 12, dtype=np.uint16).reshape(count, 3, 4)
    labels = (images % 4).astype(np.uint8)
    folder = make(tmp_path / "set", images, labels).folder
    for name, pixels in (("images", images), ("labels", labels)):
        np.save(tmp_path / name, pixels)
        written = (folder / f"{name}.npy").read_bytes()
        assert written == (tmp_path / f"{name}.npy").read_bytes()
        np.testing.assert_array_equal(np.load(folder / f"{name}.npy"), pixels)


def test_pixels_in_any_memory_order_are_stored_row_by_row(tmp_path: Path) -> None:
    turned = np.ascontiguousarray(IMAGES.transpose(0, 2, 1)).transpose(0, 2, 1)
    spread = np.repeat(LABELS, 2, axis=2)[..., ::2]
    assert not turned[0].flags.c_contiguous
    assert not spread[0].flags.c_contiguous
    dataset = make(tmp_path / "set", turned, spread)
    np.testing.assert_array_equal(dataset.images, IMAGES)
    np.testing.assert_array_equal(dataset.labels, LABELS)
    same = make(tmp_path / "same")
    assert dataset.manifest.pixel_hash == same.manifest.pixel_hash
    dataset.check_pixels()


def test_hashes_that_are_known_are_not_computed_again(tmp_path: Path) -> None:
    known = [slice_hashes(*pair) for pair in zip(IMAGES, LABELS, strict=True)]
    with new_dataset(tmp_path / "set", IMAGES.dtype, LABELS.dtype, SCHEME, {}) as draft:
        for position, hashes in enumerate(known):
            pixels = IMAGES[position], LABELS[position]
            draft.append(*pixels, hashes=hashes, slice=f"{position}", patient="P1")
    dataset = open_dataset(tmp_path / "set")
    assert dataset.slices["pixel_hash"].tolist() == [one["pixel_hash"] for one in known]
    assert dataset.manifest.pixel_hash == make(tmp_path / "same").manifest.pixel_hash
    dataset.check_pixels()


def test_a_draft_without_slices_is_refused(tmp_path: Path) -> None:
    with (
        pytest.raises(DatasetError, match="a dataset needs at least one slice; none was left to"),
        new_dataset(tmp_path / "set", IMAGES.dtype, LABELS.dtype, SCHEME, {}),
    ):
        pass
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("image", "labels"),
    [
        (IMAGES[1][:, :2], LABELS[1][:, :2]),
        (IMAGES[1].astype(np.uint8), LABELS[1]),
        (IMAGES[1], LABELS[1].astype(np.uint16)),
    ],
)
def test_a_slice_that_does_not_fit_the_files_never_gets_into_them(
    tmp_path: Path, image: np.ndarray, labels: np.ndarray
) -> None:
    """That is for the import to prevent, so it is no message to the user."""

    def fill_wrongly() -> None:
        with new_dataset(tmp_path / "set", IMAGES.dtype, LABELS.dtype, SCHEME, {}) as draft:
            fill(draft, (0,))
            draft.append(image, labels, slice="P1_1", patient="P1")

    with pytest.raises(AssertionError):
        fill_wrongly()
    assert not list(tmp_path.iterdir())


def test_what_only_some_slices_tell_is_missing_in_the_others(tmp_path: Path) -> None:
    rows = ({"level": "apex", "turn": 3}, {"site": "S1"})
    with new_dataset(tmp_path / "set", IMAGES.dtype, LABELS.dtype, SCHEME, {}) as draft:
        for position, row in enumerate(rows):
            names = {"slice": f"P1_{position}", "patient": "P1"}
            draft.append(IMAGES[position], LABELS[position], **names, **row)
    table = open_dataset(tmp_path / "set").slices
    known = table[["site", "level", "turn", "spacing_mm"]].astype(object)
    assert known.where(known.notna(), None).to_numpy().tolist() == [
        [None, "apex", 3, None], ["S1", None, None, None],
    ]  # fmt: skip


def test_an_empty_folder_is_used(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    assert len(make(tmp_path / "set")) == 2


def fail_after(folder: Path, slices: tuple[int, ...]) -> None:
    types = IMAGES.dtype, LABELS.dtype
    with new_dataset(folder, *types, SCHEME, {}) as draft:
        fill(draft, slices)
        raise KeyboardInterrupt


@pytest.mark.parametrize("slices", [(), (0,), (0, 1)])
def test_an_interrupted_dataset_leaves_nothing(tmp_path: Path, slices: tuple[int, ...]) -> None:
    with pytest.raises(KeyboardInterrupt):
        fail_after(tmp_path / "set", slices)
    assert not list(tmp_path.iterdir())


def open_maps(part: str) -> bool:
    return part in Path("/proc/self/maps").read_text()


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="needs Linux to look")
@pytest.mark.parametrize("fails", [False, True])
def test_windows_can_rename_or_remove_the_draft(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: bool
) -> None:
    """Windows does neither with a folder in which a file is still mapped."""
    seen = []
    for module, name in (("os", "replace"), ("shutil", "rmtree")):
        real = getattr(__import__(module), name)

        def look(path: Path, *rest: object, real: Callable[..., object] = real, **k: bool) -> None:
            if Path(path).is_dir():
                seen.append(open_maps(str(path)))
            real(path, *rest, **k)

        monkeypatch.setattr(f"myosweep.files.{module}.{name}", look)
    if fails:
        with pytest.raises(KeyboardInterrupt):
            fail_after(tmp_path / "set", (0, 1))
    else:
        make(tmp_path / "set")
    assert seen == [False]
