"""Lossless JPEG: exact for every predictor, against an encoder by hand and another library."""

import struct
from pathlib import Path

import numpy as np
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from pydicom.encaps import get_frame
from tests.data.dicom_files import noise, write_series
from tests.data.dicom_jpeg_files import encode_lossless

from myosweep.data.dicom import jpeg
from myosweep.data.dicom.jpeg import decode_lossless

IMAGES = arrays(np.uint16, array_shapes(min_dims=2, max_dims=2, max_side=6), elements={})


@given(pixels=IMAGES, predictor=st.integers(1, 7), shift=st.integers(0, 3))
def test_what_was_encoded_is_decoded(pixels: np.ndarray, predictor: int, shift: int) -> None:
    found = decode_lossless(encode_lossless(pixels, predictor, shift))
    np.testing.assert_array_equal(found, pixels >> shift << shift)


def test_an_image_that_ends_early_is_refused() -> None:
    code = encode_lossless(np.full((4, 8), 2**15, np.uint16))  # nothing but zeros
    for missing in (1, 2, 15):
        with pytest.raises(ValueError, match="ends early"):
            decode_lossless(code[: -2 - missing] + code[-2:])


def test_bytes_are_decoded() -> None:
    pixels = noise((5, 7), dtype=np.uint8, most=256)
    np.testing.assert_array_equal(decode_lossless(encode_lossless(pixels)), pixels)


def test_the_largest_steps_are_decoded() -> None:
    pixels = np.array([[0, 65535, 0], [32768, 0, 32768]], np.uint16)
    np.testing.assert_array_equal(decode_lossless(encode_lossless(pixels)), pixels)


def test_an_interval_of_0_means_no_restarts() -> None:
    pixels = noise((5, 7))
    code = encode_lossless(pixels)
    np.testing.assert_array_equal(
        decode_lossless(code[:2] + b"\xff\xdd\0\4\0\0" + code[2:]), pixels
    )
    with pytest.raises(ValueError, match="no lossless image"):
        decode_lossless(code[:2] + b"\xff\xdd\0\4\0\7" + code[2:])


@pytest.mark.parametrize("chunk", [1, 2, 7, 64])
def test_bits_are_looked_at_piece_by_piece(monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    monkeypatch.setattr(jpeg, "_CHUNK", chunk)
    pixels = noise((9, 11), most=65536)
    np.testing.assert_array_equal(decode_lossless(encode_lossless(pixels)), pixels)


def test_another_library_agrees(tmp_path: Path) -> None:
    gdcm = pytest.importorskip("gdcm")
    pixels = noise((40, 52))
    (path,) = write_series(tmp_path, pixels[None]).files
    reader = gdcm.ImageReader()
    reader.SetFileName(str(path))
    assert reader.Read()
    change = gdcm.ImageChangeTransferSyntax()
    change.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.JPEGLosslessProcess14_1))
    change.SetInput(reader.GetImage())
    assert change.Change()
    writer = gdcm.ImageWriter()
    writer.SetFileName(str(path))
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    assert writer.Write()
    code = get_frame(pydicom.dcmread(path).PixelData, 0, number_of_frames=1)
    np.testing.assert_array_equal(decode_lossless(code), pixels)


def test_damage_raises_or_gives_an_image() -> None:
    good = encode_lossless(noise((6, 7)))
    refused = 0
    for seed in range(300):
        rng = np.random.default_rng(seed)
        content = np.frombuffer(good, np.uint8).copy()
        content[rng.integers(2, len(content), 2)] = rng.choice([0, 1, 16, 17, 128, 255], 2)
        end = int(rng.integers(len(content))) if seed % 4 == 0 else len(content)
        try:
            assert decode_lossless(content[:end].tobytes()).dtype == np.uint16
        except (ValueError, IndexError, KeyError, struct.error):
            refused += 1
    assert 100 < refused < 300


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        (b"\xff\xd9", b"", "no end"),
        (b"\xff\xd9", b"\xff\xd0\xff\xd9", "no end"),
        (b"\xff\xc3", b"\xff\xc0", "no lossless image"),
        (b"\xff\xd8\xff\xc4", b"\xff\xd8\xff\xe0", "0"),
        (b"\x01\x01\x00\x01\x00\x00", b"\x02\x01\x00\x01\x00\x00", "bad scan"),
        (b"\x01\x01\x00\x01\x00\x00", b"\x01\x01\x00\x08\x00\x00", "bad scan"),
        (b"\x10\x00\x06\x00\x07\x01", b"\x10\x00\x06\x00\x07\x03", "not one channel"),
        (b"\x10\x00\x06\x00\x07\x01", b"\x11\x00\x06\x00\x07\x01", "not one channel"),
        (b"\x10\x00\x06\x00\x07\x01", b"\x10\x00\x00\x00\x07\x01", "not one channel"),
        (b"\x10\x00\x06\x00\x07\x01", b"\x10\x09\x06\x00\x07\x01", "ends early|no such code"),
    ],
)
def test_what_is_damaged_or_of_another_kind_is_refused(old: bytes, new: bytes, match: str) -> None:
    code = encode_lossless(noise((6, 7)))
    assert code.count(old) == 1
    with pytest.raises((ValueError, KeyError), match=match):
        decode_lossless(code.replace(old, new))
