"""MATLAB's containers as plain dicts: both versions alike, and one clear error for damage."""

import shutil
import struct
import zlib
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import scipy.io
from scipy.io import loadmat, savemat
from tests.data.segment_files import (
    CONTAINERS,
    EMPTY,
    SECRETS,
    Thing,
    Write,
    write_v7,
    write_v73,
)

from myosweep.data.segment.file import read_stacks
from myosweep.data.segment.v7 import read_v7
from myosweep.data.segment.values import Extent, Wanted
from myosweep.errors import DatasetError

FIELDS = ("IM", "Text", "Empty", "Flags", "Scar", "Result", "Thing", "Whole", "Missing", "Deep")
ALL = Wanted(FIELDS)
IMAGE = np.arange(2 * 3 * 4 * 5, dtype=np.float32).reshape(2, 3, 4, 5)
FLAGS = np.array([[True, False, True]])
KINDS: dict[str, Any] = {
    "IM": IMAGE,
    "Text": "Kurzachse é",
    "Empty": EMPTY,
    "Flags": FLAGS,
    "Scar": {"Result": np.ones((2, 3), bool), "Deep": {"Whole": 1.0}},
    "Thing": Thing("Flow4D"),
    "Whole": np.array([[1, 2]], np.int16),
    "Unwanted": "x",
}

write_each = pytest.mark.parametrize("write", CONTAINERS.values(), ids=CONTAINERS)


@write_each
@pytest.mark.parametrize("count", [1, 3])
def test_each_kind_of_value_is_what_it_is_in_matlab(
    tmp_path: Path, write: Write, count: int
) -> None:
    name, stacks = read_stacks(write(tmp_path / "a.mat", [KINDS] * count), ALL)
    assert (name, len(stacks)) == ("setstruct", count)
    for fields in stacks:
        assert fields.keys() == {"IM", "Text", "Empty", "Flags", "Scar", "Whole"}
        np.testing.assert_array_equal(fields["IM"], IMAGE)
        assert fields["IM"].dtype == np.float32
        assert fields["Text"] == "Kurzachse é"
        assert fields["Empty"].shape == (0, 0)
        np.testing.assert_array_equal(fields["Flags"], FLAGS)
        assert fields["Flags"].dtype == bool
        assert fields["Whole"].dtype == np.int16
        assert [list(one) for one in fields["Scar"]] == [["Result"]]
        assert fields["Scar"][0]["Result"].dtype == bool


@write_each
@pytest.mark.parametrize(
    ("shape", "seen"),
    [
        ((2, 3, 1, 1), (2, 3)),
        ((2, 3, 4, 1), (2, 3, 4)),
        ((2, 3, 1, 5), (2, 3, 1, 5)),
        ((1, 1, 1, 5), (1, 1, 1, 5)),
        ((1, 1), (1, 1)),
    ],
)
def test_only_trailing_axes_of_length_1_are_dropped(
    tmp_path: Path, write: Write, shape: tuple[int, ...], seen: tuple[int, ...]
) -> None:
    image = np.arange(np.prod(shape), dtype=float).reshape(shape)
    _, stacks = read_stacks(write(tmp_path / "a.mat", [{"IM": image}]), ALL)
    np.testing.assert_array_equal(stacks[0]["IM"], image.reshape(seen))


@write_each
def test_a_struct_array_in_a_struct_is_a_list(tmp_path: Path, write: Write) -> None:
    parts = [{"Whole": 1.0}, {"Whole": 2.0}]
    _, stacks = read_stacks(write(tmp_path / "a.mat", [{"Scar": parts, "Text": ""}]), ALL)
    assert [one["Whole"].item() for one in stacks[0]["Scar"]] == [1, 2]
    assert stacks[0]["Text"] == "" or stacks[0]["Text"].size == 0


@write_each
def test_sizes_alone_and_one_stack_alone(tmp_path: Path, write: Write) -> None:
    path = write(tmp_path / "a.mat", [KINDS, KINDS | {"Text": "second"}])
    _, stacks = read_stacks(path, Wanted(FIELDS, sizes=("IM", "Result")))
    assert stacks[0]["IM"] == Extent((2, 3, 4, 5), np.dtype(np.float32))
    assert stacks[0]["Scar"][0]["Result"] == Extent((2, 3), np.dtype(bool))
    _, stacks = read_stacks(path, Wanted(FIELDS, stack=1))
    assert stacks[0] == {}
    assert stacks[1]["Text"] == "second"


@write_each
def test_a_segmentation_only_export_is_known_by_its_variable(tmp_path: Path, write: Write) -> None:
    assert read_stacks(write(tmp_path / "a.seg", [KINDS], "SEG"), ALL)[0] == "SEG"
    with pytest.raises(DatasetError, match=r"neither 'setstruct' nor 'SEG'.*leave it out"):
        read_stacks(write(tmp_path / "b.mat", [KINDS], "other"), ALL)


def test_axes_that_matlab_would_have_dropped_are_dropped(tmp_path: Path) -> None:
    path = write_v73(tmp_path / "a.mat", [KINDS])
    image = np.arange(6.0).reshape(1, 1, 3, 2)
    with h5py.File(path, "r+") as file:
        del file["setstruct/IM"]
        file["setstruct/IM"] = image
        file["setstruct/IM"].attrs["MATLAB_class"] = np.bytes_("double")
    np.testing.assert_array_equal(read_stacks(path, ALL)[1][0]["IM"], image[0, 0].T)
    sizes = Wanted(FIELDS, sizes=("IM",))
    assert read_stacks(path, sizes)[1][0]["IM"] == Extent((2, 3), np.dtype(float))


def test_uncompressed_files_are_read_too(tmp_path: Path) -> None:
    path = write_v7(tmp_path / "a.mat", [KINDS], do_compression=False)
    np.testing.assert_array_equal(read_stacks(path, ALL)[1][0]["IM"], IMAGE)


def test_matlabs_own_files_are_read_as_scipy_reads_them() -> None:
    """Written by MATLAB 6.1 to 7.4 on several machines; the oldest has the other order of bytes."""
    folder = Path(scipy.io.__file__).parent / "matlab" / "tests" / "data"
    paths = [*folder.glob("teststructarr_*.mat"), *folder.glob("teststruct_*.mat")]
    if not paths:
        pytest.skip("this SciPy comes without its test files")
    for path in paths:
        variable = path.name.split("_")[0]
        expected = loadmat(path, variable_names=[variable])[variable].ravel()
        wanted = Wanted(("one", "two", "stringfield", "doublefield", "complexfield"))
        _, found = read_v7(path, wanted, lambda names, own=variable: own)
        assert len(found) == len(expected)
        for fields, element in zip(found, expected, strict=True):
            assert set(fields) == set(expected.dtype.names)
            for name, value in fields.items():
                assert np.array_equal(
                    np.atleast_1d(value), element[name].reshape(np.shape(value) or 1)
                )


@pytest.mark.parametrize("name", ["corrupted_zlib_data", "corrupted_zlib_checksum", "malformed1"])
def test_damaged_files_that_scipy_ships_are_refused(tmp_path: Path, name: str) -> None:
    source = Path(scipy.io.__file__).parent / "matlab" / "tests" / "data" / f"{name}.mat"
    if not source.exists():
        pytest.skip("this SciPy comes without its test files")
    shutil.copy(source, tmp_path / "a.mat")
    refused(tmp_path / "a.mat", "is it damaged|is none of Segment's")


def test_texts_of_16_bits_are_read(tmp_path: Path) -> None:
    """MATLAB writes them so; SciPy writes UTF-8."""
    path = write_v7(tmp_path / "a.mat", [{"Text": "é"}], do_compression=False)
    content = path.read_bytes()
    as_utf8, as_utf16 = b"\x10\0\2\0\xc3\xa9\0\0", b"\4\0\2\0\xe9\0\0\0"
    assert content.count(as_utf8) == 1
    path.write_bytes(content.replace(as_utf8, as_utf16))
    assert read_stacks(path, ALL)[1][0]["Text"] == "é"


def test_objects_of_newer_matlab_are_passed_over(tmp_path: Path) -> None:
    """SciPy cannot write them, so one takes the place of an array that is as long."""
    filler = np.full((1, 80), 0xAB, np.uint8)
    stacks = [{"Thing": filler, "Text": "behind it"}]
    path = write_v7(tmp_path / "a.mat", stacks, do_compression=False)
    numbers = struct.pack("<8I", 6, 8, 13, 0, 5, 8, 6, 1) + struct.pack(
        "<10I", 1, 0, 6, 24, 0xDD000000, 2, 1, 1, 1, 1
    )
    thing = struct.pack("<4I", 6, 8, 17, 0) + struct.pack("<2I", 1, 0) + b"\1\0\4\0MCOS"
    thing += struct.pack("<2I", 1, 8) + b"LevelSet" + struct.pack("<2I", 14, 72) + numbers
    assert len(thing) == 128
    content = path.read_bytes()
    start = content.index(filler.tobytes()) - 48
    path.write_bytes(content[:start] + thing + content[start + 128 :])
    assert read_stacks(path, ALL)[1] == [{"Text": "behind it"}]


# Damage


def refused(path: Path, match: str) -> None:
    with pytest.raises(DatasetError, match=match) as caught:
        read_stacks(path, ALL)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    told = str(caught.value)
    assert "SECRET" not in told
    assert path.name not in told


@write_each
def test_a_file_cut_at_each_tenth_is_refused(tmp_path: Path, write: Write) -> None:
    noise = np.random.default_rng(0).random((20, 20))
    path = write(tmp_path / "a.mat", [KINDS | {"IM": noise, "PatientInfo": SECRETS}] * 2)
    content = path.read_bytes()
    for tenth in range(10):
        path.write_bytes(content[: len(content) * tenth // 10])
        refused(path, "is it damaged|is none of Segment's|leave it out")


@pytest.mark.parametrize(
    "content",
    [b"", b"hello", b"\x89HDF\r\n\x1a\n", bytes(300), b"\xff" * 300, b"PK\3\4" + bytes(200)],
)
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.mat").write_bytes(content)
    refused(tmp_path / "a.mat", "is it damaged")


def test_random_bytes_are_refused(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    for _ in range(50):
        (tmp_path / "a.mat").write_bytes(rng.bytes(int(rng.integers(1, 3000))))
        refused(tmp_path / "a.mat", "is it damaged")


@write_each
def test_flipped_bytes_never_raise_anything_but_a_dataset_error(
    tmp_path: Path, write: Write
) -> None:
    path = write(tmp_path / "a.mat", [KINDS, KINDS])
    content, rng, refusals = path.read_bytes(), np.random.default_rng(2), 0
    for _ in range(60):
        damaged = np.frombuffer(content, np.uint8).copy()
        damaged[rng.integers(len(damaged), size=8)] = rng.integers(0, 256, 8)
        path.write_bytes(damaged.tobytes())
        try:
            read_stacks(path, ALL)
        except DatasetError:
            refusals += 1
    assert refusals > 5


def test_a_variable_that_says_it_is_huge_is_refused(tmp_path: Path) -> None:
    path = write_v7(tmp_path / "a.mat", [KINDS])
    content, variables, at = path.read_bytes(), [], 128
    while at < len(content):
        size = struct.unpack_from("<I", content, at + 4)[0]
        variables.append(zlib.decompress(content[at + 8 : at + 8 + size]))
        at += 8 + size
    packed = zlib.compress(struct.pack("<II", 14, 2**32 - 8) + variables[-1][8:])
    path.write_bytes(content[:128] + struct.pack("<II", 15, len(packed)) + packed)
    refused(path, "variable has 4294967288 bytes; is it damaged")


def test_an_array_that_says_it_is_huge_is_refused_unread(tmp_path: Path) -> None:
    path = write_v73(tmp_path / "a.mat", [KINDS])
    with h5py.File(path, "r+") as file:
        del file["setstruct/IM"]
        made = file.create_dataset("setstruct/IM", (10**5, 10**5), np.float32, chunks=(100, 100))
        made.attrs["MATLAB_class"] = np.bytes_("single")
    refused(path, "its IM has 100000 x 100000 values; is it damaged")


def test_too_many_stacks_are_refused(tmp_path: Path) -> None:
    path = write_v7(tmp_path / "a.mat", [{"Text": "x"}] * 1001)
    refused(path, "says it has 1001 image stacks")


def test_no_values_are_taken_from_other_files(tmp_path: Path) -> None:
    (tmp_path / "other").write_bytes(bytes(800))
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["IM"] = np.ones((2, 3))
        other["IM"].attrs["MATLAB_class"] = np.bytes_("double")
    path = write_v73(tmp_path / "a.mat", [KINDS])
    with h5py.File(path, "r+") as file:
        del file["setstruct/IM"]
        file["setstruct/IM"] = h5py.ExternalLink("other.h5", "IM")
    assert "IM" not in read_stacks(path, ALL)[1][0]
    with h5py.File(path, "r+") as file:
        del file["setstruct/IM"]
        made = file.create_dataset(
            "setstruct/IM", (10, 10), float, external=[(str(tmp_path / "other"), 0, 800)]
        )
        made.attrs["MATLAB_class"] = np.bytes_("double")
    refused(path, "keeps its IM in another file")


def test_a_struct_that_holds_itself_ends(tmp_path: Path) -> None:
    path = write_v73(tmp_path / "a.mat", [KINDS])
    with h5py.File(path, "r+") as file:
        del file["setstruct/Scar"]
        file["setstruct/Scar"] = file["setstruct"]
    assert "Scar" not in read_stacks(path, ALL)[1][0]["Scar"][0]


@write_each
def test_a_variable_of_another_kind_is_refused(tmp_path: Path, write: Write) -> None:
    path = write(tmp_path / "a.mat", [KINDS], "other")
    if write is write_v73:
        with h5py.File(path, "r+") as file:
            file["setstruct"] = np.ones((2, 2))
    else:
        savemat(path, {"setstruct": np.ones((2, 2))}, appendmat=False)
    refused(path, "'setstruct' that is no struct")
