"""MATLAB's files of versions 5 to 7, by MathWorks' published format.

SciPy reads them too, but trusts their numbers: some damaged files end the whole program.
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import IO, Literal

import numpy as np

from myosweep.data.segment.values import (
    Choose,
    Extent,
    Fields,
    Value,
    Wanted,
    as_matlab,
    check_count,
    check_extent,
    dropped,
)
from myosweep.errors import DatasetError

Order = Literal["little", "big"]
_MOST_BYTES = 2**31
"""Of one variable: MATLAB itself writes no more."""
_HEADER_BYTES = 128
_PEEKED_BYTES = 2048
"""From the beginning of a compressed variable; its name lies there."""
_MATRIX, _COMPRESSED = 14, 15
_STORED = dict(enumerate(["i1", "u1", "i2", "u2", "i4", "u4", "f4"], 1))
_STORED |= {9: "f8", 12: "i8", 13: "u8"}
"""NumPy's names of the types in which numbers are stored; MATLAB takes the smallest that holds."""
_NUMBERS = dict(enumerate(["f8", "f4", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8"], 6))
"""And of the types that they have in MATLAB."""
_STRUCT, _CHAR = 2, 4
_TEXTS = {1: "latin-1", 2: "latin-1", 4: "utf-16", 16: "utf-8", 17: "utf-16"}
_IS_LOGICAL, _IS_COMPLEX = 0x02, 0x08


class _Damage(Exception):
    """The bytes contradict themselves."""


@dataclass
class _Bytes:
    """Elements one after the other; ``at`` is where the next one begins."""

    content: memoryview
    order: Order
    at: int = 0

    @property
    def is_over(self) -> bool:
        return self.at >= len(self.content)

    def element(self) -> tuple[int, memoryview]:
        """The type and the content of the next element."""
        kind, size = self._number(self.at), self._number(self.at + 4)
        start, short = self.at + 8, kind >> 16
        if short:  # up to 4 bytes, in the tag itself
            kind, size, start = kind & 0xFFFF, short, self.at + 4
        end = start + size
        if end > len(self.content) or short > 4:
            raise _Damage
        self.at = start + 4 if short else end + -end % 8
        return kind, self.content[start:end]

    def numbers(self) -> np.ndarray:
        """The next element's, as they are stored."""
        kind, content = self.element()
        if kind not in _STORED:
            raise _Damage
        dtype = np.dtype(_STORED[kind]).newbyteorder("<" if self.order == "little" else ">")
        return np.frombuffer(content, dtype)

    def _number(self, at: int) -> int:
        if at + 4 > len(self.content):
            raise _Damage
        return int.from_bytes(self.content[at : at + 4], self.order)


@dataclass
class _Matrix:
    """An array of any kind up to where its values begin."""

    kind: int
    flags: int
    shape: tuple[int, ...]
    name: str
    rest: _Bytes

    @classmethod
    def read(cls, content: memoryview, order: Order) -> "_Matrix":
        """Its flags, shape and name; of kinds that are passed over, the flags alone."""
        rest = _Bytes(content, order)
        if rest.is_over:
            return cls(6, 0, (0, 0), "", rest)  # an empty array in its shortest form
        flags = rest.numbers()
        if len(flags) < 1:
            raise _Damage
        kind = int(flags[0]) & 0xFF
        if kind not in _NUMBERS and kind not in (_STRUCT, _CHAR):
            return cls(kind, 0, (0, 0), "", rest)
        shape = tuple(rest.numbers().tolist())
        if len(shape) < 2 or min(shape) < 0:
            raise _Damage
        name = bytes(rest.element()[1]).decode("latin-1")
        return cls(kind, int(flags[0]) >> 8, shape, name, rest)


def read_v7(path: Path, wanted: Wanted, choose: Choose) -> tuple[str, list[Fields]]:
    """A variable's name, and its elements, from a file of version 5 to 7.

    Args:
        choose: picks one of the variables' names.

    Raises:
        DatasetError: if the file is of another version, or says that it is far too large.
    """
    with path.open("rb") as file:
        order = _order(file.read(_HEADER_BYTES))
        places = {name: at for at, name in _variables(file, order)}
        name = choose(list(places))
        file.seek(places[name])
        matrix = _Matrix.read(_content(file, order), order)
    if matrix.kind != _STRUCT:
        raise DatasetError(f"holds a {name!r} that is no struct; is it damaged?")
    return name, _structs(matrix, wanted)


def _order(head: bytes) -> Order:
    order: Order = "big" if head[126:128] == b"MI" else "little"
    if len(head) < _HEADER_BYTES or int.from_bytes(head[124:126], order) != 0x0100:
        raise DatasetError("is no MATLAB file of version 5 or later; is it damaged?")
    return order


def _variables(file: IO[bytes], order: Order) -> Iterator[tuple[int, str]]:
    """Place and name of each variable; what else there is has an empty name."""
    end = file.seek(0, 2)
    at = _HEADER_BYTES
    while at + 8 <= end:
        file.seek(at)
        kind, size = (int.from_bytes(file.read(4), order) for _ in range(2))
        if at + 8 + size > end:
            raise _Damage
        content = file.read(min(size, _PEEKED_BYTES))
        if kind == _COMPRESSED:
            content = zlib.decompressobj().decompress(content, _PEEKED_BYTES)[8:]
        elif kind != _MATRIX:
            raise _Damage
        yield at, _Matrix.read(memoryview(content), order).name
        at += 8 + size
    if at != end:
        raise _Damage


def _content(file: IO[bytes], order: Order) -> memoryview:
    """What the variable at this place holds, decompressed."""
    kind, size = (int.from_bytes(file.read(4), order) for _ in range(2))
    if kind != _COMPRESSED:
        return memoryview(file.read(size))
    unpack = zlib.decompressobj()
    head = unpack.decompress(file.read(min(size, _PEEKED_BYTES)), 8)
    inner, length = int.from_bytes(head[:4], order), int.from_bytes(head[4:8], order)
    if length > _MOST_BYTES:
        raise DatasetError(f"says that a variable has {length} bytes; is it damaged?")
    rest = unpack.unconsumed_tail + file.read(max(size - _PEEKED_BYTES, 0))
    content = unpack.decompress(rest, length + 1)
    if inner != _MATRIX or len(content) != length or not unpack.eof:
        raise _Damage
    return memoryview(content)


def _structs(matrix: _Matrix, wanted: Wanted) -> list[Fields]:
    """The elements of a struct array, each with all its fields in their order."""
    count = prod(matrix.shape)
    check_count(count)
    width = matrix.rest.numbers()
    names = bytes(matrix.rest.element()[1])
    step = int(width[0]) if len(width) == 1 else 0
    if step < 1 or len(names) % step:
        raise _Damage
    fields = [
        names[start : start + step].split(b"\0")[0].decode("latin-1")
        for start in range(0, len(names), step)
    ]
    return [_fields(matrix.rest, fields, wanted, number) for number in range(count)]


def _fields(rest: _Bytes, names: list[str], wanted: Wanted, number: int) -> Fields:
    found: dict[str, Value] = {}
    for name in names:
        kind, content = rest.element()
        if kind != _MATRIX:
            raise _Damage
        if name in wanted.fields and wanted.stack in (None, number):
            value = _value(name, _Matrix.read(content, rest.order), wanted)
            if value is not None:
                found[name] = value
    return found


def _value(name: str, matrix: _Matrix, wanted: Wanted) -> Value | None:
    if matrix.kind == _STRUCT:
        return None if wanted.nested else _structs(matrix, wanted.inside)
    if matrix.kind == _CHAR:
        return _text(matrix)
    if matrix.kind not in _NUMBERS:
        return None
    dtype = np.dtype(bool if matrix.flags & _IS_LOGICAL else _NUMBERS[matrix.kind])
    if name in wanted.sizes:
        return Extent(dropped(matrix.shape), dtype)
    if 0 in matrix.shape:
        return np.zeros((0, 0))
    check_extent(name, matrix.shape)
    values = matrix.rest.numbers().astype(dtype)
    if matrix.flags & _IS_COMPLEX:
        values = values + 1j * matrix.rest.numbers()
    if values.size != prod(matrix.shape):
        raise _Damage
    return as_matlab(name, values.reshape(matrix.shape, order="F"), wanted)


def _text(matrix: _Matrix) -> str:
    if 0 in matrix.shape:
        return ""
    kind, content = matrix.rest.element()
    codec = _TEXTS.get(kind, "latin-1")
    if codec == "utf-16":
        codec += "-le" if matrix.rest.order == "little" else "-be"
    return bytes(content).decode(codec, "replace")
