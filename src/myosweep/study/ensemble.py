"""Ensembles of a study's networks: scored beside them, as one more field of the sweep.

Nothing is trained: the finished networks of a point are grouped in the order of their seeds, each
into one group only, and answer together. An ensemble is a run of its own that names its members.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from torch import nn

from myosweep.config import canonical_hash
from myosweep.data.split import PARTS
from myosweep.errors import StudyError
from myosweep.files import write_json
from myosweep.model.ensemble import Ensemble
from myosweep.model.weights import read_tensors
from myosweep.results.layout import RunFolder
from myosweep.results.rows import ENSEMBLE, RunSettingsFile, RunStatus
from myosweep.study.open import Study
from myosweep.study.resources import Resources
from myosweep.training.claim import take_claim
from myosweep.training.device import Computer
from myosweep.training.fit import predict_regions
from myosweep.training.plan import RunPlan, answering, build_network
from myosweep.training.score import write_run_scores


@dataclass(frozen=True)
class Group:
    """Networks of one point that answer together; ``number`` counts the point's groups from 0."""

    number: int
    members: tuple[RunPlan, ...]

    @property
    def id(self) -> str:
        names = [plan.id for plan in self.members]
        return f"ensemble-{canonical_hash(names)[:10]}"

    @property
    def label(self) -> str:
        words = self.members[0].label.rsplit(",", 1)[0]
        seeds = ", ".join(str(plan.seed) for plan in self.members)
        return f"{words}, ensemble of seeds {seeds}"


def make_ensembles(
    study: Study,
    size: int,
    resources: Resources,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> int:
    """Score every ensemble of so many networks that the study can have; gives how many are new.

    Args:
        size: networks of each.
        progress: called with ensembles done and in all.

    Raises:
        StudyError: if the study has folds, or no point has so many whole networks.
    """
    if study.config.replicates.design == "folds":
        raise StudyError(
            "with folds every network has its own test patients, so none can answer together; "
            "ensembles need replicates.design = 'seeds'"
        )
    groups = [*_groups(study, size)]
    if not groups:
        raise StudyError(
            f"no value has {size} finished networks for an ensemble; give a smaller --size, or run "
            "more seeds with `myosweep extend`"
        )
    made = 0
    for done, group in enumerate(groups, start=1):
        made += _make(study, group, resources)
        progress(done, len(groups))
    return made


def _groups(study: Study, size: int) -> Iterator[Group]:
    by_point: dict[tuple[object, ...], list[RunPlan]] = {}
    for plan in study.plans():
        status = study.folder.run(plan.id).read_status()
        if status is not None and status.whole:
            by_point.setdefault(tuple(plan.point.values()), []).append(plan)
    for plans in by_point.values():
        ordered = sorted(plans, key=lambda plan: plan.seed)
        for number in range(len(ordered) // size):
            yield Group(number, tuple(ordered[number * size : (number + 1) * size]))


def _make(study: Study, group: Group, resources: Resources) -> bool:
    """Score one ensemble, unless it is there or another process is at it."""
    folder = study.folder.run(group.id)
    if folder.read_status() is not None or (claim := take_claim(folder)) is None:
        return False
    try:
        computer = resources.computer(group.members[0].settings.precision)
        with computer.active():
            _score(study, group, folder, computer)
    finally:
        claim.release()
    return True


def _score(study: Study, group: Group, folder: RunFolder, computer: Computer) -> None:
    plan = group.members[0]
    write_json(folder.settings, _description(group).model_dump(mode="json"))
    network = Ensemble([_trained(study, member, computer) for member in group.members])
    parts = plan.samples()
    maps = {part: predict_regions(network, parts[part], computer) for part in PARTS}
    rows = {part: samples.rows for part, samples in parts.items()}
    write_run_scores(folder, study.dataset, rows, study.scheme, maps)
    status = RunStatus(
        status="complete",
        device=computer.device,
        precision=computer.precision,
        threads=computer.threads,
        machines=(computer.machine,),
    )
    write_json(folder.status, status.model_dump(mode="json"))


def _trained(study: Study, plan: RunPlan, computer: Computer) -> nn.Module:
    network = build_network(plan, computer)
    network.load_state_dict(read_tensors(study.folder.run(plan.id).weights)[0])
    return answering(network, plan.settings)


def _description(group: Group) -> RunSettingsFile:
    plan = group.members[0]
    return RunSettingsFile(
        kind="ensemble",
        label=group.label,
        point={**plan.point, ENSEMBLE: len(group.members)},
        seed=group.number,
        members=tuple(member.id for member in group.members),
        settings=plan.settings,
        pixel_hash=plan.dataset.manifest.pixel_hash,
        split_hash=plan.split.hash,
        regions={region.name: region.codes for region in plan.scheme.regions},
        ignored=plan.scheme.ignored,
    )
