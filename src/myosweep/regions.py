"""Regions by name over label codes by number: the only place where a label is an integer.

A *code* is the number that a mask file holds. A *region* is a named set of codes. A *scheme* is an
ordered list of regions, plus the codes that are ignored. Networks and metrics see *region maps*:
``uint8`` arrays that hold a region's position in its scheme, or ``NO_REGION``.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Integer, UInt8, UInt16

from myosweep.errors import ConfigError

NO_REGION = 255
"""In a region map: ignored (reference), or no answer (prediction of a network that diverged)."""


@dataclass(frozen=True)
class Region:
    """A named set of label codes.

    >>> Region("myocardium", (2, 3, 4)).codes
    (2, 3, 4)
    """

    name: str
    codes: tuple[int, ...]


@dataclass(frozen=True)
class RegionScheme:
    """Regions in their order, and the codes that training and metrics ignore.

    Raises:
        ConfigError: if a name or a code stands twice, or there are fewer than two regions.
    """

    regions: tuple[Region, ...]
    ignored: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if problems := list(_scheme_problems(self)):
            raise ConfigError(problems, "the regions cannot be used")

    @classmethod
    def from_mapping(
        cls, codes_by_name: Mapping[str, Sequence[int]], ignored: Sequence[int] = ()
    ) -> "RegionScheme":
        """Build a scheme from ``{name: codes}``, in that order."""
        regions = tuple(Region(name, tuple(codes)) for name, codes in codes_by_name.items())
        return cls(regions, tuple(ignored))

    @classmethod
    def parse(cls, definitions: Iterable[str], ignored: Sequence[int] = ()) -> "RegionScheme":
        """Read definitions as a command line gives them.

        >>> RegionScheme.parse(["background=0", "blood pool=1", "myocardium=2,3,4"]).names
        ('background', 'blood pool', 'myocardium')
        """
        codes_by_name: dict[str, tuple[int, ...]] = {}
        problems: list[str] = []
        for definition in definitions:
            name, _, codes = (part.strip() for part in definition.partition("="))
            try:
                parsed = parse_codes(codes)
            except ConfigError:
                parsed = ()
            if not (name and parsed):
                problems.append(
                    f"a region is NAME=CODES, got {definition!r}; write for instance "
                    '--region "myocardium=2,3,4"'
                )
            elif name in codes_by_name:
                problems.append(f"region {name!r} is given twice; put all its codes in one")
            else:
                codes_by_name[name] = parsed
        if problems:
            raise ConfigError(problems, "the regions cannot be used")
        return cls.from_mapping(codes_by_name, ignored)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(region.name for region in self.regions)

    @property
    def codes(self) -> frozenset[int]:
        """All codes that the scheme knows, the ignored ones included."""
        return frozenset(self.ignored).union(*(region.codes for region in self.regions))

    def as_mapping(self) -> dict[str, list[int]]:
        return {region.name: list(region.codes) for region in self.regions}

    def index(self, name: str) -> int:
        """Position of the region with this name.

        Raises:
            ConfigError: if there is none.
        """
        if name not in self.names:
            raise ConfigError(
                f"there is no region {name!r}; the regions are {', '.join(map(repr, self.names))}"
            )
        return self.names.index(name)

    def unknown_codes(self, labels: Integer[np.ndarray, "..."]) -> tuple[int, ...]:
        """Codes in ``labels`` that the scheme does not know, ascending; empty if all are known."""
        return tuple(sorted(set(np.unique(labels).tolist()) - self.codes))

    def encode(
        self, labels: UInt8[np.ndarray, "*shape"] | UInt16[np.ndarray, "*shape"]
    ) -> UInt8[np.ndarray, "*shape"]:
        """Region map of label codes; ignored codes (and unknown ones) become ``NO_REGION``."""
        table = np.full(np.iinfo(labels.dtype).max + 1, NO_REGION, np.uint8)
        for position, region in enumerate(self.regions):
            table[[code for code in region.codes if code < len(table)]] = position
        return table[labels]

    def grey_levels(self) -> tuple[int, ...]:
        """One grey level per region for drawing: white first, black last, as in the paper.

        >>> RegionScheme.parse(["background=255", "blood pool=128", "myocardium=0"]).grey_levels()
        (255, 128, 0)
        """
        last = len(self.regions) - 1
        return tuple(int(255 * (last - position) / last + 0.5) for position in range(last + 1))


def parse_codes(text: str) -> tuple[int, ...]:
    """Codes from a text; none from an empty one.

    Raises:
        ConfigError: if it is no list of whole numbers.

    >>> parse_codes("2,3,4")
    (2, 3, 4)
    """
    try:
        return tuple(int(code) for code in text.split(",")) if text.strip() else ()
    except ValueError:
        raise ConfigError(
            f"codes are whole numbers with commas between, got {text!r}; write for instance 2,3,4"
        ) from None


def free_code(used: Iterable[int], dtype: np.dtype) -> int:
    """The largest code that ``dtype`` can hold and that is not used; padding gets it.

    Raises:
        ConfigError: if there is none.

    >>> free_code([255, 128, 0], np.dtype(np.uint8))
    254
    """
    taken = set(used)
    largest = int(np.iinfo(dtype).max)
    free = next((code for code in range(largest, -1, -1) if code not in taken), None)
    if free is None:
        raise ConfigError(
            f"padding needs a code that no region has, and all of 0..{largest} are taken; give "
            "fewer codes or a smaller --crop"
        )
    return free


def _scheme_problems(scheme: RegionScheme) -> Iterable[str]:
    if len(scheme.regions) < 2:
        yield f"at least two regions are needed, got {len(scheme.regions)}"
    if len(scheme.regions) >= NO_REGION:
        yield f"at most {NO_REGION - 1} regions are possible, got {len(scheme.regions)}"
    names = [region.name for region in scheme.regions]
    for name in dict.fromkeys(names):
        if not name.strip():
            yield f"a region needs a name, got {name!r}"
        if names.count(name) > 1:
            yield f"region {name!r} stands twice"
    groups = [(f"region {region.name!r}", region.codes) for region in scheme.regions]
    yield from (f"{group} has no codes" for group, codes in groups if not codes)
    owners: dict[int, str] = {}
    for group, codes in [*groups, ("the list of ignored codes", scheme.ignored)]:
        for code in codes:
            if not 0 <= code <= np.iinfo(np.uint16).max:
                yield f"codes lie in 0..65535, {group} has {code}"
            if code in owners:
                yield f"code {code} is in {owners[code]} and again in {group}; keep it in one"
            owners[code] = group
