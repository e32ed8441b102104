"""MATLAB's files of version 7.3, which are HDF5, through h5py."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py  # type: ignore[import-untyped]
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

_NUMBERS = {"double", "single", "logical"} | {
    f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)
}


def read_v73(path: Path, wanted: Wanted, choose: Choose) -> tuple[str, list[Fields]]:
    """As ``read_v7``, from a file of version 7.3; of its arrays only the wanted ones are read."""
    with h5py.File(path, "r") as file:
        name = choose(list(file))
        found = _child(file, name)
        if not _is_struct(found):
            raise DatasetError(f"holds a {name!r} that is no struct; is it damaged?")
        return name, _structs_v73(found, wanted)


def _is_struct(found: h5py.Group | h5py.Dataset | None) -> bool:
    return found is not None and _class(found) == "struct"


def _class(found: h5py.Group | h5py.Dataset) -> str:
    kind = found.attrs.get("MATLAB_class", b"")
    return kind.decode("ascii", "replace") if isinstance(kind, bytes) else str(kind)


def _child(group: h5py.Group, name: str) -> h5py.Group | h5py.Dataset | None:
    """What a group itself holds under a name; links to other files are not followed."""
    if not isinstance(group.get(name, getlink=True), h5py.HardLink):
        return None
    found = group[name]
    return found if isinstance(found, h5py.Group | h5py.Dataset) else None


def _structs_v73(found: h5py.Group | h5py.Dataset, wanted: Wanted) -> list[Fields]:
    """One struct is a group of its fields; of several, each field is a dataset of references."""
    if isinstance(found, h5py.Dataset):
        return []  # an empty one
    fields = {name: _child(found, name) for name in wanted.fields}
    present = {name: field for name, field in fields.items() if field is not None}
    listed = {name: field for name, field in present.items() if _is_list(field)}
    if not listed:
        return [_fields_v73(present, wanted) if wanted.stack in (None, 0) else {}]
    counts = {field.size for field in listed.values()}
    if len(counts) > 1 or len(listed) < len(present):
        raise DatasetError("has fields of different length in one struct; is it damaged?")
    check_count(max(counts))
    references = {name: field[()].ravel().tolist() for name, field in listed.items()}
    return [
        _fields_v73(
            {name: found.file[each[number]] for name, each in references.items() if each[number]},
            wanted,
        )
        if wanted.stack in (None, number)
        else {}
        for number in range(max(counts))
    ]


def _is_list(field: h5py.Group | h5py.Dataset) -> bool:
    """Whether it holds a struct's field for each element; a cell array says that it is one."""
    if not isinstance(field, h5py.Dataset) or _class(field):
        return False
    return h5py.check_ref_dtype(field.dtype) is h5py.Reference and not _is_elsewhere(field)


def _is_elsewhere(field: h5py.Dataset) -> bool:
    """Whether its values lie in other files, which are none of ours."""
    return bool(field.external) or field.is_virtual


def _fields_v73(found: Mapping[str, Any], wanted: Wanted) -> Fields:
    fields = {name: _value_v73(name, field, wanted) for name, field in found.items()}
    return {name: value for name, value in fields.items() if value is not None}


def _value_v73(name: str, field: Any, wanted: Wanted) -> Value | None:
    kind = _class(field)
    if kind == "struct":
        if wanted.nested:
            return None
        return _structs_v73(field, wanted.inside)
    if not isinstance(field, h5py.Dataset) or kind not in _NUMBERS | {"char"}:
        return None
    if _is_elsewhere(field):
        raise DatasetError(f"keeps its {name} in another file; save it again in one")
    if field.attrs.get("MATLAB_empty", 0):
        return "" if kind == "char" else as_matlab(name, np.zeros((0, 0)), wanted)
    return _stored(name, field, kind, wanted)


def _stored(name: str, field: h5py.Dataset, kind: str, wanted: Wanted) -> Value:
    """The values of a dataset, with its axes turned round."""
    dtype = np.dtype(bool) if kind == "logical" else field.dtype.newbyteorder("=")
    if name in wanted.sizes and kind != "char":
        return Extent(dropped(field.shape[::-1]), dtype)
    check_extent(name, field.shape)
    values = field[()].T
    if kind == "char":
        return values.ravel(order="F").astype("<u2").tobytes().decode("utf-16-le", "replace")
    return as_matlab(name, values.astype(dtype, copy=False), wanted)
