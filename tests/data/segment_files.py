"""Files as Medviso Segment saves them, in both of MATLAB's containers, from the format's facts."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from scipy.io import savemat
from scipy.io.matlab import MatlabObject

SECRETS = {
    "Name": "SECRETNAME^ANNA",
    "ID": "SECRETID4711",
    "BirthDate": "SECRETBIRTH19610203",
    "Institution": "SECRETCLINIC",
}
PATHS = {name: f"C:\\SECRETPATH\\{name}" for name in ("FileName", "PathName", "OrigFileName")}
EMPTY = np.zeros((0, 0))
ROWS, COLUMNS = 20, 24

Stack = dict[str, Any]


@dataclass(frozen=True)
class Thing:
    """A MATLAB object of some class."""

    name: str


def rectangle(top: float, bottom: float, left: float, right: float) -> np.ndarray:
    """A closed outline of 80 points (row, column), counted from 0 at the first pixel's centre."""
    corners = np.array([(top, left), (top, right), (bottom, right), (bottom, left), (top, left)])
    at = np.concatenate([np.arange(0, 3, 0.05), np.linspace(3, 4, 20)])
    return np.stack([np.interp(at, range(5), corners[:, axis]) for axis in (0, 1)], 1)


def ellipse(centre_yx: tuple[float, float], radii_yx: tuple[float, float]) -> np.ndarray:
    angle = np.linspace(0, 2 * np.pi, 80)
    waves = np.stack([np.sin(angle), np.cos(angle)], 1)
    return np.array(centre_yx) + np.array(radii_yx) * waves


ENDO, EPI = rectangle(7.5, 11.5, 8.5, 14.5), rectangle(4.5, 14.5, 5.5, 17.5)
RIGHT = rectangle(4.5, 14.5, 0.5, 4.5)


def contours(
    name: str, outlines: Mapping[int, np.ndarray], slices: int, frames: int = 1, frame: int = 0
) -> Stack:
    """The fields of one structure: X is the row, Y the column, both counted from 1."""
    places = np.full((2, 80, frames, slices), np.nan)
    for at, outline in outlines.items():
        places[:, :, frame, at] = outline.T + 1
    return {f"{name}X": places[0], f"{name}Y": places[1]}


def stack(
    slices: int = 4, frames: int = 1, drawn: Sequence[int] = (0, 1, 2), **fields: Any
) -> Stack:
    """A late-enhancement short-axis stack of noise with two rectangles; ``fields`` replace its own.

    A field that is None is missing.
    """
    rng = np.random.default_rng(slices)
    known: Stack = {
        "IM": rng.random((ROWS, COLUMNS, frames, slices)).astype(np.float32),
        "XSize": ROWS,
        "YSize": COLUMNS,
        "TSize": frames,
        "ZSize": slices,
        "ResolutionX": 1.5,
        "ResolutionY": 1.5,
        "SliceThickness": 8,
        "SliceGap": 2,
        "IntensityScaling": EMPTY,
        "IntensityOffset": EMPTY,
        "ImageType": "Late enhancement",
        "ImageViewPlane": "Short-axis",
        "Scanner": "Siemens",
        "Rotated": np.array([[False]]),
        "Scar": EMPTY,
        "LevelSet": Thing("LevelSet"),
        "PatientInfo": dict(SECRETS),
        "RVEndoX": EMPTY,
        "RVEndoY": EMPTY,
        **PATHS,
        **contours("Endo", dict.fromkeys(drawn, ENDO), slices, frames),
        **contours("Epi", dict.fromkeys(drawn, EPI), slices, frames),
    }
    return {name: value for name, value in (known | fields).items() if value is not None}


def cine(**fields: Any) -> Stack:
    return stack(slices=3, frames=2, drawn=(), ImageType="Cine", **fields)


def scar(slices: int = 4, **arrays: Any) -> Stack:
    """A scar's fields: logical (row, column, slice), and a grey zone of another size."""
    nothing = np.zeros((ROWS, COLUMNS, slices), bool)
    own: Stack = dict.fromkeys(("Auto", "Result", "NoReflow", "MyocardMask"), nothing)
    own |= {"Manual": nothing.astype(np.int8), "GreyZone": {"map": np.ones((40, 48, slices))}}
    return {name: value for name, value in (own | arrays).items() if value is not None}


# Containers


def write_v7(
    path: Path, stacks: Sequence[Stack], variable: str = "setstruct", **options: Any
) -> Path:
    """Version 7, which is version 5 with compression."""
    options = {"do_compression": True, "long_field_names": True, **options}
    info = {"Name": SECRETS["Name"]}
    savemat(path, {"info": info, variable: _structs(stacks)}, appendmat=False, **options)
    return path


def write_v73(path: Path, stacks: Sequence[Stack], variable: str = "setstruct") -> Path:
    """Version 7.3: HDF5 behind 512 bytes of MATLAB's own."""
    with h5py.File(path, "w", userblock_size=512) as file:
        file.create_group("#refs#")
        _put(file, "info", {"Name": SECRETS["Name"]})
        _put(file, variable, list(stacks))
    head = b"MATLAB 7.3 MAT-file, Platform: PCWIN64, HDF5 schema 1.00 .".ljust(116) + bytes(8)
    with path.open("r+b") as content:
        content.write(head + (0x0200).to_bytes(2, "little") + b"IM")
    return path


Write = Callable[..., Path]
CONTAINERS: dict[str, Write] = {"v7": write_v7, "v7.3": write_v73}


def _array(value: Any) -> np.ndarray:
    """As MATLAB has it: at least two axes, and none of length 1 behind them."""
    array = np.atleast_2d(np.asarray(value, float if isinstance(value, int | float) else None))
    while array.ndim > 2 and array.shape[-1] == 1:
        array = array[..., 0]
    return array


def _structs(stacks: Sequence[Stack]) -> np.ndarray:
    names = list(dict.fromkeys(name for one in stacks for name in one))
    made = np.empty((1, len(stacks)), [(name, object) for name in names])
    for at, one in enumerate(stacks):
        for name in names:
            made[0, at][name] = _v7(one.get(name, EMPTY))
    return made


def _v7(value: Any) -> Any:
    if isinstance(value, Thing):
        return MatlabObject(np.array([[(1.0,)]], [("Level", object)]), value.name)
    if isinstance(value, dict | list):
        return _structs([value] if isinstance(value, dict) else value)
    return value if isinstance(value, str) else _array(value)


def _put(group: h5py.Group, name: str, value: Any) -> h5py.Group | h5py.Dataset:
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, Thing):
        made = group.create_dataset(name, data=np.array([[0xDD000000, 2, 1, 1, 1, 1]], np.uint32))
        made.attrs["MATLAB_object_decode"] = np.int32(3)
        kind = value.name
    elif isinstance(value, dict | list):
        made, kind = group.create_group(name), "struct"
        for field, content in (_of_all(group, value) if isinstance(value, list) else value).items():
            if isinstance(value, list):
                made.create_dataset(field, data=content, dtype=h5py.ref_dtype)
            else:
                _put(made, field, content)
    else:
        made, kind = _put_array(group, name, value)
    made.attrs["MATLAB_class"] = np.bytes_(kind)
    return made


def _of_all(group: h5py.Group, stacks: Sequence[Stack]) -> dict[str, np.ndarray]:
    """References to each field of all elements of a struct array; its axes are reversed too."""
    refs = group.file["#refs#"]
    names = dict.fromkeys(name for one in stacks for name in one)
    found = {name: np.empty((len(stacks), 1), h5py.ref_dtype) for name in names}
    for at, one in enumerate(stacks):
        for name in names:
            found[name][at, 0] = _put(refs, f"r{len(refs)}", one.get(name, EMPTY)).ref
    return found


def _put_array(group: h5py.Group, name: str, value: Any) -> tuple[h5py.Dataset, str]:
    if isinstance(value, str):
        units = np.frombuffer(value.encode("utf-16-le"), np.uint16)[:, None]
        array, kind, decode = units.T, "char", 2
    else:
        array, decode = _array(value), 0
        kind = {"float64": "double", "float32": "single", "bool": "logical"}.get(
            array.dtype.name, array.dtype.name
        )
        if kind == "logical":
            array, decode = array.astype(np.uint8), 1
    if array.size == 0:
        made = group.create_dataset(name, data=np.array(array.shape, np.uint64))
        made.attrs["MATLAB_empty"] = np.uint8(1)
    else:
        made = group.create_dataset(name, data=np.ascontiguousarray(array.T))
    if decode:
        made.attrs["MATLAB_int_decode"] = np.int32(decode)
    return made, kind
