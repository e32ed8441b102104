"""Patient and slice from a file name: what the user's pattern matches is kept, nothing else."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from myosweep.errors import ConfigError


@dataclass(frozen=True, order=True)
class SliceName:
    """A slice's patient code and its label within the patient."""

    patient: str
    slice: str

    @property
    def key(self) -> str:
        return f"{self.patient}_{self.slice}"


@dataclass(frozen=True)
class NamePattern:
    """How file names tell patient and slice.

    The patient is the group ``(?P<patient>...)``, else the first group, else the whole match. The
    slice is the group ``(?P<slice>...)``, else a running number in the natural order of names.

    Raises:
        ConfigError: if ``text`` is no regular expression.
    """

    text: str

    def __post_init__(self) -> None:
        try:
            re.compile(self.text)
        except re.error as error:
            raise ConfigError(
                f"the patient pattern {self.text!r} is not a regular expression: {error}; write "
                r"for instance --patient '(?P<patient>P\d+)_(?P<slice>\d+)'"
            ) from None

    @property
    def names_slices(self) -> bool:
        """Whether the slice stands in the name, so that a file alone tells its slice."""
        return "slice" in re.compile(self.text).groupindex

    def read(self, names: Iterable[str]) -> tuple[dict[str, SliceName], list[str]]:
        """The slice of each name that the pattern matches, and the names that it does not.

        Args:
            names: relative paths without ending, such as ``P07/slice_003``.
        """
        pattern = re.compile(self.text)
        found: dict[str, SliceName] = {}
        unmatched: list[str] = []
        counts: dict[str, int] = {}
        for name in sorted(names, key=natural_key):
            match = pattern.search(name)
            groups: Mapping[str, str | None] = match.groupdict() if match else {}
            patient = match and (groups.get("patient") or (match.groups() or (match[0],))[0])
            label = groups.get("slice")
            if not patient or (self.names_slices and not label):
                unmatched.append(name)
                continue
            number = counts[patient] = counts.get(patient, -1) + 1
            found[name] = SliceName(patient, label or f"{number:03d}")
        return found, unmatched


def natural_key(name: str) -> tuple[tuple[int, int | str], ...]:
    """Sort key that puts ``slice2`` before ``slice10``.

    >>> sorted(["s10", "s2"], key=natural_key)
    ['s2', 's10']
    """
    pieces = re.split(r"(\d+)", name)
    return tuple((0, int(piece)) if piece.isdigit() else (1, piece) for piece in pieces if piece)
