"""Import of image folders: exact pixels and codes, no identities, and one error for all faults."""

import hashlib
import shutil
import struct
import tracemalloc
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pyarrow.parquet import read_schema

from myosweep.data.png import import_png
from myosweep.data.store import Dataset
from myosweep.errors import ConfigError, DatasetError
from myosweep.regions import NO_REGION, RegionScheme

PAPER = RegionScheme.parse(["background=255", "blood pool=128", "myocardium=0"])
EMIDEC = RegionScheme.parse(["background=0", "blood pool=1", "myocardium=2,3,4"])
PATTERN = r"(?P<patient>P\d+)_(?P<slice>\d+)"
RNG = np.random.default_rng(0)


def noise(*shape: int, dtype: type = np.uint8) -> np.ndarray:
    return RNG.integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


def codes(*shape: int) -> np.ndarray:
    """A mask with every code of EMIDEC, in the paper's sense of a mask: no two are alike."""
    return RNG.integers(0, 5, shape, np.uint8)


@dataclass(frozen=True)
class Folders:
    """Images and masks as a user has them, and the dataset to make of them."""

    root: Path

    @property
    def out(self) -> Path:
        return self.root / "data" / "mine"

    def file(self, kind: str, name: str, content: np.ndarray | bytes, **options: Any) -> Path:
        path = self.root / kind / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            Image.fromarray(content).save(path, **options)
        return path

    def pair(
        self, name: str, image: np.ndarray | None = None, mask: np.ndarray | None = None
    ) -> None:
        """Add an image and its mask; by default 6 x 8 pixels of their own."""
        self.file("images", f"{name}.png", noise(6, 8) if image is None else image)
        self.file("masks", f"{name}.png", codes(6, 8) if mask is None else mask)

    def make(self, **options: Any) -> Dataset:
        options = {"patient": PATTERN, "scheme": EMIDEC, **options}
        return import_png(self.root / "images", self.root / "masks", self.out, **options)

    def problems(self, **options: Any) -> list[str]:
        """What the import complains of; it must leave nothing behind and name no folder."""
        with pytest.raises(DatasetError) as caught:
            self.make(**options)
        assert not self.out.exists()
        assert not self.out.parent.exists() or not list(self.out.parent.iterdir())
        assert str(self.root) not in str(caught.value)
        return list(caught.value.problems)


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return Folders(tmp_path / "hospital-export")


# What comes out


@pytest.mark.parametrize(
    ("shape", "crop", "rows", "columns"),
    [
        ((256, 256), 128, slice(64, 192), slice(64, 192)),
        ((7, 9), 4, slice(1, 5), slice(2, 6)),
        ((7, 9), 3, slice(2, 5), slice(3, 6)),
        ((8, 8), 8, slice(0, 8), slice(0, 8)),
        ((6, 9), None, slice(0, 6), slice(0, 9)),
    ],
)
def test_pixels_and_codes_are_cut_not_changed(
    folders: Folders, shape: tuple[int, int], crop: int | None, rows: slice, columns: slice
) -> None:
    image, mask = noise(*shape), codes(*shape)
    folders.pair("P1_1", image, mask)
    dataset = folders.make(crop=crop)
    np.testing.assert_array_equal(dataset.images[0], image[rows, columns])
    np.testing.assert_array_equal(dataset.labels[0], mask[rows, columns])
    assert (dataset.images.dtype, dataset.labels.dtype) == (np.uint8, np.uint8)
    assert dataset.scheme == EMIDEC
    row = dataset.slices.iloc[0]
    assert (row["source_height"], row["source_width"]) == shape
    assert (row["crop_top"], row["crop_left"]) == (rows.start, columns.start)
    dataset.check_pixels()


def test_a_crop_beyond_the_image_is_padded_and_ignored(folders: Folders) -> None:
    image, mask = noise(5, 6), np.array([255, 128, 0], np.uint8)[codes(5, 6) % 3]
    folders.pair("P1_1", image, mask)
    folders.pair("P1_2", noise(9, 9), np.zeros((9, 9), np.uint8))
    dataset = folders.make(crop=8, scheme=PAPER)
    around = ((2, 1), (1, 1))
    np.testing.assert_array_equal(dataset.images[0], np.pad(image, around))
    np.testing.assert_array_equal(dataset.labels[0], np.pad(mask, around, constant_values=254))
    assert dataset.scheme.regions == PAPER.regions
    assert dataset.scheme.ignored == dataset.manifest.ignored == (254,)
    inside = np.pad(np.ones((5, 6), bool), around)
    reference = dataset.reference(dataset.scheme)
    assert (reference[0][~inside] == NO_REGION).all()
    assert set(np.unique(reference[0][inside])) == {0, 1, 2}
    assert (reference[1] == 2).all()


def test_padding_gets_one_code_for_8_and_16_bit_masks_together(folders: Folders) -> None:
    for name, dtype in (("P1_1", np.uint8), ("P1_2", np.uint16), ("P1_3", np.uint8)):
        folders.pair(name, noise(4, 4), codes(4, 4).astype(dtype))
    scheme = RegionScheme(EMIDEC.regions, ignored=(65535,))
    dataset = folders.make(crop=6, scheme=scheme)
    assert dataset.labels.dtype == np.uint16
    assert (dataset.labels[:, 0] == 65534).all()
    assert dataset.scheme.ignored == (65535, 65534)
    assert not dataset.scheme.unknown_codes(np.asarray(dataset.labels))


def test_padding_needs_a_free_code_only_where_it_is_needed(folders: Folders) -> None:
    full = RegionScheme.from_mapping({"a": range(100), "b": range(100, 256)})
    folders.pair("P1_1")
    assert len(folders.make(crop=6, scheme=full)) == 1
    shutil.rmtree(folders.out)
    with pytest.raises(ConfigError, match="padding needs a code that no region has"):
        folders.make(crop=8, scheme=full)
    assert not list(folders.out.parent.iterdir())


def test_a_crop_around_masks_centres_all_regions_but_the_first(folders: Folders) -> None:
    scheme = RegionScheme(PAPER.regions, ignored=(7,))
    mask = np.full((40, 50), 255, np.uint8)
    mask[10:14, 30:36] = 128
    mask[12:16, 28:34] = 0  # the box is rows 10 to 15, columns 28 to 35
    mask[:, 0] = 7  # ignored: it must not pull the crop to the left
    image = noise(40, 50)
    folders.pair("P1_1", image, mask)
    empty = noise(40, 50)
    folders.pair("P1_2", empty, np.full((40, 50), 255, np.uint8))
    dataset = folders.make(crop=8, crop_around="masks", scheme=scheme)
    np.testing.assert_array_equal(dataset.images[0], image[9:17, 28:36])
    np.testing.assert_array_equal(dataset.labels[0], mask[9:17, 28:36])
    np.testing.assert_array_equal(dataset.images[1], empty[16:24, 21:29])
    assert dataset.slices[["crop_top", "crop_left"]].to_numpy().tolist() == [[9, 28], [16, 21]]
    assert dataset.manifest.source["crop_around"] == "masks"


@pytest.mark.parametrize("ending", ["png", "tif", "tiff", "bmp", "PNG"])
def test_endings_may_differ_between_image_and_mask(folders: Folders, ending: str) -> None:
    image, mask = noise(6, 8), codes(6, 8)
    folders.file("images", f"P1_1.{ending}", image)
    folders.file("masks", "P1_1.bmp", mask)
    dataset = folders.make()
    np.testing.assert_array_equal(dataset.images[0], image)
    np.testing.assert_array_equal(dataset.labels[0], mask)


def test_16_bits_stay_16_bits_and_8_bit_images_beside_them_keep_their_values(
    folders: Folders,
) -> None:
    deep, flat, mask = noise(6, 8, dtype=np.uint16), noise(6, 8), codes(6, 8)
    folders.file("images", "P1_1.png", deep)
    folders.file("images", "P1_2.tif", deep[::-1].astype(">u2"))
    folders.file("images", "P1_3.png", flat)
    for name, labels in (("P1_1", mask.astype(np.uint16) * 1000), ("P1_2", mask), ("P1_3", mask)):
        folders.file("masks", f"{name}.png", labels)
    scheme = RegionScheme.parse(["a=0", "b=1,2,3,4", "c=1000,2000,3000,4000"])
    dataset = folders.make(scheme=scheme)
    assert (dataset.images.dtype, dataset.labels.dtype) == (np.uint16, np.uint16)
    np.testing.assert_array_equal(dataset.images, [deep, deep[::-1], flat])
    np.testing.assert_array_equal(dataset.labels[0], mask.astype(np.uint16) * 1000)
    np.testing.assert_array_equal(dataset.labels[1], mask)


def test_palette_masks_give_indices_and_one_bit_masks_0_and_1(folders: Folders) -> None:
    indices = codes(6, 8)
    palette = Image.new("P", (8, 6))
    palette.putdata(indices.ravel().tolist())
    palette.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 9, 9])
    folders.file("images", "P1_1.png", noise(6, 8))
    folders.file("images", "P1_2.png", noise(6, 8))
    palette.save(folders.file("masks", "P1_1.png", b""))
    folders.file("masks", "P1_2.png", indices > 2)
    dataset = folders.make()
    np.testing.assert_array_equal(dataset.labels, [indices, (indices > 2).astype(np.uint8)])


def test_the_papers_export_keeps_codes_names_and_order(folders: Folders) -> None:
    mask = np.array([[255, 128, 0], [0, 255, 128]], np.uint8)
    folders.pair("P1_1", noise(2, 3), mask)
    dataset = folders.make(scheme=PAPER)
    assert dataset.labels[0].tolist() == mask.tolist()
    assert list(dataset.manifest.regions) == ["background", "blood pool", "myocardium"]
    assert dataset.reference(dataset.scheme)[0].tolist() == [[0, 1, 2], [2, 0, 1]]
    assert dataset.scheme.grey_levels() == (255, 128, 0)


def test_emidecs_codes_stay_so_that_another_scheme_can_be_chosen(folders: Folders) -> None:
    mask = np.array([[0, 1, 2], [3, 4, 0]], np.uint8)
    folders.pair("P1_1", noise(2, 3), mask)
    dataset = folders.make()
    assert dataset.reference(dataset.scheme)[0].tolist() == [[0, 1, 2], [2, 2, 0]]
    infarct = RegionScheme.parse(["rest=0,1,2", "infarct=3,4"])
    assert dataset.reference(infarct)[0].tolist() == [[0, 0, 0], [1, 1, 0]]


def test_ignored_codes_are_known_but_no_region(folders: Folders) -> None:
    folders.pair("P1_1", noise(1, 2), np.array([[0, 9]], np.uint8))
    assert "which no region has" in folders.problems()[0]
    dataset = folders.make(scheme=RegionScheme(EMIDEC.regions, ignored=(9,)))
    assert dataset.labels[0].tolist() == [[0, 9]]
    assert dataset.reference(dataset.scheme)[0].tolist() == [[0, NO_REGION]]


def test_nested_folders_hidden_and_other_files(folders: Folders) -> None:
    images = {name: noise(6, 8) for name in ("P2/s10", "P2/s9", "P1/deep/s1")}
    for name, image in images.items():
        folders.pair(name, image)
    for name in ("._P1.png", ".cache/x.png", "notes.txt", "P2/Thumbs.db"):
        folders.file("images", name, b"no image")
        folders.file("masks", name, b"no image")
    dataset = folders.make(patient=r"P\d")
    assert dataset.slices["slice"].tolist() == ["P1_000", "P2_000", "P2_001"]
    assert dataset.slices["patient"].tolist() == ["P1", "P2", "P2"]
    expected = [images[name] for name in ("P1/deep/s1", "P2/s9", "P2/s10")]
    np.testing.assert_array_equal(dataset.images, expected)


def test_slices_are_ordered_by_patient_and_slice(folders: Folders) -> None:
    for name in ("P10_1", "P2_10", "P2_9", "P1_3"):
        folders.pair(name)
    assert folders.make().slices["slice"].tolist() == ["P1_3", "P2_9", "P2_10", "P10_1"]


def test_images_are_stored_beside_their_own_masks(folders: Folders) -> None:
    content = {f"P{n}_1": (noise(6, 8), codes(6, 8)) for n in range(1, 13)}
    for name in RNG.permutation(sorted(content)):
        folders.pair(name, *content[name])
    dataset = folders.make()
    for position, key in enumerate(dataset.slices["slice"]):
        np.testing.assert_array_equal(dataset.images[position], content[key][0])
        np.testing.assert_array_equal(dataset.labels[position], content[key][1])
        file = (folders.root / "masks" / f"{key}.png").read_bytes()
        assert dataset.slices["mask_file_hash"][position] == hashlib.sha256(file).hexdigest()


def test_the_dataset_holds_no_path_and_no_file_name(folders: Folders) -> None:
    for n in (1, 2, 3):
        folders.pair(f"ward7/Svensson-P0{n}_1")
    table = folders.file("meta", "personal.csv", b"patient,site\nP01,S1\nP02,S1\nP03,S2\n")
    dataset = folders.make(crop=10, table=table)
    texts = [path.read_bytes().lower() for path in dataset.folder.iterdir()]
    texts.append(dataset.slices.to_csv().lower().encode())
    schema = read_schema(dataset.folder / "slices.parquet")
    texts.append(str(schema.metadata).lower().encode())
    everything = b"".join(texts)
    assert b"p01_1" in everything  # the search can find something
    secrets = ["svensson", "ward7", "hospital-export", "personal", folders.root.parent.name]
    for secret in secrets:
        assert secret.lower().encode() not in everything, secret


def test_the_manifest_says_how_the_dataset_was_made(folders: Folders) -> None:
    folders.pair("P1_1")
    assert folders.make(crop=4).manifest.source == {
        "kind": "image folder",
        "patient_pattern": PATTERN,
        "crop": 4,
        "crop_around": "centre",
    }


@pytest.mark.parametrize("key", ["patient", "slice"])
def test_a_table_describes_patients_or_slices(folders: Folders, key: str) -> None:
    for name in ("P1_1", "P1_2", "P2_1"):
        folders.pair(name)
    lines = {
        "patient": "patient,site,spacing_mm\nP2,S2,\nP1,S1,1.5\nP9,S9,-1\n",
        "slice": "slice,site,spacing_mm\nP2_1,S2,\nP1_2,S1,1.5\nP1_1,S1,1.5\n",
    }
    table = folders.file("meta", "meta.csv", lines[key].encode())
    slices = folders.make(table=table).slices
    assert slices["site"].tolist() == ["S1", "S1", "S2"]
    assert slices["spacing_mm"].tolist()[:2] == [1.5, 1.5]
    assert np.isnan(slices["spacing_mm"][2])
    assert slices["vendor"].isna().all()


def test_progress_counts_slices(folders: Folders) -> None:
    for n in range(3):
        folders.pair(f"P1_{n}")
    calls: list[tuple[int, int]] = []
    folders.make(progress=lambda done, whole: calls.append((done, whole)))
    assert calls == [(1, 3), (2, 3), (3, 3)]


def test_an_interrupted_import_leaves_nothing(folders: Folders) -> None:
    def interrupt(done: int, whole: int) -> None:
        raise KeyboardInterrupt

    folders.pair("P1_1")
    with pytest.raises(KeyboardInterrupt):
        folders.make(progress=interrupt)
    assert not list(folders.out.parent.iterdir())


def test_the_same_folders_give_the_same_dataset(folders: Folders) -> None:
    for n in range(3):
        folders.pair(f"P1_{n}")
    one = folders.make(crop=10)
    shutil.move(folders.out, folders.root / "one")
    two = folders.make(crop=10)
    for file in ("images.npy", "labels.npy", "manifest.json", "slices.parquet"):
        assert (two.folder / file).read_bytes() == (folders.root / "one" / file).read_bytes()
    assert one.manifest == two.manifest


def test_a_large_import_is_streamed(folders: Folders) -> None:
    """Peak memory stays far below the dataset's size."""
    image, mask = noise(256, 256, dtype=np.uint16), codes(256, 256)
    for n in range(60):
        image[0, 0] = n
        folders.file("images", f"P1_{n}.tif", image)
        folders.file("masks", f"P1_{n}.bmp", mask)
    size = 60 * 256 * 256 * 3
    tracemalloc.start()
    dataset = folders.make()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert dataset.images.nbytes + dataset.labels.nbytes == size
    assert isinstance(dataset.images, np.memmap)
    assert isinstance(dataset.labels, np.memmap)
    assert peak < size / 4


# What is refused


def bomb() -> bytes:
    """A PNG file that says it has 60000 x 60000 pixels."""
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(b"")), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content)) + name + content
        + struct.pack(">I", zlib.crc32(name + content)) for name, content in chunks
    )  # fmt: skip


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])


def add(name: str, kind: str, content: np.ndarray | bytes, ending: str = "png") -> Any:
    """A fault: this file instead of the good one."""

    def build(folders: Folders) -> None:
        folders.pair(name)
        (folders.root / kind / f"{name}.png").unlink()
        folders.file(kind, f"{name}.{ending}", content)

    return build


def two_pages(folders: Folders) -> None:
    folders.pair("P2_1")
    (folders.root / "images" / "P2_1.png").unlink()
    page = Image.fromarray(noise(6, 8))
    page.save(folders.root / "images" / "P2_1.tif", save_all=True, append_images=[page])


def truncated(folders: Folders) -> None:
    folders.pair("P2_1", noise(60, 80), codes(60, 80))
    truncate(folders.root / "masks" / "P2_1.png")


def same_pixels(folders: Folders) -> None:
    image = noise(6, 8)
    folders.pair("P2_1", image)
    folders.file("images", "P3_1.bmp", image)
    folders.file("masks", "P3_1.png", codes(6, 8))


def same_slice(folders: Folders) -> None:
    folders.pair("a/P2_1")
    folders.pair("b/P2_1")


def two_endings(folders: Folders) -> None:
    folders.pair("P2_1")
    folders.file("images", "P2_1.bmp", noise(6, 8))


GREY = noise(6, 8)
ODD = "; they must have the same size"
FAULTS: dict[str, tuple[Callable[[Folders], Any], dict[str, Any], str]] = {
    "no mask": (
        lambda f: f.file("images", "P2_1.png", noise(6, 8)),
        {},
        "image 'P2_1' has no mask; add it or remove the image",
    ),
    "no image": (
        lambda f: f.file("masks", "P2_1.png", codes(6, 8)),
        {},
        "mask 'P2_1' has no image; add it or remove the mask",
    ),
    "sizes": (
        add("P2_1", "masks", codes(8, 6)),
        {},
        "image 'P2_1' has 6 x 8 pixels, its mask 8 x 6" + ODD,
    ),
    "sizes with crop": (
        add("P2_1", "masks", codes(9, 9)),
        {"crop": 4},
        "image 'P2_1' has 6 x 8 pixels, its mask 9 x 9" + ODD,
    ),
    "unlike sizes": (
        lambda f: (f.pair("P2_2"), f.pair("P2_1", noise(7, 8), codes(7, 8))),
        {},
        "image 'P2_1' has 7 x 8 pixels, most have 6 x 8; give --crop to cut all to one size",
    ),
    "code": (
        add("P2_1", "masks", np.array([[0, 77, 1, 88, 4, 0, 0, 0]] * 6, np.uint8)),
        {},
        "mask 'P2_1' holds 77, 88, which no region has; add the code to a --region or give it to "
        "--ignore",
    ),
    "code outside the crop": (
        add("P2_1", "masks", np.pad(codes(4, 4), ((1, 1), (2, 2)), constant_values=66)),
        {"crop": 4},
        "mask 'P2_1' holds 66, which no region has; add the code to a --region or give it to "
        "--ignore",
    ),
    "no image file": (
        add("P2_1", "images", b"hello"),
        {},
        "image 'P2_1' cannot be read as an image; is it damaged?",
    ),
    "empty file": (
        add("P2_1", "masks", b""),
        {},
        "mask 'P2_1' cannot be read as an image; is it damaged?",
    ),
    "truncated": (truncated, {"crop": 4}, "mask 'P2_1' cannot be read as an image; is it damaged?"),
    "name": (
        lambda f: f.pair("Svensson"),
        {},
        f"image 'Svensson' does not match the patient pattern {PATTERN!r}; rename it or change "
        "--patient",
    ),
    "same slice": (
        same_slice,
        {},
        "images 'a/P2_1' and 'b/P2_1' are both slice 'P2_1'; remove one or change --patient",
    ),
    "same pixels": (
        same_pixels,
        {},
        "image 'P3_1' is the same as image 'P2_1'; remove one, or keep both with "
        "--allow-duplicates",
    ),
    "two endings": (two_endings, {}, "image 'P2_1' is there 2 times (.bmp, .png); keep one"),
    "pages": (two_pages, {}, "image 'P2_1' has several pages; save one slice per file"),
    "bomb": (
        add("P2_1", "images", bomb()),
        {"crop": 4},
        "image 'P2_1' is far larger than any LGE slice and is not opened",
    ),
    "float": (
        add("P2_1", "images", noise(6, 8).astype(np.float32), "tif"),
        {},
        "image 'P2_1' has pixel type F;32F; save it as grey levels of 8 or 16 bits per pixel",
    ),
    "colour image": (
        add("P2_1", "images", np.stack([GREY, GREY, GREY ^ 1], 2)),
        {},
        "image 'P2_1' is a colour image; save it as grey levels or label codes",
    ),
    "colour mask": (
        add("P2_1", "masks", np.stack([GREY, GREY, GREY ^ 1], 2)),
        {},
        "mask 'P2_1' is a colour image; save it as grey levels or label codes",
    ),
}
assert FAULTS


@pytest.mark.parametrize("case", FAULTS)
def test_each_fault_is_refused_with_its_file_and_a_way_out(folders: Folders, case: str) -> None:
    build, options, expected = FAULTS[case]
    folders.pair("P1_1")
    build(folders)
    assert folders.problems(**options) == [expected]


def test_one_error_lists_every_problem_of_the_folders(folders: Folders) -> None:
    """Faults of names, headers, the table and pixels, and files with two faults at once."""
    strange = np.full((6, 8), 77, np.uint8)
    good = noise(6, 8)
    folders.pair("P1_01", good)
    folders.file("images", "P1_02.png", noise(6, 8))  # no mask
    folders.file("images", "nobody.png", noise(6, 8))  # no mask, and no patient
    folders.file("masks", "P1_03.png", codes(6, 8))  # no image
    folders.pair("P1_04", noise(6, 8), np.full((8, 6), 77, np.uint8))  # size and code
    folders.pair("P1_05", None, strange)  # code
    folders.file("images", "P1_06.png", b"hello")  # no image file, and a code
    folders.file("masks", "P1_06.png", strange)
    folders.pair("P1_07", noise(60, 80), codes(60, 80))  # size; mask truncated
    truncate(folders.root / "masks" / "P1_07.png")
    folders.pair("Svensson", good, strange)  # no patient, a code, and the image of P1_01
    folders.pair("P1_08")
    folders.pair("b/P1_08", noise(6, 8), strange)  # the same slice, and a code
    folders.pair("P1_09", good)  # the image of P1_01
    folders.pair("P1_10")
    folders.file("images", "P1_10.bmp", noise(6, 8))  # two endings
    folders.pair("P1_11")
    folders.file("masks", "P1_11.png", bomb())
    table = folders.file("meta", "m.csv", b"patient,level,colour\nP1,top,red\n")

    problems = folders.problems(table=table)

    way_out = "which no region has; add the code to a --region or give it to --ignore"
    no_match = f"does not match the patient pattern {PATTERN!r}; rename it or change --patient"
    assert sorted(problems) == sorted([
        "image 'P1_02' has no mask; add it or remove the image",
        "image 'nobody' has no mask; add it or remove the image",
        f"image 'nobody' {no_match}",
        "mask 'P1_03' has no image; add it or remove the mask",
        "image 'P1_04' has 6 x 8 pixels, its mask 8 x 6; they must have the same size",
        f"mask 'P1_04' holds 77, {way_out}",
        f"mask 'P1_05' holds 77, {way_out}",
        "image 'P1_06' cannot be read as an image; is it damaged?",
        f"mask 'P1_06' holds 77, {way_out}",
        "image 'P1_07' has 60 x 80 pixels, most have 6 x 8; give --crop to cut all to one size",
        "mask 'P1_07' cannot be read as an image; is it damaged?",
        f"image 'Svensson' {no_match}",
        f"mask 'Svensson' holds 77, {way_out}",
        "image 'Svensson' is the same as image 'P1_01'; remove one, or keep both with "
        "--allow-duplicates",
        "images 'P1_08' and 'b/P1_08' are both slice 'P1_08'; remove one or change --patient",
        f"mask 'b/P1_08' holds 77, {way_out}",
        "image 'P1_09' is the same as image 'P1_01'; remove one, or keep both with "
        "--allow-duplicates",
        "image 'P1_10' is there 2 times (.bmp, .png); keep one",
        "mask 'P1_11' is far larger than any LGE slice and is not opened",
        "table 'm.csv' has a column 'colour'; known are slice, patient, site, vendor, level, "
        "spacing_mm, slice_spacing_mm, stack, place; rename or remove it",
        "table 'm.csv', line 2: level is one of base, middle, apex, got 'top'",
    ])  # fmt: skip


def test_the_error_says_how_many_problems_there_are(folders: Folders) -> None:
    folders.pair("P1_1", mask=np.full((6, 8), 7, np.uint8))
    folders.file("images", "P1_2.png", noise(6, 8))
    with pytest.raises(
        DatasetError, match=r"^nothing was imported \(2 problems\):\n- image 'P1_2'"
    ):
        folders.make()


def test_folders_without_a_single_pair_are_refused(folders: Folders) -> None:
    folders.file("images", "P1_1.png", noise(6, 8))
    folders.file("masks", "P1_2.png", codes(6, 8))
    assert len(folders.problems()) == 2


def test_missing_and_empty_folders_are_refused_together(folders: Folders) -> None:
    assert folders.problems() == [
        "image folder 'images' does not exist; check the path",
        "mask folder 'masks' does not exist; check the path",
    ]
    folders.file("images", "a.jpg", b"")
    folders.file("masks", ".hidden.png", b"")
    assert folders.problems() == [
        f"{kind} folder '{kind}s' holds no image file (.bmp, .png, .tif, .tiff)"
        for kind in ("image", "mask")
    ]


def test_duplicates_can_be_allowed_but_not_the_same_slice(folders: Folders) -> None:
    same_pixels(folders)
    dataset = folders.make(allow_duplicates=True)
    assert dataset.slices["image_hash"].nunique() == 1
    shutil.rmtree(folders.out)
    same_slice(folders)
    assert any("are both slice" in one for one in folders.problems(allow_duplicates=True))


def test_images_that_are_alike_only_within_the_crop_are_duplicates(folders: Folders) -> None:
    """The split compares what the dataset holds, and so does the import."""
    image = noise(8, 8)
    other = image.copy()
    other[0, 0] ^= 1
    folders.pair("P1_1", image, codes(8, 8))
    folders.pair("P2_1", other, codes(8, 8))
    assert len(folders.make()) == 2
    shutil.rmtree(folders.out)
    assert "is the same as image 'P1_1'" in folders.problems(crop=4)[0]


def test_a_table_with_faults_is_part_of_the_error(folders: Folders) -> None:
    folders.pair("P1_1", mask=np.full((6, 8), 7, np.uint8))
    code, missing = folders.problems(table=folders.root / "none.csv")
    assert missing == "table 'none.csv' cannot be read; check the path, and save it as CSV in UTF-8"
    assert code.startswith("mask 'P1_1' holds 7")


@pytest.mark.parametrize("crop", [0, -3])
def test_a_crop_is_at_least_one_pixel(folders: Folders, crop: int) -> None:
    folders.pair("P1_1")
    assert folders.problems(crop=crop) == [
        f"a crop is at least 1 pixel wide, got {crop}; give a larger one"
    ]


def test_a_wrong_pattern_is_refused(folders: Folders) -> None:
    folders.pair("P1_1")
    with pytest.raises(ConfigError, match=r"'\(' is not a regular expression"):
        folders.make(patient="(")


def test_an_output_folder_in_use_is_refused_and_untouched(folders: Folders) -> None:
    folders.pair("P1_1")
    folders.out.mkdir(parents=True)
    (folders.out / "mine").write_text("mine")
    for images in (folders.root / "images", folders.root / "none"):  # before anything is read
        with pytest.raises(DatasetError, match="'mine' exists already and is not overwritten"):
            import_png(images, images, folders.out, patient=PATTERN, scheme=EMIDEC)
    assert (folders.out / "mine").read_text() == "mine"
    assert [path.name for path in folders.out.parent.iterdir()] == ["mine"]
    assert [path.name for path in folders.out.iterdir()] == ["mine"]


def test_real_slices_come_through_unchanged(folders: Folders, emidec_files: Path) -> None:
    names = ["Case_N006_slice000", "Case_N006_slice001"]
    for name in names:
        for kind in ("images", "masks"):
            folders.file(kind, f"{name}.png", (emidec_files / kind / f"{name}.png").read_bytes())
    dataset = folders.make(patient=r"(?P<patient>Case_\w\d+)_slice(?P<slice>\d+)", crop=128)
    assert dataset.slices["slice"].tolist() == ["Case_N006_000", "Case_N006_001"]
    for n, name in enumerate(names):
        for kind, pixels in (("images", dataset.images[n]), ("masks", dataset.labels[n])):
            with Image.open(emidec_files / kind / f"{name}.png") as file:
                np.testing.assert_array_equal(pixels, np.asarray(file)[64:192, 64:192])
