"""What a MATLAB file holds, as NumPy has it: the rules that both containers share."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from myosweep.errors import DatasetError

MOST_VALUES = 2**27
"""Of one array; whatever says it has more is damaged, hostile or no LGE stack."""
_MOST_STACKS = 1000


@dataclass(frozen=True)
class Extent:
    """The shape and type of an array that was not read."""

    shape: tuple[int, ...]
    dtype: np.dtype


Value = Any
"""An array in MATLAB's order of axes, a text, a list of structs, or an ``Extent``."""
Fields = Mapping[str, Value]
Choose = Callable[[Collection[str]], str]
"""Which of a file's variables to read, by their names."""


@dataclass(frozen=True)
class Wanted:
    """What to take of a file; everything else is passed over.

    Args:
        fields: names of fields, of a stack or of a struct in it.
        sizes: those of them that need not be read: an ``Extent`` stands for an array.
        stack: the only stack to read (counted from 0), for the others an empty dict stands.
        nested: whether it is about a struct in a stack.
    """

    fields: Collection[str]
    sizes: Collection[str] = ()
    stack: int | None = None
    nested: bool = False

    @property
    def inside(self) -> "Wanted":
        """What is wanted of a struct in a stack: all its elements, but no structs in them."""
        return Wanted(self.fields, self.sizes, nested=True)


def check_count(count: int) -> None:
    """Refuse a struct array whose length cannot be true."""
    if count > _MOST_STACKS:
        raise DatasetError(f"says it has {count} image stacks; is it damaged?")


def check_extent(name: str, shape: tuple[int, ...]) -> None:
    """Refuse an array, before memory is asked for, whose size cannot be true."""
    if prod(shape) > MOST_VALUES:
        size = " x ".join(map(str, shape))
        raise DatasetError(f"says that its {name} has {size} values; is it damaged?")


def as_matlab(name: str, value: np.ndarray, wanted: Wanted) -> np.ndarray | Extent:
    """An array with MATLAB's axes and in this machine's order of bytes, or its extent alone."""
    shape = dropped(value.shape)
    if name in wanted.sizes:
        return Extent(shape, value.dtype.newbyteorder("="))
    check_extent(name, shape)
    if value.size == 0:
        return np.zeros((0, 0))
    return value.reshape(shape, order="F").astype(value.dtype.newbyteorder("="), copy=False)


def dropped(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Without trailing axes of length 1, as MATLAB has it; two axes remain."""
    while len(shape) > 2 and shape[-1] == 1:
        shape = shape[:-1]
    return (*shape, 1, 1)[: max(len(shape), 2)]
