"""DICOM files that are damaged, hostile or something else: one sentence each, never a crash."""

import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from tests.data.dicom_files import (
    Contour,
    noise,
    write_enhanced,
    write_rtstruct,
    write_seg,
    write_series,
)

from myosweep.data.dicom.files import looks_like_dicom, read_headers
from myosweep.data.dicom.pairs import find_pairs
from myosweep.data.dicom.series import find_series
from myosweep.errors import DatasetError

SHIPPED = Path(pydicom.__file__).parent / "data" / "test_files"
SHIPPED_FILES = [path for path in sorted(SHIPPED.rglob("*")) if path.is_file()]
assert len(SHIPPED_FILES) > 80, "pydicom has no test files"
NOT_DICOM = {".txt", ".dump", ".json", ".icc", ".gz", ".py", ".pyc"}


def outcome(folder: Path) -> list[str]:
    """What is found in a folder, or the sentences about it; everything is read."""
    problems: list[str] = []
    found = [f"other: {one.kind}" for one in read_headers(folder, []) if one.kind != "image"]
    for series in find_series(folder, problems):
        try:
            pixels, _ = series.read_pixels()
            assert pixels.shape == (series.count, series.rows, series.columns)
            assert pixels.dtype == series.image_type
            found.append("read")
        except DatasetError as error:
            problems += [f"{series.subject} {problem}" for problem in error.problems]
    for problem in problems:
        assert "\n" not in problem
        assert str(folder) not in problem
        assert ("; " in problem) or problem.endswith("?")
    return found + problems


@pytest.mark.parametrize(
    "path", SHIPPED_FILES, ids=lambda path: path.relative_to(SHIPPED).as_posix()
)
def test_files_of_the_library_are_read_or_told(
    path: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / path.name).write_bytes(path.read_bytes())
    found = outcome(tmp_path)
    passed_over = path.suffix in NOT_DICOM or path.name.startswith(("DICOMDIR", "README"))
    assert len(found) == (0 if passed_over else 1)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("MR_small.dcm", "read"),
        ("MR_small_RLE.dcm", "read"),
        ("MR_small_bigendian.dcm", "read"),
        ("MR_small_implicit.dcm", "read"),
        ("MR_small_jp2klossless.dcm", "read"),
        ("MR_small_jpeg_ls_lossless.dcm", "read"),
        ("MR_small_padded.dcm", "read"),
        ("693_J2KI.dcm", "read"),
        ("CT_small.dcm", "read"),
        ("MR_truncated.dcm", "says it has 64 x 64 pixels, but ends before"),
        ("SC_rgb_rle.dcm", "is a colour image"),
        ("SC_ybr_full_422_uncompressed.dcm", "is a colour image"),
        ("image_dfl.dcm", "does not say where its images lie"),
        ("rtstruct.dcm", "other: structures"),
        ("reportsi.dcm", "other: other"),
        ("rtdose.dcm", "at one place"),
    ],
)
def test_what_becomes_of_some_files_of_the_library(name: str, wanted: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes((SHIPPED / name).read_bytes())
    (found,) = outcome(tmp_path)
    assert wanted in found


def test_small_mr_files_of_all_kinds_have_the_same_pixels(tmp_path: Path) -> None:
    wanted = pydicom.dcmread(SHIPPED / "MR_small.dcm").pixel_array
    for path in SHIPPED.glob("MR_small*.dcm"):
        (tmp_path / path.stem).mkdir()
        (tmp_path / path.stem / path.name).write_bytes(path.read_bytes())
        (series,) = find_series(tmp_path / path.stem, [])
        np.testing.assert_array_equal(series.read_pixels()[0][0], wanted)


def test_what_is_no_dicom_is_passed_over(tmp_path: Path) -> None:
    write_series(tmp_path / "P1", noise((2, 6, 7)))
    for name, content in {
        "README": b"hello",
        "a.pdf": b"%PDF" + bytes(200),
        "b.png": b"\x89PNG" + bytes(200),
        ".DS_Store": bytes(128) + b"DICM",
        "empty": b"",
        "c.txt": b"\x08\0\x05\0",
    }.items():
        (tmp_path / name).write_bytes(content)
    problems: list[str] = []
    assert len(find_series(tmp_path, problems)) == 1
    assert problems == []


@pytest.mark.parametrize(
    ("name", "content", "is_dicom"),
    [
        ("a", bytes(128) + b"DICM", True),
        ("a.txt", bytes(128) + b"DICM", True),
        ("a.dcm", b"", True),
        ("a.IMA", b"x", True),
        ("IM0001", b"\x08\x00\x05\x00CS", True),
        ("IM0001", b"\x02\x00\x00\x00UL", True),
        ("a.bin", b"\x08\x00\x05\x00CS", False),
        ("IM0001", b"\x08\x00\x05\x09CS", False),
        ("IM0001", b"", False),
    ],
)
def test_dicom_is_known_by_mark_name_or_first_tag(
    tmp_path: Path, name: str, content: bytes, is_dicom: bool
) -> None:
    (tmp_path / name).write_bytes(content)
    assert looks_like_dicom(tmp_path / name) == is_dicom


def test_a_file_without_preamble_and_ending_is_read(tmp_path: Path) -> None:
    write_series(tmp_path, noise((1, 6, 7)), names=["IM1"])
    content = (tmp_path / "IM1").read_bytes()
    length = 132 + 12 + int.from_bytes(content[140:144], "little")
    assert content[length : length + 2] == b"\x08\0"
    (tmp_path / "IM1").write_bytes(content[length:])
    assert outcome(tmp_path) == ["read"]


@pytest.mark.parametrize("tenth", range(10))
@pytest.mark.parametrize("kind", ["plain", "enhanced", "compressed", "deflated"])
def test_truncated_images_are_one_sentence(tmp_path: Path, kind: str, tenth: int) -> None:
    def change(dataset: Dataset, at: int = 0) -> None:
        if kind == "compressed":
            dataset.compress(pydicom.uid.JPEGLSLossless)
        if kind == "deflated":
            dataset.file_meta.TransferSyntaxUID = pydicom.uid.DeflatedExplicitVRLittleEndian

    path = tmp_path / "IM000.dcm"
    if kind == "enhanced":
        write_enhanced(path, noise((3, 16, 18)), change=change)
    else:
        write_series(tmp_path, noise((1, 16, 18)), change=change)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * tenth // 10])
    (told,) = outcome(tmp_path)
    assert "is it damaged" in told or "is it a screenshot" in told
    assert "'IM000.dcm'" in told


@pytest.mark.parametrize("tenth", range(10))
@pytest.mark.parametrize("kind", ["seg", "rtstruct"])
def test_truncated_masks_are_problems(tmp_path: Path, kind: str, tenth: int) -> None:
    masks = tmp_path / "masks"
    path = masks / "a.dcm"
    written = write_series(tmp_path / "images", noise((3, 16, 18)))
    if kind == "seg":
        write_seg(path, written.datasets, {"LV": np.ones((3, 16, 18), bool)})
    else:
        write_rtstruct(path, written, [Contour(1, [(1, 1), (9, 9), (1, 9)])])
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * tenth // 10])
    problems: list[str] = []
    found = find_pairs(tmp_path / "images", masks, problems)
    for pair in found.pairs:
        for source in pair.masks:
            with pytest.raises(DatasetError):
                source.read({"LV": 1})
            problems.append("")
    assert len(problems) == 1


@pytest.mark.parametrize("seed", range(20))
def test_random_bytes_are_one_sentence(tmp_path: Path, seed: int) -> None:
    content = noise((3000,), seed=seed, dtype=np.uint8, most=256).tobytes()
    (tmp_path / "a.dcm").write_bytes(content)
    (tmp_path / "b").write_bytes(bytes(128) + b"DICM" + content)
    assert len(outcome(tmp_path)) == 2


@pytest.mark.parametrize("seed", range(60))
def test_damage_never_raises_anything_else(tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    write_enhanced(tmp_path / "a.dcm", noise((2, 16, 18)), rescale=[(1, 0), (2, 0)])
    content = np.frombuffer((tmp_path / "a.dcm").read_bytes(), np.uint8).copy()
    header = len(content) - 2 * 2 * 16 * 18
    content[rng.integers(header, size=4)] = rng.choice([0, 1, 65, 128, 255], 4)
    (tmp_path / "a.dcm").write_bytes(content.tobytes())
    outcome(tmp_path)


def bombs() -> Iterator[Any]:
    def sized(rows: int, columns: int, frames: int | None = None) -> Callable[..., None]:
        def change(dataset: Dataset, at: int = 0) -> None:
            dataset.Rows, dataset.Columns = rows, columns
            if frames is not None:
                dataset.NumberOfFrames = frames

        return change

    for rows, columns in ((65535, 65535), (65535, 300), (4096, 4097)):
        yield pytest.param(sized(rows, columns), id=f"{rows} x {columns}")
    yield pytest.param(sized(16, 18, 10**9), id="10^9 frames")
    yield pytest.param(sized(1, 1, 2**31 - 1), id="frames of a pixel")
    yield pytest.param(sized(4096, 4096, 1000), id="many large frames")


@pytest.mark.parametrize("syntax", ["plain", "rle", "deflated", "jpeg-ls"])
@pytest.mark.parametrize("change", list(bombs()))
def test_a_bomb_is_told_and_takes_no_memory(
    tmp_path: Path, change: Callable[..., None], syntax: str
) -> None:
    def all_changes(dataset: Dataset, at: int = 0) -> None:
        if syntax == "rle":
            dataset.compress(pydicom.uid.RLELossless)
        elif syntax == "jpeg-ls":
            dataset.compress(pydicom.uid.JPEGLSLossless)
        elif syntax == "deflated":
            dataset.file_meta.TransferSyntaxUID = pydicom.uid.DeflatedExplicitVRLittleEndian
        change(dataset)

    write_series(tmp_path, noise((1, 16, 18)), change=all_changes)
    tracemalloc.start()
    (told,) = outcome(tmp_path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert "is it damaged" in told
    assert peak < 20e6


def test_a_file_of_countless_small_frames_is_told(tmp_path: Path) -> None:
    def change(dataset: Dataset, at: int) -> None:
        dataset.NumberOfFrames = 70_000
        dataset.PixelData = bytes(70_000)

    write_series(tmp_path, noise((1, 1, 1), dtype=np.uint8), change=change)
    assert outcome(tmp_path) == [
        "file 'IM000.dcm' says it has 70000 frames of 1 x 1 pixels; is it damaged?"
    ]


def test_an_element_that_says_it_is_huge_takes_no_memory(tmp_path: Path) -> None:
    write_series(tmp_path, noise((1, 16, 18)))
    path = tmp_path / "IM000.dcm"
    content = path.read_bytes()
    at = content.index(b"PNName") if b"PNName" in content else content.index(b"\x10\0\x10\0PN")
    path.write_bytes(content[:at] + b"\x10\0\x10\0UT\0\0\xfe\xff\xff\xff" + content[at:])
    tracemalloc.start()
    (told,) = outcome(tmp_path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert "is it damaged" in told
    assert peak < 20e6


def test_a_deflated_bomb_is_not_unfolded(tmp_path: Path) -> None:
    def change(dataset: Dataset, at: int) -> None:
        dataset.file_meta.TransferSyntaxUID = pydicom.uid.DeflatedExplicitVRLittleEndian

    write_series(tmp_path, noise((1, 16, 18)), change=change)
    path = tmp_path / "IM000.dcm"
    content = path.read_bytes()
    length = 132 + 12 + int.from_bytes(content[140:144], "little")
    deflate = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    bomb = b"".join(deflate.compress(bytes(2**24)) for _ in range(20)) + deflate.flush()
    assert len(bomb) < 400_000
    path.write_bytes(content[:length] + bomb)
    tracemalloc.start()
    (told,) = outcome(tmp_path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert told == "file 'IM000.dcm' unfolds to far more than any LGE image; is it damaged?"
    assert peak < 20e6


def test_links_that_lead_out_are_passed_over(tmp_path: Path) -> None:
    write_series(tmp_path / "outside", noise((2, 6, 7)))
    write_series(tmp_path / "images" / "P1", noise((2, 6, 7), seed=1))
    (tmp_path / "images" / "link.dcm").symlink_to(tmp_path / "outside" / "IM000.dcm")
    (tmp_path / "images" / "folder").symlink_to(tmp_path / "outside", target_is_directory=True)
    problems: list[str] = []
    assert [one.subject for one in find_series(tmp_path / "images", problems)] == ["series 'P1/'"]
    assert problems == []


def test_a_file_that_may_not_be_read_is_told(tmp_path: Path, monkeypatch: Any) -> None:
    write_series(tmp_path, noise((1, 6, 7)))

    def refuse(*_: Any) -> None:
        raise PermissionError(13, "secret", str(tmp_path))

    monkeypatch.setattr(Path, "open", refuse)
    problems: list[str] = []
    assert find_series(tmp_path, problems) == []
    assert problems == ["file 'IM000.dcm' cannot be opened; check that you may read it"]
