"""Numbers and lists in sentences."""

from collections.abc import Sequence

_SHOWN = 3


def count(number: int, thing: str, plural: str = "") -> str:
    """A number and its thing.

    >>> count(1, "slice"), count(1200, "slice"), count(2, "copy", "copies")
    ('1 slice', '1,200 slices', '2 copies')
    """
    return f"{number:,} {thing if number == 1 else plural or thing + 's'}"


def some(names: Sequence[str]) -> str:
    """The first few of many names.

    >>> some(["a", "b"]), some(["a", "b", "c", "d", "e"])
    ('a and b', 'a, b, c and 2 more')
    """
    if len(names) > _SHOWN:
        return f"{', '.join(names[:_SHOWN])} and {len(names) - _SHOWN:,} more"
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else list(names))


def percent(share: float, digits: int = 0) -> str:
    """A share in percent; what is not none is never shown as none.

    >>> percent(0.123), percent(0.0004), percent(0.0)
    ('12 %', 'below 1 %', '0 %')
    """
    if 0 < share < 0.5 * 10 ** (-digits - 2):
        return f"below {10**-digits:.{digits}f} %"
    return f"{100 * share:.{digits}f} %"


def verb(number: int, one: str, many: str) -> str:
    """The form of a verb that fits the number.

    >>> verb(1, "has", "have"), verb(2, "has", "have")
    ('has', 'have')
    """
    return one if number == 1 else many
