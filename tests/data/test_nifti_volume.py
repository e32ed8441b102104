"""NIfTI volumes: the same slices however the axes lie, and a sentence for whatever is wrong."""

import gzip
import itertools
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from tests.data.nifti_files import (
    SPACING,
    affine_of,
    file_axes,
    patch,
    pattern,
    rotation,
    save,
    save_stack,
    turned,
)

from myosweep.data.nifti.grid import Arrangement
from myosweep.data.nifti.volume import displacement_mm, open_nifti
from myosweep.errors import DatasetError

ORDERS = list(itertools.permutations(range(3)))
FLIPS = list(itertools.product([False, True], repeat=3))
SHIPPED = sorted(
    path
    for path in (Path(nib.__file__).parent / "tests" / "data").iterdir()
    if path.name.endswith((".nii", ".nii.gz", ".hdr"))
)
DAMAGED = "cannot be read as a NIfTI volume; is it damaged?"


def read(path: Path) -> np.ndarray:
    return open_nifti(path).read()


@pytest.mark.parametrize("view", ["axial", "coronal", "sagittal"])
@pytest.mark.parametrize("form", ["sform", "qform"])
def test_any_order_and_direction_of_axes_gives_the_same_slices(
    tmp_path: Path, view: str, form: str
) -> None:
    stack = pattern()
    for axes, flipped in itertools.product(ORDERS, FLIPS):
        volume, affine = turned(file_axes(stack), affine_of(view), axes, flipped)
        path = save(tmp_path / "a.nii", volume, affine, form=form)
        opened = open_nifti(path)
        expected = stack[::-1] if flipped[2] else stack  # slices keep the file's order
        np.testing.assert_array_equal(opened.read(), expected, err_msg=f"{axes} {flipped}")
        assert (opened.slices, opened.size_yx) == (3, (6, 5))
        assert opened.spacing_yx_mm == (1.5, 1.5)
        assert opened.slice_spacing_mm == 8
        np.testing.assert_array_equal(opened.to_source(opened.read()), volume)


def test_an_axial_slice_shows_the_left_side_on_the_right_and_the_back_below(tmp_path: Path) -> None:
    volume = np.zeros((4, 6, 2), np.uint8)  # towards right, anterior, superior
    volume[3, 0, 0] = 1  # rightmost, backmost
    volume[0, 5, 1] = 2  # leftmost, foremost
    slices = read(save(tmp_path / "a.nii", volume, np.diag([1.5, 1.5, 8, 1])))
    assert slices.shape == (2, 6, 4)
    assert (slices[0, 5, 0], slices[1, 0, 3]) == (1, 2)


@pytest.mark.parametrize("degrees", [(20, -15, 30), (-35, 10, 5), (0, 40, 0)])
def test_an_oblique_stack_is_shown_as_the_plane_that_it_is_nearest_to(
    tmp_path: Path, degrees: tuple[float, float, float]
) -> None:
    for axes, flipped in itertools.product(ORDERS, [(False,) * 3, (True, False, False)]):
        volume, affine = turned(file_axes(pattern()), affine_of(), axes, flipped)
        path = save(tmp_path / "a.nii.gz", volume, rotation(degrees) @ affine)
        np.testing.assert_array_equal(read(path), pattern())


def test_without_an_orientation_the_first_axis_becomes_columns(tmp_path: Path) -> None:
    volume = open_nifti(save_stack(tmp_path / "a.nii", pattern(), view=None))
    assert volume.affine is None
    np.testing.assert_array_equal(volume.read(), pattern())


@given(
    order=st.permutations(range(3)),
    flips=st.tuples(st.booleans(), st.booleans(), st.booleans()),
    shape=st.tuples(*[st.integers(1, 5)] * 3),
)
def test_the_way_back_is_the_identity(
    order: list[int], flips: tuple[bool, bool, bool], shape: tuple[int, int, int]
) -> None:
    values = np.arange(np.prod(shape)).reshape(shape)
    arrangement = Arrangement((order[0], order[1], order[2]), flips)
    stack = arrangement.from_source(values)
    np.testing.assert_array_equal(arrangement.to_source(stack), values)
    assert stack.shape == tuple(shape[axis] for axis in order)


@pytest.mark.parametrize(
    ("shape", "pixdim", "slice_axis", "through"),
    [
        ((20, 20, 30), (1.5, 1.5, 8.0), None, 2),
        ((4, 20, 30), (1.5, 8.0, 1.5), None, 1),  # spacing counts for more than the number
        ((20, 4, 30), (1.5, 1.5, 1.7), None, 1),  # not clearly larger
        ((20, 4, 30), (1.5, 0.0, 8.0), None, 1),  # not all known
        ((20, 4, 30), (1.5, 1.5, 1.5), 0, 0),  # the header names it
        ((20, 4, 30), (8.0, 1.5, 1.5), 2, 0),  # but spacing counts for more
        ((4, 20, 4), (1.5, 1.5, 1.5), None, 2),  # of several the last
        ((20, 30, 1), (1.5, 2.0, 1.0), None, 2),  # one voxel is no picture
        ((1, 20, 30), (1.5, 2.0, 1.0), 2, 0),
    ],
)
def test_the_through_plane_axis(
    tmp_path: Path,
    shape: tuple[int, int, int],
    pixdim: tuple[float, float, float],
    slice_axis: int | None,
    through: int,
) -> None:
    info = 0 if slice_axis is None else (slice_axis + 1) << 4
    path = save(
        tmp_path / "a.nii",
        np.zeros(shape, np.uint8),
        pixdim=[1, *pixdim, 0, 0, 0, 0],
        dim_info=info,
    )
    assert open_nifti(path).arrangement.axes[0] == through


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"pixdim": [1, 1.4583334, 1.4, 8, 0, 0, 0, 0]}, (1.4583334, 1.4, 8.0)),
        ({"pixdim": [1, 0, 1.4, 8, 0, 0, 0, 0]}, (None, 1.4, 8.0)),
        ({"pixdim": [1, np.nan, np.inf, -8, 0, 0, 0, 0]}, (None, None, None)),
        ({"pixdim": [1, 0.0014, 0.0014, 0.008, 0, 0, 0, 0], "xyzt_units": 1}, (1.4, 1.4, 8.0)),
        ({"pixdim": [1, 1400, 1400, 8000, 0, 0, 0, 0], "xyzt_units": 3}, (1.4, 1.4, 8.0)),
        ({"pixdim": [1, 1.4, 1.4, 8, 0, 0, 0, 0], "xyzt_units": 0}, (1.4, 1.4, 8.0)),
        ({"pixdim": [1, 1, 1, 1, 0, 0, 0, 0], "xyzt_units": 2}, (1.0, 1.0, 1.0)),
        ({"pixdim": [1, 1, 1, 1, 0, 0, 0, 0], "xyzt_units": 0}, (None, None, None)),
    ],
)
def test_spacing(tmp_path: Path, fields: dict[str, Any], expected: tuple[float | None]) -> None:
    opened = open_nifti(save(tmp_path / "a.nii", file_axes(pattern()), **fields))
    assert opened.spacing_mm == pytest.approx(expected)
    assert opened.doubtful_spacing is None


@pytest.mark.parametrize("form", ["sform", "qform"])
def test_an_affine_has_the_unit_of_the_spacing(tmp_path: Path, form: str) -> None:
    metres = np.diag([0.001, 0.001, 0.001, 1]) @ affine_of()
    path = save(tmp_path / "a.nii", file_axes(pattern()), metres, form=form)
    patch(path, xyzt_units=1)
    opened = open_nifti(path)
    assert opened.spacing_mm == pytest.approx(SPACING)
    assert opened.doubtful_spacing is None
    assert opened.affine == pytest.approx(affine_of(), abs=1e-4)


def test_a_spacing_keeps_its_decimal_digits(tmp_path: Path) -> None:
    path = save(tmp_path / "a.nii", file_axes(pattern()), pixdim=[1, 1.4, 1.4, 8, 0, 0, 0, 0])
    assert open_nifti(path).spacing_mm == (1.4, 1.4, 8.0)


@pytest.mark.parametrize("signs", [(1, 1, 1), (-1, -1, 1)])
def test_an_affine_that_nobody_set_tells_no_orientation(
    tmp_path: Path, signs: tuple[int, int, int]
) -> None:
    """As in EMIDEC's volumes: voxels of 1 mm without a shift, beside a true pixdim."""
    volume, affine = file_axes(pattern()), np.diag([*signs, 1.0])
    told = save(tmp_path / "a.nii", volume, affine, pixdim=[1, 1.4, 1.4, 8, 0, 0, 0, 0])
    assert open_nifti(told).spacing_mm == (1.4, 1.4, 8.0)
    for path in (told, save(tmp_path / "b.nii", volume, affine)):
        assert open_nifti(path).affine is None
        np.testing.assert_array_equal(read(path), pattern())
    assert open_nifti(tmp_path / "b.nii").spacing_mm == (None, None, None)


def test_where_pixdim_was_not_set_the_affine_tells_the_spacing(tmp_path: Path) -> None:
    path = save(tmp_path / "a.nii", file_axes(pattern()), affine_of(), form="sform")
    patch(path, pixdim=[1, 1, 1, 1, 0, 0, 0, 0])
    assert open_nifti(path).spacing_mm == SPACING
    patch(path, pixdim=[1, 1.2, 1.2, 9, 0, 0, 0, 0])
    assert open_nifti(path).spacing_mm == (1.2, 1.2, 9.0)
    assert open_nifti(path).doubtful_spacing == SPACING


def test_an_orientation_is_known_where_a_spacing_is_not(tmp_path: Path) -> None:
    volume, affine = turned(file_axes(pattern()), affine_of(), (0, 1, 2), (True, True, False))
    path = save(tmp_path / "a.nii", volume, affine, form="qform")
    patch(path, pixdim=[0, 0, 1.5, 8, 0, 0, 0, 0])  # qfac 0 counts as 1
    opened = open_nifti(path)
    assert (opened.spacing_yx_mm, opened.slice_spacing_mm) == (None, 8)
    np.testing.assert_array_equal(opened.read(), pattern())


@pytest.mark.parametrize("ending", [".nii", ".nii.gz", ".hdr"])
@pytest.mark.parametrize("dtype", ["u1", ">u2", "<i2", "<f4", ">f8", "<i4", "<u4"])
def test_stored_values_are_exact(tmp_path: Path, ending: str, dtype: str) -> None:
    values = file_axes(pattern()).astype(dtype)
    kinds = (nib.Nifti1Pair, nib.Nifti2Pair) if ending == ".hdr" else (None, nib.Nifti2Image)
    for kind in kinds:
        path = save(tmp_path / f"a{ending}", values, affine_of(), kind=kind or nib.Nifti1Image)
        opened = open_nifti(path)
        assert opened.dtype.itemsize == np.dtype(dtype).itemsize
        slices = opened.read()
        assert slices.dtype == np.dtype(dtype).newbyteorder("=")
        assert slices.dtype.isnative
        np.testing.assert_array_equal(slices, pattern())


def test_big_endian_headers_are_read(tmp_path: Path) -> None:
    header = nib.Nifti1Header(endianness=">")
    header.set_data_dtype(np.uint16)
    image = nib.Nifti1Image(file_axes(pattern()), affine_of(), header)
    image.to_filename(tmp_path / "a.nii")
    assert (tmp_path / "a.nii").read_bytes()[:4] == b"\0\0\x01\x5c"
    slices = read(tmp_path / "a.nii")
    assert slices.dtype == np.uint16
    assert slices.dtype.isnative
    np.testing.assert_array_equal(slices, pattern())


def test_voxels_never_begin_inside_the_header(tmp_path: Path) -> None:
    path = save_stack(tmp_path / "a.nii", pattern())
    patch(path, vox_offset=0)  # as some programs write it
    np.testing.assert_array_equal(read(path), pattern())


def test_the_scaling_of_the_header_is_applied(tmp_path: Path) -> None:
    path = save(tmp_path / "a.nii", file_axes(pattern()), scl_slope=0.5, scl_inter=-3)
    opened = open_nifti(path)
    assert opened.scaled
    np.testing.assert_array_equal(opened.read(), pattern() * 0.5 - 3)
    for slope in (0, np.nan):
        patch(path, scl_slope=slope)
        assert not open_nifti(path).scaled
        np.testing.assert_array_equal(read(path), pattern())


def test_a_compressed_file_without_gz_in_its_name_is_read(tmp_path: Path) -> None:
    path = save_stack(tmp_path / "a.nii", pattern())
    path.write_bytes(gzip.compress(path.read_bytes()))
    np.testing.assert_array_equal(read(path), pattern())


def test_a_single_picture_is_a_stack_of_one(tmp_path: Path) -> None:
    picture = file_axes(pattern(slices=1))
    for volume in (picture, picture[..., 0], picture[..., None, None]):
        np.testing.assert_array_equal(read(save(tmp_path / "a.nii", volume)), pattern(slices=1))


def test_the_hash_is_that_of_the_file(tmp_path: Path) -> None:
    one = open_nifti(save_stack(tmp_path / "a.nii", pattern()))
    same = open_nifti(save_stack(tmp_path / "b.nii", pattern()))
    other = open_nifti(save_stack(tmp_path / "c.nii", pattern() + np.uint16(1)))
    assert one.file_hash() == same.file_hash() != other.file_hash()
    pair = save(tmp_path / "d.hdr", file_axes(pattern()), kind=nib.Nifti1Pair)
    before = open_nifti(pair).file_hash()
    (tmp_path / "d.img").write_bytes(b"x" + (tmp_path / "d.img").read_bytes()[1:])
    assert open_nifti(pair).file_hash() != before


def test_how_far_volumes_lie_apart(tmp_path: Path) -> None:
    one = open_nifti(save_stack(tmp_path / "a.nii", pattern()))
    moved = affine_of()
    moved[0, 3] += 3
    moved[1, 3] += 4
    other = open_nifti(save(tmp_path / "b.nii", file_axes(pattern()), moved))
    assert displacement_mm(one, other) == pytest.approx(5)
    larger = affine_of(spacing=(1.5, 1.5, 9))
    other = open_nifti(save(tmp_path / "c.nii", file_axes(pattern()), larger))
    assert displacement_mm(one, other) == pytest.approx(2)  # the last of three slices
    nowhere = open_nifti(save_stack(tmp_path / "d.nii", pattern(), view=None))
    assert displacement_mm(one, nowhere) is None


@pytest.mark.parametrize(
    ("volume", "fields", "message"),
    [
        (np.zeros((5, 6, 3, 4)), {}, "has 4 frames; take one out first"),
        (np.zeros((5, 6, 3, 1, 3), "f4"), {}, "has 3 frames"),
        (np.zeros(5), {"dim": [1, 5, 1, 1, 1, 1, 1, 1]}, "holds a row of numbers"),
        (np.zeros((5, 6, 3), "c8"), {}, "holds complex numbers; save grey levels"),
        (np.zeros((5, 6, 3), [(c, "u1") for c in "RGB"]), {}, "holds colours; save grey levels"),
        (None, {"datatype": 0}, "holds no numbers"),
        (None, {"datatype": 77}, "cannot be read as a NIfTI volume"),
        (None, {"dim": [3, -5, 6, 3, 1, 1, 1, 1]}, "no sensible number of voxels"),
        (None, {"dim": [3, 5, 0, 3, 1, 1, 1, 1]}, "no sensible number of voxels"),
        (None, {"dim": [9, 5, 6, 3, 1, 1, 1, 1]}, "no sensible number of voxels"),
        (None, {"dim": [0, 5, 6, 3, 1, 1, 1, 1]}, "no sensible number of voxels"),
        (None, {"dim": [3] + [32767] * 7}, "says it has 32767 x 32767 x 32767 voxels, more than"),
        (None, {"dim": [3, 5, 6, 4, 1, 1, 1, 1]}, "ends 60 bytes before its last voxel"),
        (None, {"vox_offset": -1}, "has its voxels at no sensible place"),
        (None, {"vox_offset": 1e9}, "has its voxels at no sensible place"),
        (None, {"vox_offset": np.nan}, "cannot be read as a NIfTI volume"),
        (None, {"scl_slope": 1, "scl_inter": np.inf}, "cannot be read as a NIfTI volume"),
        (None, {"sform_code": 1, "srow_x": [np.nan] * 4}, "has a damaged affine"),
        (None, {"sform_code": 1, "srow_x": [0] * 4}, "has a damaged affine"),
        (None, {"sform_code": 1, "srow_x": [1, 1, 0, 0], "srow_y": [1, 1, 0, 0]}, "damaged affine"),
        (None, {"qform_code": 1, "sform_code": 0, "quatern_b": 7}, "has a damaged affine"),
        (None, {"qform_code": 1, "sform_code": 0, "qoffset_x": np.inf}, "has a damaged affine"),
        (None, {"magic": b"abc"}, "is no NIfTI file"),
        (None, {"sizeof_hdr": 0}, "is no NIfTI file"),
        (None, {"magic": b"ni1"}, "cannot be read as a NIfTI volume"),  # its .img is not there
    ],
)
def test_what_cannot_be_imported_is_refused_by_its_header(
    tmp_path: Path, volume: np.ndarray | None, fields: dict[str, Any], message: str
) -> None:
    values = file_axes(pattern()) if volume is None else volume
    path = save(tmp_path / "secret.nii", values, affine_of() if values.ndim == 3 else None)
    if fields:
        patch(path, **fields)
    with pytest.raises(DatasetError, match=message) as caught:
        open_nifti(path)
    assert "secret" not in str(caught.value)
    assert str(tmp_path) not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_bomb_is_not_unpacked(tmp_path: Path) -> None:
    path = save_stack(tmp_path / "a.nii.gz", pattern())
    patch(path, dim=[3, 30000, 30000, 100, 1, 1, 1, 1])
    with pytest.raises(DatasetError, match="says it has 30000 x 30000 x 100 voxels"):
        open_nifti(path)


@pytest.mark.parametrize("ending", [".nii", ".nii.gz", ".hdr", ".img"])
@pytest.mark.parametrize("tenth", range(10))
def test_a_truncated_file_is_refused(tmp_path: Path, ending: str, tenth: int) -> None:
    noise = np.random.default_rng(0).integers(0, 65536, (12, 10, 4), np.uint16)
    pair = ending in (".hdr", ".img")
    kind = nib.Nifti1Pair if pair else nib.Nifti1Image
    path = save(tmp_path / ("a.hdr" if pair else f"a{ending}"), noise, affine_of(), kind=kind)
    cut = tmp_path / f"a{ending}"
    content = cut.read_bytes()
    cut.write_bytes(content[: len(content) * tenth // 10])
    with pytest.raises(DatasetError, match=r"cannot be read as|is no NIfTI|bytes before its last"):
        read(path)


def test_a_damaged_checksum_is_found(tmp_path: Path) -> None:
    path = save_stack(tmp_path / "a.nii.gz", pattern(200, 30, 10))
    content = bytearray(path.read_bytes())
    content[-6] ^= 1  # in the checksum; the voxels are whole
    path.write_bytes(content)
    with pytest.raises(DatasetError, match=DAMAGED):
        read(path)


@pytest.mark.parametrize("content", ["", "text", "png", "random", "gzip"])
def test_other_files_are_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "a.nii"
    noise = np.random.default_rng(0).integers(0, 256, 5000, np.uint8).tobytes()
    if content == "png":
        Image.new("L", (20, 20)).save(path, format="PNG")
    else:
        made = {"": b"", "text": b"hello " * 99, "random": noise, "gzip": gzip.compress(noise)}
        path.write_bytes(made[content])
    with pytest.raises(DatasetError, match="is no NIfTI file; convert it"):
        open_nifti(path)
    with pytest.raises(DatasetError, match=DAMAGED):
        open_nifti(tmp_path / "none.nii")


@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
def test_damage_never_raises_anything_but_a_dataset_error(tmp_path: Path, ending: str) -> None:
    content = save_stack(tmp_path / f"a{ending}", pattern()).read_bytes()
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(300):
        damaged = np.frombuffer(content, np.uint8).copy()
        last = 352 if ending == ".nii" else len(damaged)
        damaged[rng.integers(last, size=3)] = rng.choice([0, 1, 127, 128, 255], 3)
        (tmp_path / f"a{ending}").write_bytes(damaged.tobytes())
        try:
            assert read(tmp_path / f"a{ending}").ndim == 3
        except DatasetError:
            refused += 1
    assert 20 < refused < 300


REFUSED = {
    "analyze.hdr": "is no NIfTI file",
    "example4d.nii.gz": "has 2 frames",
    "example_nifti2.nii.gz": "has 2 frames",
    "functional.nii": "has 20 frames",
    "nifti1.hdr": DAMAGED,  # nibabel ships no .img
    "nifti2.hdr": DAMAGED,
    "row_major.dconn.nii": "frames",
}
assert len(SHIPPED) >= 10


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_files_that_nibabel_ships(path: Path) -> None:
    if path.name in REFUSED:
        with pytest.raises(DatasetError, match=REFUSED[path.name]) as caught:
            open_nifti(path)
        assert len(caught.value.problems) == 1
        return
    opened = open_nifti(path)
    expected = np.asarray(nib.load(path).dataobj)
    np.testing.assert_array_equal(opened.to_source(opened.read()), expected)
    np.testing.assert_allclose(
        [mm or 0 for mm in opened.spacing_mm], nib.load(path).header.get_zooms(), rtol=1e-6
    )
