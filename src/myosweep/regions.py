"""Regions by name over label codes by number: the only place where a label is an integer.

A *code* is the number that a mask file holds. A *region* is a named set of codes. A *scheme* is an
ordered list of regions, plus the codes that are ignored. Networks and metrics see *region maps*:
``uint8`` arrays that hold a region's position in its scheme, or ``NO_REGION``.
"""

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Integer, UInt8, UInt16

from myosweep.errors import ConfigError

NO_REGION = 255
"""In a region map: ignored (reference), or no answer (prediction of a network that diverged)."""


LABEL_CODES: dict[str, dict[str, int]] = {
    "myosweep": {
        "background": 0,
        "blood pool": 1,
        "normal myocardium": 2,
        "infarct": 3,
        "no-reflow": 4,
        "right ventricle": 5,
    },
    "emidec": {
        "background": 0,
        "blood pool": 1,
        "normal myocardium": 2,
        "infarct": 3,
        "no-reflow": 4,
    },
    "myops": {
        "background": 0,
        "normal myocardium": 200,
        "blood pool": 500,
        "right ventricle": 600,
        "oedema": 1220,
        "infarct": 2221,
    },
    "acdc": {"background": 0, "right ventricle": 1, "normal myocardium": 2, "blood pool": 3},
    "paper": {"background": 255, "blood pool": 128, "normal myocardium": 0},
}
"""What the numbers in mask files mean, by who wrote them: ours (Segment import), three challenges,
and the grey levels of the paper."""

NAMED_SCHEMES: dict[str, dict[str, tuple[str, ...]]] = {
    "three": {
        "background": ("background", "right ventricle"),
        "blood pool": ("blood pool",),
        "myocardium": ("normal myocardium", "infarct", "no-reflow", "oedema"),
    },
    "five": {
        "background": ("background", "right ventricle"),
        "blood pool": ("blood pool",),
        "normal myocardium": ("normal myocardium", "oedema"),
        "infarct": ("infarct",),
        "no-reflow": ("no-reflow",),
    },
}
"""Regions by name, each of some structures; which codes those are, the source says."""


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


def named_scheme(name: str, codes: str = "myosweep") -> RegionScheme:
    """A scheme of ``NAMED_SCHEMES`` over the codes of one of ``LABEL_CODES``.

    Structures that the source does not tell apart are left out.

    Raises:
        ConfigError: if one of the names is not known, or the source has nothing for a region.

    >>> named_scheme("three", "acdc").as_mapping()
    {'background': [0, 1], 'blood pool': [3], 'myocardium': [2]}
    """
    for value, known in ((name, NAMED_SCHEMES), (codes, LABEL_CODES)):
        if value not in known:
            raise ConfigError(f"known are {', '.join(known)}, got {value!r}; take one of them")
    code_of = LABEL_CODES[codes]
    mapping = {
        region: tuple(code_of[structure] for structure in structures if structure in code_of)
        for region, structures in NAMED_SCHEMES[name].items()
    }
    if missing := [region for region, found in mapping.items() if not found]:
        raise ConfigError(
            f"regions {name!r} need {' and '.join(missing)}, which the codes {codes!r} do not "
            "have; take --regions three, or define yours with --region"
        )
    return RegionScheme.from_mapping(mapping)


def read_scheme(path: Path) -> RegionScheme:
    """A scheme from a TOML file: a table ``[regions]`` of names and codes, and ``ignored``.

    Raises:
        ConfigError: if the file cannot be read or breaks a rule.
    """
    way_out = 'write for instance [regions], background = [0], "blood pool" = [1], myocardium = [2]'
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError:
        raise ConfigError(f"there is no file of regions {path.name!r}; check the path") from None
    except (ValueError, RecursionError):  # no text, no TOML, or numbers and lists without end
        raise ConfigError(f"{path.name!r} is not a TOML file; {way_out}") from None
    regions, ignored = content.get("regions", {}), content.get("ignored", [])
    lists = [*regions.values(), ignored] if isinstance(regions, dict) and regions else [None]
    if set(content) - {"regions", "ignored"} or not all(map(_is_codes, lists)):
        raise ConfigError(
            f"{path.name!r} needs a table [regions] with lists of codes, and may have a list "
            f"'ignored' above it, nothing else; {way_out}"
        )
    if "ignored" in regions:
        raise ConfigError(
            f"{path.name!r} has 'ignored' among its regions; write it above the line [regions]"
        )
    return RegionScheme.from_mapping(regions, ignored)


def _is_codes(value: object) -> bool:
    return isinstance(value, list) and all(type(code) is int for code in value)


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


def parse_structures(definitions: Iterable[str]) -> dict[str, int]:
    """Codes of named structures, as a command line gives them.

    Raises:
        ConfigError: naming every definition that is none, or that stands twice.

    >>> parse_structures(["LV endo=1", "LV epi = 2"])
    {'LV endo': 1, 'LV epi': 2}
    """
    codes: dict[str, int] = {}
    problems = []
    for definition in definitions:
        name, _, code = (part.strip() for part in definition.rpartition("="))
        if not (name and code.isascii() and code.isdecimal()):
            problems.append(
                f"a structure is NAME=CODE, got {definition!r}; write for instance "
                '--structure "LV endo=1"'
            )
        elif name.casefold() in {known.casefold() for known in codes}:
            problems.append(f"structure {name!r} is given twice; keep one")
        else:
            codes[name] = int(code)
    if problems:
        raise ConfigError(problems, "the structures cannot be used")
    return codes


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
