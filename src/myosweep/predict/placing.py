"""Where the network's window lies on each case."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, UInt

from myosweep.data.names import natural_key
from myosweep.errors import DatasetError
from myosweep.predict.asking import ask
from myosweep.predict.cases import Case
from myosweep.predict.greys import fit_greys
from myosweep.predict.grid import Grid, Place, refuse_large
from myosweep.predict.heart import HeartFound, middle_slices, search_heart
from myosweep.predict.model import Model
from myosweep.predict.reading import Read, read_pixels
from myosweep.predict.record import Heart
from myosweep.predict.turn import Turn


@dataclass(frozen=True, eq=False)
class Placed:
    """A case on the network's grid.

    Attributes:
        refitted: whether its grey levels were of another depth or range than the training's.
        found: the window, and how plausible the heart in it is.
    """

    read: Read
    grid: Grid
    found: HeartFound
    inputs: UInt[np.ndarray, "slice h w"]
    padding: np.ndarray
    refitted: bool

    @property
    def place(self) -> Place:
        return self.found.place


class Places:
    """Where the network's window lies on each case; cases of one stack share it.

    Args:
        kept: the window that an earlier call has given to a case's stack, if any.
    """

    def __init__(
        self,
        model: Model,
        heart: Heart,
        turn: Turn,
        cases: Sequence[Case],
        kept: Callable[[Case], HeartFound | None] = lambda case: None,
    ) -> None:
        self._model, self._heart, self._turn, self._kept = model, heart, turn, kept
        self._stacks: dict[str, list[Case]] = {}
        for case in sorted(cases, key=lambda one: natural_key(one.name)):
            if case.stack is not None:
                self._stacks.setdefault(case.stack, []).append(case)
        self._known: dict[tuple[str, Grid], HeartFound] = {}

    def place(self, read: Read) -> Placed:
        """A case's pixels as the network sees them."""
        assert read.images is not None
        case, facts = read.case, self._model.facts
        fitted, refitted = fit_greys(facts, read.images)
        grid = Grid.for_model(facts, case.size, case.spacing_yx_mm, self._turn)
        refuse_large(grid.seen, "of the network's pixels")
        seen = grid.resample(fitted)
        found = self._find(case, grid, seen)
        inputs, padding = grid.cut(seen, found.place)
        return Placed(read, grid, found, inputs, padding, refitted)

    def _find(self, case: Case, grid: Grid, seen: UInt[np.ndarray, "slice y x"]) -> HeartFound:
        if self._heart == "centre" or not grid.needs_search:
            return HeartFound(grid.centre(), 1.0)
        if case.stack is None:
            some = [seen[at] for at in middle_slices(case.count)]
            return find_heart(self._model, grid, some)
        key = (case.stack, grid)
        if key not in self._known:
            self._known[key] = self._kept(case) or find_heart(
                self._model, grid, self._members(case, grid)
            )
        return self._known[key]

    def _members(self, case: Case, grid: Grid) -> list[UInt[np.ndarray, "y x"]]:
        """Some slices of a case's stack, as the network sees them; damaged ones are left out."""
        cases = [one for one in self._stacks[case.stack or ""] if one.size == case.size]
        found = []
        for at in middle_slices(len(cases)):
            with suppress(DatasetError):
                fitted, _ = fit_greys(self._model.facts, read_pixels(cases[at]))
                found += [*grid.resample(fitted)]
        return found


def find_heart(model: Model, grid: Grid, slices: Sequence[UInt[np.ndarray, "y x"]]) -> HeartFound:
    """Where the model sees a heart on some slices of a stack, as ``grid`` gives them."""
    if not slices:
        return HeartFound(grid.centre(), 0.0)
    seen = np.stack(slices)

    def look(
        places: Sequence[Place],
    ) -> Float32[np.ndarray, "place slice region y x"]:
        cuts = [grid.cut(seen, place) for place in places]
        images, padding = (np.concatenate(parts) for parts in zip(*cuts, strict=True))
        answers = ask(model, images, padding)
        return answers.reshape(len(places), len(seen), *answers.shape[1:])

    return search_heart(grid, model.facts.heart_px, look)
