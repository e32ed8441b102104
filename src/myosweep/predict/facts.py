"""What a network must bring along to be used: regions, input size, normalisation, provenance."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, model_validator

from myosweep.config import Record, RunSettings, canonical_hash
from myosweep.data.normalise import Normaliser
from myosweep.data.resample import is_plausible
from myosweep.errors import ConfigError, StudyError
from myosweep.regions import RegionScheme

_MOST_BYTES = 2**22
"""Of a file of facts; a real one has some kilobytes."""
_LARGEST_SIDE_PX = 4096


_BRIGHTEST = 65535
"""Of 16-bit images; datasets hold no deeper ones."""


class NormaliserFacts(Record):
    """How pixels become network input, as ``Normaliser`` holds it."""

    kind: Literal["zero-centre", "z-score"]
    low: float
    high: float
    mean: float

    @model_validator(mode="after")
    def _check_range(self) -> "NormaliserFacts":
        if not 0 <= self.low < self.high <= _BRIGHTEST:
            raise ValueError(
                f"low is less than high, and both are grey levels of 0 to {_BRIGHTEST}, got "
                f"{self.low:g} and {self.high:g}"
            )
        return self

    def normaliser(self) -> Normaliser:
        return Normaliser(self.kind, self.low, self.high, self.mean)


class Member(Record):
    """One network: which run made it, how, and the hash of its weights file.

    ``normaliser`` is its place in ``ModelFacts.normalisers``.
    """

    run: str
    label: str
    seed: int
    repeat: int | None = None
    fold: int | None = None
    settings: RunSettings
    pixel_hash: str
    split_hash: str
    versions: dict[str, str] = {}
    weights_sha256: str
    normaliser: int = Field(ge=0)


class ModelFacts(Record):
    """All that using a model needs, beside the weights themselves.

    ``spacing_mm`` are the smallest and the largest side of a pixel in the slices that it was
    trained and tested on; None where nobody knows. ``heart_px`` are the 5th and 95th percentiles of
    the reference area of all regions but the first, on the slices that show any.

    Input channels are one for each way of normalising: networks of different folds have measured
    different training parts.
    """

    format: Literal[1] = 1
    made_by: str
    regions: dict[str, tuple[int, ...]]
    ignored: tuple[int, ...] = ()
    height_px: int = Field(ge=1, le=_LARGEST_SIDE_PX)
    width_px: int = Field(ge=1, le=_LARGEST_SIDE_PX)
    spacing_mm: tuple[float, float] | None = None
    heart_px: tuple[float, float] | None = None
    normalisers: tuple[NormaliserFacts, ...] = Field(min_length=1, max_length=1000)
    members: tuple[Member, ...] = Field(min_length=1, max_length=1000)

    @model_validator(mode="after")
    def _check(self) -> "ModelFacts":
        try:
            _ = self.scheme
        except ConfigError as error:
            raise ValueError("; ".join(error.problems)) from None
        if any(one.normaliser >= len(self.normalisers) for one in self.members):
            raise ValueError("a network names a way of normalising that is not there")
        if self.spacing_mm is not None and not all(map(is_plausible, self.spacing_mm)):
            raise ValueError(f"no pixel has sides of {self.spacing_mm} mm")
        for pair in (self.spacing_mm, self.heart_px):
            if pair is not None and not 0 < pair[0] <= pair[1]:
                raise ValueError(f"a smallest and a largest number stand in order, got {pair}")
        unit = 2 ** max(one.settings.depth for one in self.members)
        if self.height_px % unit or self.width_px % unit:
            raise ValueError(f"sides are multiples of {unit}, got {self.height_px, self.width_px}")
        return self

    @property
    def scheme(self) -> RegionScheme:
        return RegionScheme.from_mapping(self.regions, self.ignored)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the network's input, pixels."""
        return self.height_px, self.width_px

    @property
    def digest(self) -> str:
        """Names the model: a hash of what changes its answers."""
        content = self.model_dump(mode="json")
        del content["made_by"]
        return canonical_hash(content)


def parse_facts(text: str | bytes, subject: str) -> ModelFacts:
    """Facts from JSON that somebody else may have written.

    Raises:
        StudyError: if it is too large, no JSON, or breaks a rule.
    """
    if len(text) > _MOST_BYTES:
        raise StudyError(f"{subject} is far larger than any facts of a model, so it is not read")
    try:
        return ModelFacts.model_validate(json.loads(text))
    except ValidationError as error:
        raise StudyError(
            f"{subject} does not describe a model of myosweep ({first_fault(error)}); export the "
            "model again"
        ) from None
    except (ValueError, RecursionError):
        raise StudyError(
            f"{subject} is no JSON, so it is not used; export the model again"
        ) from None


def first_fault(error: ValidationError) -> str:
    """The first broken rule of a record, in words, without the value."""
    first = error.errors()[0]
    where = ".".join(map(str, first["loc"])) or "as a whole"
    return f"{where}: {first['msg'].removeprefix('Value error, ')}"


def refuse_large(path: Path) -> None:
    """Raise a ``StudyError`` if a file of JSON is far larger than any that was written here."""
    if path.is_file() and path.stat().st_size > _MOST_BYTES:
        raise StudyError(f"{path.name!r} is far larger than any such file, so it is not read")


def read_facts(path: Path) -> ModelFacts:
    """``parse_facts`` of a file.

    Raises:
        StudyError: also if the file is not there.
    """
    return parse_facts(read_limited(path), repr(path.name))


def read_limited(path: Path) -> bytes:
    """A small file's content; of one that is too large, just enough to tell.

    Raises:
        StudyError: if it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return file.read(_MOST_BYTES + 1)
    except OSError:
        raise StudyError(f"{path.name!r} cannot be read; check the path") from None


def normaliser_facts(stored: Mapping[str, Any], subject: str) -> NormaliserFacts:
    """The normaliser of a weights file, from its header.

    Raises:
        StudyError: if it is not there or breaks a rule.
    """
    try:
        return NormaliserFacts.model_validate(stored)
    except ValidationError:
        raise StudyError(
            f"{subject} does not tell how its images were normalised, so it cannot be used; train "
            "it again"
        ) from None
