"""Adding to a study what its conclusion asks for: values beyond an edge, or more networks."""

from dataclasses import dataclass
from math import ceil, inf
from pathlib import Path

from myosweep.analysis.conclude import Conclusion, conclude
from myosweep.analysis.edge import edge_values, edges
from myosweep.analysis.looks import spending
from myosweep.config import Replicates, StudyConfig, Value, read_study_config, study_config
from myosweep.errors import StudyError
from myosweep.results.layout import StudyFolder
from myosweep.results.ledger import read_looks
from myosweep.results.read import Results, read_results
from myosweep.study.merge import renamed
from myosweep.study.open import require_sweep


@dataclass(frozen=True)
class Extension:
    """What would be added to a study, and what that means for its errors.

    Attributes:
        config: the study with the additions.
        values: values added, by path.
        networks_before, networks: networks per value, before and after.
        reasons: one sentence for each addition.
        left: share of errors that the next look at the primary question may still spend; 0 means
            that what it shows will be exploratory.
    """

    config: StudyConfig
    values: dict[str, tuple[Value, ...]]
    networks_before: int
    networks: int
    reasons: tuple[str, ...]
    left: float

    @property
    def nothing(self) -> bool:
        return not self.values and self.networks == self.networks_before


def plan_extension(
    folder: Path | str, *, edge: bool = False, decide: bool = False, networks: int | None = None
) -> Extension:
    """Work out what to add; nothing is written.

    Args:
        edge: add the next value beyond an edge of the tested range at which the best value lies.
        decide: add networks until a decision on the undecided comparisons has an even chance.
        networks: networks per value to reach, instead.

    Raises:
        StudyError: if the study cannot be extended so.
    """
    home = StudyFolder(Path(folder)).require()
    require_sweep(home.path)
    config = read_study_config(home.study)
    if config.source == "masks":
        raise StudyError(
            f"study {config.name!r} holds masks of another program; add further ones with "
            "`myosweep score`"
        )
    before = len(config.replicates.members)
    if networks is not None and networks <= before:
        raise StudyError(
            f"each value has {before} networks already, --networks is {networks}; give a larger "
            "number"
        )
    results = read_results(home.path)
    looks = read_looks(home)
    reasons: list[str] = []
    values: dict[str, tuple[Value, ...]] = {}
    if edge:
        values, why = _edge(results)
        reasons.append(why)
    wanted = networks or before
    if decide:
        wanted, why = _decide(conclude(results, looks=looks), before)
        reasons.append(why)
    replicates = _grown(config.replicates, wanted)
    after = len(replicates.members)
    if networks is not None and after != networks:
        reasons.append(
            f"With {replicates.folds} folds networks come in whole repeats: {after} per value."
        )
    sweep = {path: (*old, *values.get(path, ())) for path, old in config.sweep.items()}
    names = {key: renamed(config, key, sweep[key]) for key in config.names}
    added = {"sweep": sweep, "names": names, "replicates": replicates}
    content = config.model_copy(update=added)
    checked = study_config(content.model_dump(mode="json", exclude_none=True), config.name)
    spent = sum(look.spent for look in looks)
    seen = max((look.networks for look in looks), default=0)
    largest = config.replicates.largest
    left = spending(after, largest) - spent if seen < after <= largest else 0.0
    return Extension(checked, values, before, after, tuple(reasons), max(left, 0.0))


def _edge(results: Results) -> tuple[dict[str, tuple[Value, ...]], str]:
    if not edges(results):
        return {}, "The best value does not lie at an edge of the tested range; no value is added."
    values = edge_values(results)
    if not values:
        return {}, (
            "The best value lies at the edge of the tested range, but no next step follows from "
            "the tested values; add one to the study file and run it."
        )
    named = "; ".join(f"{path} {', '.join(map(str, found))}" for path, found in values.items())
    return values, f"The best value lies at the edge of the tested range; added: {named}."


def _decide(found: Conclusion, before: int) -> tuple[int, str]:
    """Networks with an even chance of deciding each comparison that more networks can decide."""
    costs = [cost for cost in found.shown.costs if cost.expected_even < inf]
    hopeless = len(found.shown.costs) - len(costs)
    if not found.shown.costs:
        return before, "Every comparison is decided, or cannot be judged; no network is added."
    if not costs:
        return before, (
            "No number of networks decides what is left with these patients: they differ too much "
            "from each other. No network is added."
        )
    wanted = max(before + 1, ceil(max(cost.expected_even for cost in costs)))
    rest = f"; {hopeless} cannot be decided with these patients" if hopeless else ""
    return wanted, (
        f"{wanted} networks per value give an even chance of deciding {len(costs)} comparisons"
        f"{rest}."
    )


def _grown(old: Replicates, networks: int) -> Replicates:
    if networks <= len(old.members):
        return old
    if old.design == "folds":
        return old.model_copy(update={"repeats": ceil(networks / old.folds)})
    seeds = [member.seed for member in old.members]
    fresh = (seed for seed in range(networks + max(seeds) + 1) if seed not in seeds)
    more = [next(fresh) for _ in range(networks - len(seeds))]
    return old.model_copy(update={"seeds": (*seeds, *more)})
