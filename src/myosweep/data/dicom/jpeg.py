"""Lossless JPEG as hospitals' archives store it; the libraries' decoder breaks down on damage.

Source: ITU-T T.81, annexes C (Huffman codes), F.2.2 (differences) and H (lossless processes).
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int32, Int64, UInt8, UInt16

_CHUNK = 2**16
"""Bytes whose bits are looked at at once."""
_WINDOW = 16
"""The longest code; also the most bits that a difference has."""


@dataclass(frozen=True)
class _Table:
    """A Huffman table by the next 16 bits: the length of the code they begin with, 0 for none, and
    the number of bits behind it that are the difference."""

    lengths: UInt8[np.ndarray, "window"]
    bits: UInt8[np.ndarray, "window"]


def decode_lossless(code: bytes) -> UInt16[np.ndarray, "y x"]:
    """The image of one channel of 2 to 16 bits.

    Raises:
        ValueError: if it is of another kind or damaged; or what reading past the end raises.
    """
    tables: dict[int, _Table] = {}
    frame: tuple[int, int, int] | None = None
    for marker, content, after in _segments(code):
        if marker == 0xC4:
            tables |= _tables(content)
        elif marker == 0xC3:
            frame = _frame(content)
        elif marker == 0xDA and frame:
            bits, rows, columns = frame
            table, predictor, shift = _scan(content, tables)
            steps = _differences(_entropy_coded(code[after:]), table, rows * columns)
            start = 1 << (bits - shift - 1)
            found = _summed(steps.reshape(rows, columns), predictor, start)
            return ((found << shift) & 0xFFFF).astype(np.uint16)
        elif 0xC0 <= marker <= 0xCF or (marker == 0xDD and any(content)):
            break  # other processes and restarts: nobody stores LGE images with them
    raise ValueError("no lossless image")


def _segments(code: bytes) -> Iterator[tuple[int, bytes, int]]:
    """Marker, content, and where the next segment begins."""
    at = 2
    while at + 4 <= len(code) and code[at] == 0xFF:
        end = at + 2 + int.from_bytes(code[at + 2 : at + 4])
        yield code[at + 1], code[at + 4 : end], end
        at = end


def _frame(content: bytes) -> tuple[int, int, int]:
    """Bits, rows and columns."""
    bits, rows, columns, channels = struct.unpack_from(">BHHB", content)
    if channels != 1 or not 2 <= bits <= 16 or not rows * columns:
        raise ValueError("not one channel of 2 to 16 bits")
    return bits, rows, columns


def _tables(content: bytes) -> dict[int, _Table]:
    """Huffman tables by number."""
    found: dict[int, _Table] = {}
    while content:
        counts = content[1:17]
        symbols = content[17 : 17 + sum(counts)]
        if len(symbols) < sum(counts) or max(symbols, default=0) > _WINDOW:
            raise ValueError("bad table")
        lengths = [length for length, count in enumerate(counts, start=1) for _ in range(count)]
        table = _Table(np.zeros(2**_WINDOW, np.uint8), np.zeros(2**_WINDOW, np.uint8))
        first = 0
        for length, symbol in zip(lengths, symbols, strict=True):
            after = first + 2 ** (_WINDOW - length)
            if after > 2**_WINDOW:
                raise ValueError("more codes than there can be")
            table.lengths[first:after] = length
            table.bits[first:after] = symbol
            first = after
        found[content[0]] = table
        content = content[17 + len(symbols) :]
    return found


def _scan(content: bytes, tables: dict[int, _Table]) -> tuple[_Table, int, int]:
    """Huffman table, predictor, and how many low bits were cut off."""
    channels, _, table, predictor, _, shift = content[:6]
    if channels != 1 or not 1 <= predictor <= 7 or shift > 15:
        raise ValueError("bad scan")
    return tables[table >> 4], predictor, shift & 15


def _entropy_coded(code: bytes) -> bytes:
    """The bytes up to the end of the image, without those that keep markers apart."""
    end = re.search(rb"\xff+[^\x00\xff]", code)
    if end is None or end[0][-1] != 0xD9:
        raise ValueError("no end")
    return code[: end.start()].replace(b"\xff\x00", b"\xff")


def _differences(packed: bytes, table: _Table, count: int) -> Int64[np.ndarray, "pixel"]:
    """Differences of neighbours: each a code for its number of bits, then these bits."""
    data = np.frombuffer(packed + bytes(8), np.uint8).astype(np.int32)
    by_window = np.where(table.lengths, table.lengths + table.bits % _WINDOW, 0)
    found: list[np.ndarray] = []
    at, missing = 0, count
    while missing > 0:
        first = at // 8
        if at > 8 * len(packed) or first >= len(packed):
            raise ValueError("ends early")
        windows = _windows(data[first : first + _CHUNK + 8])
        places, at = _chain(by_window[windows].tolist(), at % 8, missing)
        at += 8 * first
        missing -= len(places)
        found.append(_values(windows, np.array(places), table))
    if at > 8 * len(packed):
        raise ValueError("ends early")
    return np.concatenate(found)


def _windows(data: Int32[np.ndarray, "byte"]) -> Int32[np.ndarray, "bit"]:
    """The 16 bits that begin at each bit."""
    three = (data[:-2] << 16) | (data[1:-1] << 8) | data[2:]
    return ((three[:, None] >> np.arange(8, 0, -1, dtype=np.int32)) & 0xFFFF).ravel()


def _chain(steps: list[int], at: int, most: int) -> tuple[list[int], int]:
    """Where codes begin, one after the other, and where the next one would."""
    places: list[int] = []
    end = len(steps) - 2 * _WINDOW  # what lies behind a code must be seen as well
    while at < end and len(places) < most:
        if not steps[at]:
            raise ValueError("no such code")
        places.append(at)
        at += steps[at]
    return places, at


def _values(
    windows: Int32[np.ndarray, "bit"], places: Int64[np.ndarray, "pixel"], table: _Table
) -> Int64[np.ndarray, "pixel"]:
    """The bits behind each code as a difference; those that begin with 0 are negative."""
    codes = windows[places]
    size = table.bits[codes].astype(np.int64)
    raw = windows[places + table.lengths[codes]].astype(np.int64) >> (_WINDOW - size)
    signed = np.where(raw < 1 << np.maximum(size - 1, 0), raw - (1 << size) + 1, raw)
    return np.where(size == _WINDOW, 1 << 15, signed)


def _summed(
    steps: Int64[np.ndarray, "y x"], predictor: int, start: int
) -> Int64[np.ndarray, "y x"]:
    """Pixels from differences: of the first from ``start``, of each other from its prediction."""
    steps[0, 0] += start
    steps[:, 0] = np.cumsum(steps[:, 0]) & 0xFFFF
    if predictor == 1:
        return np.cumsum(steps, axis=1) & 0xFFFF
    rows = [(np.cumsum(steps[0]) & 0xFFFF).tolist()]
    for row in steps[1:].tolist():
        above = rows[-1]
        for x in range(1, len(row)):
            row[x] += _predicted(predictor, row[x - 1], above[x], above[x - 1])
            row[x] &= 0xFFFF
        rows.append(row)
    return np.array(rows)


def _predicted(predictor: int, left: int, above: int, corner: int) -> int:
    """Table H.1; the first, ``left``, is dealt with for all pixels at once."""
    match predictor:
        case 2:
            return above
        case 3:
            return corner
        case 4:
            return left + above - corner
        case 5:
            return left + ((above - corner) >> 1)
        case 6:
            return above + ((left - corner) >> 1)
        case _:
            return (left + above) >> 1
