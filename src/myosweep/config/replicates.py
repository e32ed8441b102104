"""``Replicates``: the networks that each value of a sweep is trained with."""

import itertools
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BeforeValidator, Field, model_validator

from myosweep.config.records import Record


def _check_seeds(seeds: Any) -> Any:
    numbers = seeds if isinstance(seeds, list | tuple) else [seeds]
    if not numbers or any(type(number) is not int or number < 0 for number in numbers):
        raise ValueError(
            "is how many networks each value gets, or a list of seeds from 0 on, got "
            f"{seeds!r}; write for instance 3, or [0, 1, 2]"
        )
    return seeds


class Replicate(NamedTuple):
    """One network per value: its seed and, with folds, which part of the patients tests it."""

    seed: int
    repeat: int | None = None
    fold: int | None = None

    @property
    def split_name(self) -> str:
        """Names the split that this network is trained and tested on."""
        return "split" if self.fold is None else f"repeat-{self.repeat}-fold-{self.fold}"

    @property
    def words(self) -> str:
        """The network in words: ``seed 1``, or ``seed 1, repeat 1, fold 2``."""
        place = "" if self.fold is None else f", repeat {self.repeat}, fold {self.fold}"
        return f"seed {self.seed}{place}"


class Replicates(Record):
    """The networks that each value is trained with; the same ones serve all values.

    ``seeds``: one split; networks differ in their seed alone. ``folds``: the patients are divided
    into ``folds`` parts, ``repeats`` times anew; each part tests one network per value, which is
    trained on the other patients, with a seed of its own.
    """

    design: Literal["seeds", "folds"] = "seeds"
    seeds: Annotated[int | tuple[int, ...], BeforeValidator(_check_seeds)] = 3
    repeats: int = Field(2, ge=1, le=100, description="folds: how often patients are divided anew")
    folds: int = Field(5, ge=2, le=100, description="folds: parts of the patients per repeat")
    validation: float = Field(
        0.25, gt=0, lt=1, description="folds: share of the patients not tested that validates"
    )
    max_replicates: int | None = Field(
        None,
        ge=1,
        description="networks per value that will ever be looked at; default: as planned",
    )

    @property
    def members(self) -> tuple[Replicate, ...]:
        """The networks of each value, in the order in which they are trained."""
        if self.design == "seeds":
            seeds = range(self.seeds) if isinstance(self.seeds, int) else self.seeds
            return tuple(map(Replicate, seeds))
        places = itertools.product(range(1, self.repeats + 1), range(1, self.folds + 1))
        return tuple(Replicate(seed, *place) for seed, place in enumerate(places))

    @property
    def largest(self) -> int:
        """Networks per value at the last look: as fixed, or as many as are planned."""
        return self.max_replicates or len(self.members)

    @model_validator(mode="after")
    def _check_members(self) -> "Replicates":
        seeds = [member.seed for member in self.members]
        if not seeds:
            raise ValueError("at least one seed is needed; write for instance seeds = 3")
        if len(set(seeds)) < len(seeds):
            raise ValueError(f"each seed stands once, got {seeds}")
        if self.design == "folds" and self.seeds != 3:
            raise ValueError(
                f"seeds are not chosen with folds, got {self.seeds!r}; every fold of every repeat "
                "has a seed of its own; remove seeds and set repeats and folds"
            )
        return self
