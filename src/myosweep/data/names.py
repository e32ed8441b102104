"""Patient and slice from a file name: what the user's pattern matches is kept, nothing else."""

import re
from collections.abc import Iterable
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

    The patient is the group ``(?P<patient>...)``, else the first group that is not the slice, else
    the whole match. The slice is the group ``(?P<slice>...)``, else a running number in the natural
    order of names.

    Raises:
        ConfigError: if ``text`` is no regular expression, or has no group but the slice.
    """

    text: str

    def __post_init__(self) -> None:
        way_out = r"write for instance --patient '(?P<patient>P\d+)_(?P<slice>\d+)'"
        try:
            groups = re.compile(self.text).groups
        except re.error as error:
            raise ConfigError(
                f"the patient pattern {self.text!r} is not a regular expression: {error}; {way_out}"
            ) from None
        if groups == 1 and self.names_slices:
            raise ConfigError(
                f"the patient pattern {self.text!r} has a group for the slice, but none for the "
                f"patient; {way_out}"
            )

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
        patient_group = _patient_group(pattern)
        found: dict[str, SliceName] = {}
        unmatched: list[str] = []
        counts: dict[str, int] = {}
        for name in sorted(names, key=natural_key):
            match = pattern.search(name)
            patient = match and match[patient_group]
            label = match["slice"] if match and self.names_slices else None
            if not patient or (self.names_slices and not label):
                unmatched.append(name)
                continue
            number = counts[patient] = counts.get(patient, -1) + 1
            found[name] = SliceName(patient, label or f"{number:03d}")
        return found, unmatched


def _patient_group(pattern: re.Pattern[str]) -> int:
    """Number of the group that is the patient; 0, the whole match, where there is no group."""
    others = (n for n in range(1, pattern.groups + 1) if n != pattern.groupindex.get("slice"))
    return pattern.groupindex.get("patient") or next(others, 0)


def natural_key(name: str) -> tuple[tuple[int, int | str], ...]:
    """Sort key that puts ``slice2`` before ``slice10``; no two names have the same key.

    >>> sorted(["s10", "s2"], key=natural_key)
    ['s2', 's10']
    """
    pieces = re.split(r"(\d+)", name)
    numbered = ((0, int(p)) if p.isdecimal() else (1, p) for p in pieces if p)
    return (*numbered, (-1, name))
