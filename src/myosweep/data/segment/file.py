"""Files of Medviso Segment as plain dicts of arrays, whichever MATLAB container holds them."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py  # type: ignore[import-untyped]

from myosweep.data.quiet import quiet
from myosweep.data.segment.v7 import read_v7
from myosweep.data.segment.v73 import read_v73
from myosweep.data.segment.values import Fields, Wanted
from myosweep.errors import DatasetError

VARIABLES = ("setstruct", "SEG")
"""What a full save and a segmentation-only export call their stacks."""


def read_stacks(path: Path, wanted: Wanted) -> tuple[str, list[Fields]]:
    """The name of the variable, one of ``VARIABLES``, and the fields of each stack in it.

    Arrays have MATLAB's order of axes and lack the trailing axes of length 1 that MATLAB drops;
    logical ones are bool. A struct is a list of dicts. Fields that are missing, cells, objects,
    functions and sparse matrices are left out; an empty array has the shape (0, 0), an empty text
    is one, and an empty struct is an empty list.

    Raises:
        DatasetError: if it is no such file, or is damaged, or says that it is far too large.
    """
    with _readable():
        read = read_v73 if h5py.is_hdf5(path) else read_v7
        name, stacks = read(path, wanted, _variable)
    if not stacks:
        raise DatasetError("holds no image stack; leave it out")
    return name, stacks


@contextmanager
def _readable() -> Iterator[None]:
    """Whatever a damaged file makes its reader raise becomes one plain sentence."""
    try:
        with quiet():
            yield
    except DatasetError:
        raise
    except Exception:  # a damaged file can make SciPy and h5py raise anything
        raise DatasetError("cannot be read as a MATLAB file; is it damaged?") from None


def _variable(names: Collection[str]) -> str:
    for name in VARIABLES:
        if name in names:
            return name
    raise DatasetError(
        f"holds neither {VARIABLES[0]!r} nor {VARIABLES[1]!r}, so it is none of Segment's; leave "
        "it out"
    )
