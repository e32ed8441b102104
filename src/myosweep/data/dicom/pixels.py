"""Pixels of DICOM frames as one stack of 8 or 16 bits, however they are stored."""

import struct
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pydicom.uid
from jaxtyping import Shaped, UInt8, UInt16
from pydicom.dataset import Dataset
from pydicom.encaps import get_frame
from pydicom.pixels.utils import pixel_array

from myosweep.data.dicom.files import read_pixel_data, whole
from myosweep.data.dicom.frames import Frame
from myosweep.data.dicom.jpeg import decode_lossless
from myosweep.data.quiet import quiet
from myosweep.data.signal import Signal, store_signal
from myosweep.errors import DatasetError

_DECODERS = {
    pydicom.uid.JPEG2000: "pillow",
    pydicom.uid.JPEG2000Lossless: "pillow",
    pydicom.uid.JPEGLSLossless: "pyjpegls",
    pydicom.uid.JPEGLSNearLossless: "pyjpegls",
    pydicom.uid.JPEGBaseline8Bit: "pillow",
    pydicom.uid.JPEGExtended12Bit: "pillow",
    pydicom.uid.RLELossless: "pydicom",
}
"""One decoder for each kind of compression, so that a file has the same pixels everywhere."""
_LOSSLESS_JPEG = (pydicom.uid.JPEGLossless, pydicom.uid.JPEGLosslessSV1)
_SIZE_2000 = b"\xff\x4f\xff\x51"
"""How a JPEG 2000 image begins; its size comes next."""
_NO_SIZE = (0xC4, 0xC8, 0xCC)
"""JPEG markers among those of frames that tell no size."""


def read_frames(
    frames: Sequence[Frame],
) -> tuple[UInt8[np.ndarray, "slice y x"] | UInt16[np.ndarray, "slice y x"], Signal]:
    """The frames' pixels, larger is brighter, in one unit.

    Where all frames are scaled alike, the stored numbers are kept and ``Signal`` tells the scale;
    else each is scaled first.

    Raises:
        DatasetError: if a file cannot be read; in words that follow the series' subject.
    """
    stored = np.stack([_bright(frame, pixels) for frame, pixels in _stored(frames)])
    if scaled_alike(frames):
        pixels, signal = store_signal(stored)
        return pixels, signal.then(frames[0].slope, frames[0].intercept)
    slopes = np.array([frame.slope for frame in frames])[:, None, None]
    intercepts = np.array([frame.intercept for frame in frames])[:, None, None]
    return store_signal(stored * slopes + intercepts)


def scaled_alike(frames: Sequence[Frame]) -> bool:
    """Whether equal numbers mean the same in all frames, and larger ones mean more."""
    return frames[0].slope > 0 and len({(one.slope, one.intercept) for one in frames}) == 1


def _stored(frames: Sequence[Frame]) -> Iterator[tuple[Frame, Shaped[np.ndarray, "y x"]]]:
    for file, of_file in groupby(frames, key=lambda frame: frame.file):
        group = list(of_file)
        indices = [frame.index for frame in group]
        try:
            pixels = list(decode_frames(file.path, (file.rows, file.columns), indices))
        except DatasetError as error:
            raise DatasetError(
                [f"has a file {file.name!r} that {problem}" for problem in error.problems]
            ) from None
        yield from zip(group, pixels, strict=True)


def decode_frames(
    path: Path, size: tuple[int, int], indices: Sequence[int]
) -> Iterator[Shaped[np.ndarray, "y x"]]:
    """Stored numbers of some frames of a file, in this machine's byte order.

    Args:
        size: rows and columns, which were checked against the file's length.
        indices: from 0.

    Raises:
        DatasetError: if they cannot be read, in words that follow "a file that".
    """
    found = read_pixel_data(path)
    if (whole(found, "Rows"), whole(found, "Columns")) != size:
        raise DatasetError("was changed in the meantime; start again")
    for index in indices:
        try:
            with quiet():
                pixels = _decoded(found, size, index)
        except DatasetError:
            raise
        except Exception:  # a damaged file can make a decoder raise anything
            syntax = _syntax_name(found.file_meta.TransferSyntaxUID)
            raise DatasetError(
                f"has pixels that cannot be read (stored as {syntax}); is it damaged? export it "
                "again, without compression"
            ) from None
        yield pixels


def _decoded(found: Dataset, size: tuple[int, int], index: int) -> Shaped[np.ndarray, "y x"]:
    """One frame."""
    syntax = found.file_meta.TransferSyntaxUID
    if syntax.is_encapsulated:
        _check_code(found, size, index)
    elif whole(found, "BitsAllocated") == 1:
        return _unpacked(found.PixelData, size, index)
    if syntax in _LOSSLESS_JPEG:
        return _signed(decode_lossless(_code(found, index)), found)
    decoder = _DECODERS.get(syntax, "")
    pixels = pixel_array(found, index=index, raw=True, decoding_plugin=decoder)
    return pixels.reshape(size).astype(pixels.dtype.newbyteorder("="), copy=False)


def _signed(pixels: UInt16[np.ndarray, "y x"], found: Dataset) -> Shaped[np.ndarray, "y x"]:
    """Pixels in the header's type; a JPEG file does not tell whether its numbers have a sign."""
    allocated, stored = whole(found, "BitsAllocated"), whole(found, "BitsStored")
    if whole(found, "PixelRepresentation") == 1:
        unused = 16 - (stored or allocated)
        return (pixels << unused).view(np.int16) >> unused
    return pixels.astype(np.uint8) if allocated <= 8 else pixels


def _unpacked(packed: bytes, size: tuple[int, int], index: int) -> UInt8[np.ndarray, "y x"]:
    """A frame of single bits; the library knows only frames that begin with a whole byte."""
    count = size[0] * size[1]
    first = index * count
    part = np.frombuffer(packed, np.uint8)[first // 8 : (first + count + 7) // 8]
    return np.unpackbits(part, bitorder="little")[first % 8 :][:count].reshape(size)


def _check_code(found: Dataset, size: tuple[int, int], index: int) -> None:
    """Whether a compressed frame is what the header says: else it could ask for any memory.

    Decoders are not all sound, so nothing that contradicts itself gets as far as to them.
    """
    if found.file_meta.TransferSyntaxUID == pydicom.uid.RLELossless:
        return  # its decoder knows from the header how much comes out
    told = read_code(_code(found, index))
    if told is None or not (told.channels == 1 and 2 <= told.bits <= whole(found, "BitsAllocated")):
        raise DatasetError("holds a compressed image that contradicts its header; is it damaged?")
    if (told.rows, told.columns) != size:
        raise DatasetError(
            f"holds a compressed image of {told.rows} x {told.columns} pixels, not the {size[0]} x "
            f"{size[1]} of its header; is it damaged?"
        )


def _code(found: Dataset, index: int) -> bytes:
    """A compressed frame."""
    count = whole(found, "NumberOfFrames", 1) or 1
    return get_frame(found.PixelData, index, number_of_frames=count)


class Code(NamedTuple):
    """What a compressed image says of itself."""

    rows: int
    columns: int
    bits: int
    channels: int


def read_code(code: bytes) -> Code | None:
    """The beginning of a JPEG, JPEG-LS or JPEG 2000 image; none if it is something else."""
    start = code.find(_SIZE_2000, 0, 512)
    if start >= 0:
        fields = struct.unpack_from(">4I16xHB", code.ljust(start + 43, b"\0"), start + 8)
        right, bottom, left, top, channels, bits = fields
        return Code(bottom - top, right - left, (bits & 0x7F) + 1, channels)
    at = 2
    while code[:2] == b"\xff\xd8" and code[at : at + 1] == b"\xff" and len(code) >= at + 10:
        marker, length, bits, rows, columns, channels = struct.unpack_from(">xBHBHHB", code, at)
        if marker == 0xF7 or (0xC0 <= marker <= 0xCF and marker not in _NO_SIZE):
            return Code(rows, columns, bits, channels)
        at += 2 + length
    return None


def _bright(frame: Frame, stored: Shaped[np.ndarray, "y x"]) -> Shaped[np.ndarray, "y x"]:
    """The numbers turned over if larger ones are darker, within what the stored bits can hold."""
    file = frame.file
    if not file.is_inverted:
        return stored
    if file.is_signed or not np.issubdtype(stored.dtype, np.integer):
        return -1 - stored
    largest = stored.dtype.type(2**file.bits_stored - 1)
    return largest - np.minimum(stored, largest)


def _syntax_name(syntax: pydicom.uid.UID) -> str:
    """The kind of compression; a number that is not in the standard is the file's own."""
    return syntax.name if syntax.is_valid and syntax.name != syntax else "an unknown kind"
