"""A writer of lossless JPEG for the tests: any predictor, one plain table of codes."""

import struct

import numpy as np


def encode_lossless(pixels: np.ndarray, predictor: int = 1, shift: int = 0) -> bytes:
    """One channel of 8 or 16 bits without a sign; the low ``shift`` bits are cut off.

    The codes for 0 to 16 bits are the numbers 0 to 16 in five bits each.
    """
    bits = 8 * pixels.itemsize
    table = bytes([0, 0, 0, 0, 0, 17, *[0] * 11, *range(17)])
    frame = struct.pack(">BHHBBBB", bits, *pixels.shape, 1, 1, 0x11, 0)
    scan = bytes([1, 1, 0, predictor, 0, shift])
    segments = (
        b"\xff" + bytes([marker]) + struct.pack(">H", len(content) + 2) + content
        for marker, content in ((0xC4, table), (0xC3, frame), (0xDA, scan))
    )
    return b"\xff\xd8" + b"".join(segments) + _packed(pixels >> shift, predictor, bits - shift)


def _packed(pixels: np.ndarray, predictor: int, bits: int) -> bytes:
    values = pixels.astype(int)
    text = ""
    for y, x in np.ndindex(values.shape):
        step = (int(values[y, x]) - _prediction(values, y, x, predictor, bits)) & 0xFFFF
        text += _code(step - 0x10000 if step > 0x8000 else step)
    text += "1" * (-len(text) % 8)
    content = int(text, 2).to_bytes(len(text) // 8) if text else b""
    return content.replace(b"\xff", b"\xff\x00") + b"\xff\xd9"


def _prediction(values: np.ndarray, y: int, x: int, predictor: int, bits: int) -> int:
    if y == 0:
        return int(values[0, x - 1]) if x else 2 ** (bits - 1)
    above = int(values[y - 1, x])
    if x == 0:
        return above
    left, corner = int(values[y, x - 1]), int(values[y - 1, x - 1])
    return {
        1: left,
        2: above,
        3: corner,
        4: left + above - corner,
        5: left + ((above - corner) >> 1),
        6: above + ((left - corner) >> 1),
        7: (left + above) >> 1,
    }[predictor]


def _code(step: int) -> str:
    if step == 0x8000:
        return f"{16:05b}"
    size = abs(step).bit_length()
    behind = step if step > 0 else step + 2**size - 1
    return f"{size:05b}" + (f"{behind:0{size}b}" if size else "")
