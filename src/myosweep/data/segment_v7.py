"""MATLAB's files of versions 5 to 7 through SciPy, which takes sizes on trust."""

import zlib
from collections.abc import Callable, Collection
from math import prod
from pathlib import Path
from typing import IO, Any

import numpy as np
from scipy.io import loadmat, whosmat
from scipy.io.matlab import MatlabFunction, MatlabObject, MatlabOpaque

from myosweep.data.segment_values import Fields, Value, Wanted, as_matlab, check_count
from myosweep.errors import DatasetError

Choose = Callable[[Collection[str]], str]
_MOST_BYTES = 2**31
"""Of one variable: MATLAB itself writes no more."""
_HEADER_BYTES = 128
_TAG_BYTES = 8
_COMPRESSED, _MATRIX = 15, 14


def read_v7(path: Path, wanted: Wanted, choose: Choose) -> tuple[str, list[Fields]]:
    """A variable's name, and its elements, from a file of version 5 to 7.

    Args:
        choose: picks one of the variables' names.

    Raises:
        DatasetError: if the file is of another version, or says that it is far too large.
    """
    with path.open("rb") as file:
        order = _check_v5(file)
    kinds = {name: (shape, kind) for name, shape, kind in whosmat(path, appendmat=False)}
    name = choose(kinds)
    shape, kind = kinds[name]
    if kind != "struct":
        raise DatasetError(f"holds a {name!r} that is no struct; is it damaged?")
    check_count(prod(shape))
    # Texts are written in 16 bits; SciPy takes the halves of some for UTF-8 unless it is told.
    codec = {"little": "utf-16-le", "big": "utf-16-be"}[order]
    content = loadmat(
        path,
        appendmat=False,
        variable_names=[name],
        mat_dtype=True,
        uint16_codec=codec,  # type: ignore[call-arg]
    )
    return name, _structs_v7(content[name], wanted)


def _check_v5(file: IO[bytes]) -> str:
    """The order of bytes; SciPy would also read older versions, and take memory on trust.

    Raises:
        DatasetError: if the file is of no version 5 to 7, or a variable would be too large.
    """
    head = file.read(_HEADER_BYTES)
    order = {b"IM": "little", b"MI": "big"}.get(head[126:128])
    if order is None or int.from_bytes(head[124:126], order) != 0x0100:  # type: ignore[arg-type]
        raise DatasetError("is no MATLAB file of version 5 or later; is it damaged?")
    while len(tag := file.read(_TAG_BYTES)) == _TAG_BYTES:
        kind, size = _tag(tag, order)
        start = file.tell()
        inner = kind, size
        if kind == _COMPRESSED:
            inner = _tag(zlib.decompressobj().decompress(file.read(1024), _TAG_BYTES), order)
        if inner[0] != _MATRIX:
            raise DatasetError("cannot be read as a MATLAB file; is it damaged?")
        if inner[1] > _MOST_BYTES:
            raise DatasetError(f"says that a variable has {inner[1]} bytes; is it damaged?")
        file.seek(start + size)
    return order


def _tag(content: bytes, order: Any) -> tuple[int, int]:
    return int.from_bytes(content[:4], order), int.from_bytes(content[4:8], order)


def _structs_v7(array: np.ndarray, wanted: Wanted) -> list[Fields]:
    elements = array.ravel(order="F")
    names = [name for name in array.dtype.names or () if name in wanted.fields]
    return [
        _fields_v7(element, names, wanted) if wanted.stack in (None, number) else {}
        for number, element in enumerate(elements)
    ]


def _fields_v7(element: Any, names: Collection[str], wanted: Wanted) -> Fields:
    fields = {name: _value_v7(name, element[name], wanted) for name in names}
    return {name: value for name, value in fields.items() if value is not None}


def _value_v7(name: str, value: Any, wanted: Wanted) -> Value | None:
    skipped = isinstance(value, MatlabObject | MatlabOpaque | MatlabFunction)
    if skipped or not isinstance(value, np.ndarray):
        return None
    if value.dtype.names:
        if wanted.nested:
            return None
        return _structs_v7(value, wanted.inside)
    if value.dtype.kind == "U":
        return "".join(value.ravel(order="F").tolist())
    if value.dtype.kind not in "biufc":
        return None
    return as_matlab(name, value, wanted)
