"""Base, middle and apex: thirds of the slices that show the left ventricle."""

from collections.abc import Sequence
from typing import Literal

Apex = Literal["first", "last"]


def ventricle_levels(shows_heart: Sequence[bool], apex: Apex | None) -> list[str | None]:
    """The level of each slice of a stack, from the first slice to the last.

    Thirds of the stretch between the first and the last slice with the ventricle; where it does not
    divide by three, the middle takes the rest. Slices beyond that stretch have no level, nor have
    all of them when nobody knows at which end the apex is, or when there are fewer than three.

    >>> ventricle_levels([False, True, True, True, True, False], "first")
    [None, 'apex', 'middle', 'middle', 'base', None]
    """
    levels: list[str | None] = [None] * len(shows_heart)
    shown = [number for number, shows in enumerate(shows_heart) if shows]
    if apex is None or not shown or shown[-1] - shown[0] < 2:
        return levels
    first, count = shown[0], shown[-1] - shown[0] + 1
    third = count // 3
    names = ["apex"] * third + ["middle"] * (count - 2 * third) + ["base"] * third
    levels[first : first + count] = names if apex == "first" else names[::-1]
    return levels
