"""Pixels of DICOM series: exact for every kind of storage, comparable, larger is brighter."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom.uid
import pytest
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from tests.data.dicom_files import noise, write_enhanced, write_series
from tests.data.dicom_jpeg_files import encode_lossless

from myosweep.data.dicom.pixels import Code, decode_frames, read_code
from myosweep.data.dicom.series import find_series
from myosweep.data.signal import Signal
from myosweep.errors import DatasetError

SMOOTH = (np.add.outer(np.arange(16), np.arange(0, 40, 2)) * 60).astype(np.uint16)


def read(folder: Path) -> tuple[np.ndarray, Signal]:
    (series,) = find_series(folder, [])
    pixels, signal = series.read_pixels()
    assert pixels.dtype == series.image_type
    return pixels, signal


def values(folder: Path) -> np.ndarray:
    pixels, signal = read(folder)
    return pixels * signal.slope + signal.offset


def rescale(*pairs: tuple[float, float]) -> Callable[[Dataset, int], None]:
    def change(dataset: Dataset, at: int) -> None:
        dataset.RescaleSlope, dataset.RescaleIntercept = pairs[at % len(pairs)]

    return change


def test_bytes_stay_bytes(tmp_path: Path) -> None:
    pixels = noise((3, 5, 7), dtype=np.uint8, most=256)
    write_series(tmp_path, pixels)
    found, signal = read(tmp_path)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, pixels)
    assert signal == Signal()


@pytest.mark.parametrize(
    ("dtype", "scales"), [(np.int8, [(1, 0)]), (np.uint8, [(1, 0), (2, 0)]), (np.uint8, [(-1, 9)])]
)
def test_bytes_that_may_grow_are_wide(tmp_path: Path, dtype: Any, scales: Any) -> None:
    write_series(tmp_path, noise((2, 6, 7), dtype=dtype, most=100), change=rescale(*scales))
    assert read(tmp_path)[0].dtype == np.uint16


def test_one_scale_for_all_keeps_the_stored_numbers(tmp_path: Path) -> None:
    pixels = noise((3, 6, 7))
    write_series(tmp_path, pixels, change=rescale((0.37, -1024.5)))
    found, signal = read(tmp_path)
    np.testing.assert_array_equal(found, pixels)
    assert signal == Signal(0.37, -1024.5)


def test_another_scale_for_each_slice_keeps_slices_comparable(tmp_path: Path) -> None:
    pixels = noise((3, 6, 7))
    pairs = [(0.5, -700.0), (1.25, 0.0), (2.0, 13.5)]
    write_series(tmp_path, pixels, change=rescale(*pairs))
    wanted = np.stack(
        [image * slope + shift for image, (slope, shift) in zip(pixels, pairs, strict=True)]
    )
    _, signal = read(tmp_path)
    assert signal.slope == pytest.approx((wanted.max() - wanted.min()) / 65535)
    np.testing.assert_allclose(values(tmp_path), wanted, atol=signal.slope / 2 * 1.001)


def test_whole_positive_values_stay_whole_after_different_scales(tmp_path: Path) -> None:
    pixels = noise((2, 6, 7))
    write_series(tmp_path, pixels, change=rescale((1, 10), (2, 0)))
    found, signal = read(tmp_path)
    assert signal == Signal()
    np.testing.assert_array_equal(found, np.stack([pixels[0] + 10, pixels[1] * 2]))


def test_frames_of_a_file_have_scales_of_their_own(tmp_path: Path) -> None:
    pixels = noise((3, 6, 7))
    pairs = [(1.0, 0.0), (2.0, 5.0), (3.0, 7.0)]
    write_enhanced(tmp_path / "a.dcm", pixels, order=[2, 0, 1], rescale=pairs)
    wanted = np.stack(
        [image * slope + shift for image, (slope, shift) in zip(pixels, pairs, strict=True)]
    )
    np.testing.assert_array_equal(values(tmp_path), wanted)


def test_a_slope_below_zero_is_applied_so_that_larger_is_brighter(tmp_path: Path) -> None:
    pixels = noise((2, 6, 7))
    write_series(tmp_path, pixels, change=rescale((-1, 5000)))
    found, signal = read(tmp_path)
    assert signal == Signal()
    np.testing.assert_array_equal(found, 5000 - pixels)


@pytest.mark.parametrize("slope", [0, ""])
def test_a_scale_that_is_none_is_passed_over(tmp_path: Path, slope: Any) -> None:
    pixels = noise((2, 6, 7))
    write_series(tmp_path, pixels, change=rescale((slope, 5)))
    found, signal = read(tmp_path)
    np.testing.assert_array_equal(found, pixels)
    assert signal == Signal(1.0, 5.0)


def test_signed_phase_sensitive_images_keep_their_values(tmp_path: Path) -> None:
    pixels = (noise((3, 6, 7)).astype(int) - 2000).astype(np.int16)
    write_series(tmp_path, pixels)
    found, signal = read(tmp_path)
    assert found.dtype == np.uint16
    np.testing.assert_allclose(values(tmp_path), pixels, atol=signal.slope / 2 * 1.001)


@pytest.mark.parametrize("signed", [False, True])
def test_monochrome1_is_turned_over_within_the_stored_bits(tmp_path: Path, signed: bool) -> None:
    def change(dataset: Dataset, at: int) -> None:
        dataset.PhotometricInterpretation = "MONOCHROME1"

    pixels = noise((2, 6, 7), dtype=np.int16 if signed else np.uint16)
    write_series(tmp_path, pixels, bits_stored=16 if signed else 12, change=change)
    wanted = -1 - pixels if signed else 4095 - pixels
    tolerance = read(tmp_path)[1].slope / 2 * 1.001 if signed else 0
    np.testing.assert_allclose(values(tmp_path), wanted, atol=tolerance)


def test_monochrome1_bytes_stay_bytes(tmp_path: Path) -> None:
    def change(dataset: Dataset, at: int) -> None:
        dataset.PhotometricInterpretation = "MONOCHROME1"

    pixels = noise((2, 6, 7), dtype=np.uint8, most=256)
    write_series(tmp_path, pixels, change=change)
    found, _ = read(tmp_path)
    np.testing.assert_array_equal(found, 255 - pixels)
    assert found.dtype == np.uint8


@pytest.mark.parametrize("syntax", ["ImplicitVRLittleEndian", "DeflatedExplicitVRLittleEndian"])
def test_plain_storage_of_any_kind(tmp_path: Path, syntax: str) -> None:
    def change(dataset: Dataset, at: int) -> None:
        dataset.file_meta.TransferSyntaxUID = getattr(pydicom.uid, syntax)

    pixels = noise((2, 6, 7))
    write_series(tmp_path, pixels, change=change)
    np.testing.assert_array_equal(read(tmp_path)[0], pixels)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_big_endian_numbers_become_native(tmp_path: Path, dtype: Any) -> None:
    pixels = noise((2, 6, 7), dtype=dtype, most=250)
    for path, image in zip(write_series(tmp_path, pixels).files, pixels, strict=True):
        dataset = pydicom.dcmread(path)
        dataset.PixelData = image.astype(image.dtype.newbyteorder(">")).tobytes()
        dataset["PixelData"].VR = "OB" if dtype == np.uint8 else "OW"
        dataset.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRBigEndian
        pydicom.dcmwrite(path, dataset, implicit_vr=False, little_endian=False)
    found, _ = read(tmp_path)
    assert found.dtype.isnative
    np.testing.assert_array_equal(found, pixels)


def jpeg(image: np.ndarray, **options: Any) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, **options)
    return file.getvalue()


def compress(syntax: pydicom.uid.UID) -> Callable[[Dataset, int], None]:
    """By the library where it has an encoder, else by Pillow."""

    def change(dataset: Dataset, at: int) -> None:
        if syntax in (pydicom.uid.RLELossless, pydicom.uid.JPEGLSLossless):
            dataset.compress(syntax, generate_instance_uid=False)
            return
        options: dict[str, Any] = {"format": "JPEG", "quality": 100}
        if syntax == pydicom.uid.JPEG2000Lossless:
            options = {"format": "JPEG2000", "no_jp2": True}
        dataset.PixelData = encapsulate([jpeg(dataset.pixel_array, **options)])
        dataset["PixelData"].is_undefined_length = True
        dataset.file_meta.TransferSyntaxUID = syntax

    return change


@pytest.mark.parametrize(
    ("syntax", "dtype"),
    [
        ("RLELossless", np.uint8),
        ("RLELossless", np.uint16),
        ("RLELossless", np.int16),
        ("JPEGLSLossless", np.uint8),
        ("JPEGLSLossless", np.uint16),
        ("JPEGLSLossless", np.int16),
        ("JPEG2000Lossless", np.uint8),
        ("JPEG2000Lossless", np.uint16),
    ],
)
def test_lossless_compression_gives_exact_pixels(tmp_path: Path, syntax: str, dtype: Any) -> None:
    pixels = noise((2, 16, 18), dtype=dtype, most=250)
    write_series(tmp_path, pixels, change=compress(getattr(pydicom.uid, syntax)))
    np.testing.assert_array_equal(read(tmp_path)[0], pixels)


def test_baseline_jpeg_is_read(tmp_path: Path) -> None:
    pixels = (SMOOTH // 16).astype(np.uint8)[None]
    write_series(tmp_path, pixels, change=compress(pydicom.uid.JPEGBaseline8Bit))
    found, _ = read(tmp_path)
    assert found.dtype == np.uint8
    assert np.abs(found.astype(int) - pixels).max() <= 2


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16])
def test_lossless_jpeg_is_read(tmp_path: Path, dtype: Any) -> None:
    pixels = (SMOOTH // 16).astype(dtype)
    if dtype == np.int16:
        pixels -= 90

    def change(dataset: Dataset, at: int) -> None:
        dataset.PixelData = encapsulate([encode_lossless(pixels.view(f"u{pixels.itemsize}"))])
        dataset["PixelData"].is_undefined_length = True
        dataset.file_meta.TransferSyntaxUID = pydicom.uid.JPEGLosslessSV1

    write_series(tmp_path, pixels[None], change=change)
    tolerance = read(tmp_path)[1].slope / 2 * 1.001 if dtype == np.int16 else 0
    np.testing.assert_allclose(values(tmp_path), pixels[None], atol=tolerance)


def test_lossless_jpeg_of_12_bits_has_its_sign_in_the_12th(tmp_path: Path) -> None:
    pixels = (noise((6, 7)).astype(int) - 2000).astype(np.int16)

    def change(dataset: Dataset, at: int) -> None:
        dataset.PixelData = encapsulate([encode_lossless(pixels.view(np.uint16) & 0x0FFF)])
        dataset["PixelData"].is_undefined_length = True
        dataset.file_meta.TransferSyntaxUID = pydicom.uid.JPEGLosslessSV1

    write_series(tmp_path, pixels[None], bits_stored=12, change=change)
    tolerance = read(tmp_path)[1].slope / 2 * 1.001
    np.testing.assert_allclose(values(tmp_path), pixels[None], atol=tolerance)


@pytest.mark.parametrize("image", [np.zeros((6, 7, 3), np.uint8), np.zeros((6, 7), np.uint16)])
def test_a_compressed_image_of_another_kind_is_not_decoded(
    tmp_path: Path, image: np.ndarray
) -> None:
    def change(dataset: Dataset, at: int) -> None:
        dataset.PixelData = encapsulate([jpeg(image, format="JPEG2000", no_jp2=True)])
        dataset["PixelData"].is_undefined_length = True
        dataset.file_meta.TransferSyntaxUID = pydicom.uid.JPEG2000Lossless

    write_series(tmp_path, noise((1, 6, 7), dtype=np.uint8), change=change)
    with pytest.raises(DatasetError, match="compressed image that contradicts its header; is it"):
        read(tmp_path)


def test_compressed_frames_of_one_file(tmp_path: Path) -> None:
    pixels = noise((4, 16, 18))
    write_enhanced(
        tmp_path / "a.dcm",
        pixels,
        order=[2, 0, 3, 1],
        change=lambda dataset: dataset.compress(pydicom.uid.RLELossless),
    )
    np.testing.assert_array_equal(read(tmp_path)[0], pixels)


@pytest.mark.parametrize(
    ("encode", "syntax"),
    [
        ({"format": "JPEG"}, pydicom.uid.JPEGBaseline8Bit),
        ({"format": "JPEG2000", "no_jp2": True}, pydicom.uid.JPEG2000Lossless),
    ],
)
def test_a_compressed_image_of_another_size_is_not_decoded(
    tmp_path: Path, encode: dict[str, Any], syntax: pydicom.uid.UID
) -> None:
    def change(dataset: Dataset, at: int) -> None:
        large = jpeg(np.zeros((30, 1000), np.uint8), **encode)
        assert read_code(large) == Code(30, 1000, 8, 1)
        dataset.PixelData = encapsulate([large])
        dataset["PixelData"].is_undefined_length = True
        dataset.file_meta.TransferSyntaxUID = syntax

    write_series(tmp_path, noise((1, 6, 7), dtype=np.uint8), change=change)
    with pytest.raises(DatasetError, match="compressed image of 30 x 1000 pixels, not the 6 x 7"):
        read(tmp_path)


@pytest.mark.parametrize(
    "code", [b"", b"\xff\xd8", b"\xff\xd8\xff", b"\xff\xd8\xff\xc0\0", b"x" * 99]
)
def test_what_is_no_compressed_image_tells_nothing(code: bytes) -> None:
    assert read_code(code) is None


def test_a_file_that_changed_meanwhile_is_told(tmp_path: Path) -> None:
    written = write_series(tmp_path, noise((1, 6, 7)))
    (series,) = find_series(tmp_path, [])
    write_series(tmp_path, noise((1, 6, 8)))
    with pytest.raises(DatasetError, match=r"'IM000\.dcm' that was changed in the meantime"):
        series.read_pixels()
    written.files[0].unlink()
    with pytest.raises(DatasetError, match=r"'IM000\.dcm' that cannot be read as a DICOM file"):
        series.read_pixels()


@pytest.mark.parametrize("where", [0.3, 0.6, 0.9])
def test_damaged_compressed_pixels_are_one_sentence(tmp_path: Path, where: float) -> None:
    def change(dataset: Dataset, at: int) -> None:
        compress(pydicom.uid.JPEG2000Lossless)(dataset, at)
        content = bytearray(dataset.PixelData)
        del content[int(len(content) * where) :]
        dataset.PixelData = bytes(content) + b"\0" * (len(content) % 2)

    write_series(tmp_path, noise((1, 16, 18)), change=change)
    match = r"stored as JPEG 2000.*is it damaged|cannot be read as a DICOM file; is it damaged"
    with pytest.raises(DatasetError, match=match):
        read(tmp_path)


@pytest.mark.parametrize("syntax", [b"1.2.3.4.5678", b"1.2\\4.5678", b"5678 \xe4^@", b"5678"])
def test_an_unknown_kind_of_storage_is_not_named(tmp_path: Path, syntax: bytes) -> None:
    (path,) = write_series(tmp_path, noise((1, 6, 7))).files
    good = b"1.2.840.10008.1.2.1\0"
    content = path.read_bytes()
    assert content.count(good) == 1
    path.write_bytes(content.replace(good, syntax.ljust(len(good), b"\0")))
    with pytest.raises(DatasetError, match=r"stored as an unknown kind\); is it damaged") as caught:
        read(tmp_path)
    assert "5678" not in str(caught.value)


def test_frames_are_read_by_their_number(tmp_path: Path) -> None:
    pixels = noise((3, 5, 7), dtype=np.uint8, most=256)
    write_enhanced(tmp_path / "a.dcm", pixels)
    one, other = decode_frames(tmp_path / "a.dcm", (5, 7), [2, 0])
    np.testing.assert_array_equal(one, pixels[2])
    np.testing.assert_array_equal(other, pixels[0])
