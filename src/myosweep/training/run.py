"""The life of one run: claimed, trained epoch by epoch, scored, and marked complete at the end."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version

import numpy as np
import pandas as pd
import torch

import myosweep
from myosweep.config import (
    LEARNED,
    EarlyRule,
    Replicate,
    RunSettings,
    Value,
    attempt_label,
    run_id,
    run_label,
)
from myosweep.data.split import Split
from myosweep.data.store import Dataset
from myosweep.files import whole_file, write_json
from myosweep.launch import launch
from myosweep.model.unet import UNet
from myosweep.model.weights import write_tensors
from myosweep.randomness import stream
from myosweep.regions import RegionScheme
from myosweep.results.layout import RunFolder, StudyFolder
from myosweep.results.rows import RunSettingsFile, RunStatus
from myosweep.training.checkpoint import Progress, read_checkpoint, write_checkpoint
from myosweep.training.claim import Claim, Errand, take_claim
from myosweep.training.device import Computer
from myosweep.training.early_rule import early_record, stops_early
from myosweep.training.fit import fit, predict_regions
from myosweep.training.initial import load_initial
from myosweep.training.learned_l2 import LearnedL2
from myosweep.training.optimizer import build_optimizer
from myosweep.training.samples import Samples, gather_samples
from myosweep.training.score import RegionMaps, write_run_scores


@dataclass(frozen=True)
class RunPlan:
    """A run to be done: its place in the sweep, its settings, which network it is, its data.

    ``early_rule`` may stop it; ``adjustment`` is the entry of the rule's list that changed its
    settings, from 1, or 0. Neither is part of the id.
    """

    point: dict[str, Value]
    settings: RunSettings
    replicate: Replicate
    dataset: Dataset
    split: Split
    scheme: RegionScheme
    early_rule: EarlyRule | None = None
    adjustment: int = 0
    trial: int | None = None
    """With [tune], the number of the trial whose settings these are."""
    cost: float | None = None
    """With [tune], what the run costs, in runs of the default."""

    @property
    def seed(self) -> int:
        return self.replicate.seed

    @property
    def id(self) -> str:
        return run_id(
            self.settings,
            self.seed,
            self.dataset.manifest.pixel_hash,
            self.split.hash,
            self.scheme,
        )

    @property
    def label(self) -> str:
        """The run in words: swept values, or the trial, and which of their networks it is.

        And what the early rule has changed.
        """
        if self.trial is not None:
            return f"{trial_name(self.trial)}, {self.replicate.words}"
        changes = self.early_rule.adjust[: self.adjustment] if self.early_rule else ()
        return attempt_label(run_label(self.point, self.replicate.words), changes)

    def has_ended(self, status: RunStatus | None) -> bool:
        """Whether nothing is left to do in a run with this status; a failure is an end, too.

        What the early rule stopped has ended as long as the rule says stop; a trial of a search
        stays ended.
        """
        if status is None:
            return False
        stays = self.early_rule is not None and self.early_rule.may_stop(self.adjustment)
        return status.status != "stopped" or stays or self.trial is not None

    def samples(self) -> dict[str, Samples]:
        """The samples of each part."""
        return gather_samples(self.dataset, self.split, self.scheme, self.settings, self.seed)

    @property
    def steps_per_epoch(self) -> int:
        return len(self.split.training) // self.settings.batch_size

    def problems(self) -> list[str]:
        """Why this run cannot work, each with a way out; empty if it can."""
        _, height, width = self.dataset.images.shape
        unit = 2**self.settings.depth
        found = []
        if height % unit or width % unit:
            found.append(
                f"depth {self.settings.depth} needs image sides that are multiples of {unit}, the "
                f"dataset has {height} x {width}; import with another --crop or take less depth"
            )
        sharing = launch().processes
        if self.settings.batch_size < sharing:
            found.append(
                f"batch_size is {self.settings.batch_size}, but {sharing} processes share each "
                "mini-batch, at least one image each; start fewer or take a larger batch_size"
            )
        slices = len(self.split.training)
        if slices < self.settings.batch_size:
            found.append(
                f"batch_size is {self.settings.batch_size}, but the training part has only "
                f"{slices} slices; take a smaller batch_size or more data"
            )
        return found


def trial_name(number: int) -> str:
    """A trial in words; the first one is the default."""
    return f"trial {number}" if number else "default"


OnEpoch = Callable[[Progress], None]
"""Called when an epoch's checkpoint is in its place."""
Stops = Callable[[Progress], bool]
"""Whether a run with this behind it stops there."""


def perform_run(
    plan: RunPlan,
    study: StudyFolder,
    computer: Computer,
    *,
    errand: Errand | None = None,
    on_epoch: OnEpoch = lambda progress: None,
    stops: Stops = lambda progress: False,
) -> RunStatus | None:
    """Do a run, or continue it after its last whole epoch.

    Processes that were started together all call this; the main one claims the run and writes.

    Args:
        errand: on which the run is done; the claim of an earlier attempt does not hold.
        on_epoch: called when an epoch's checkpoint is in its place.
        stops: asked after every epoch, and before the first one, whether the run stops there.

    Returns:
        How it ended, or None if it is done already or another live process is at it.

    Raises:
        ClaimLost: if another process has taken the run over.
        StudyError: if its files are damaged.
    """
    folder, together = study.run(plan.id), computer.together
    with together.failing_as_one():
        claim = together.on_main(
            lambda: None if _is_done(plan, folder) else take_claim(folder, errand)
        )  # fmt: skip
        if claim is None:
            return None
        try:
            if together.on_main(lambda: _is_done(plan, folder)):
                return None
            with computer.active():
                work = _Work(folder, claim, computer, on_epoch, stops)
                return _train_and_score(plan, study, work)
        finally:
            if together.is_main:
                claim.release()


def _is_done(plan: RunPlan, folder: RunFolder) -> bool:
    """Whether the run is whole, or stopped for good."""
    status = folder.read_status()
    return status is not None and status.status != "failed" and plan.has_ended(status)


def _train_and_score(plan: RunPlan, study: StudyFolder, work: "_Work") -> RunStatus:
    folder, computer, parts = work.folder, work.computer, plan.samples()
    computer.together.on_main(lambda: describe_run(plan, folder))
    computer.together.on_main(folder.remove_drafts)
    network = build_network(plan, computer)
    if name := plan.settings.init_from:
        load_initial(network, study.initial(name))
    if work.train(network, plan, parts):
        return computer.together.on_main(lambda: _score(plan, parts, network, work))
    return computer.together.on_main(lambda: _stop(plan, work))


def _stop(plan: RunPlan, work: "_Work") -> RunStatus:
    """Leave a run where the early rule, or a search, stopped it; its checkpoint stays."""
    status = _status(plan, work).model_copy(update={"status": "stopped"})
    work.claim.check()
    write_json(work.folder.status, status.model_dump(mode="json"))
    return status


def _score(plan: RunPlan, parts: dict[str, Samples], network: UNet, work: "_Work") -> RunStatus:
    folder = work.folder
    maps = {part: work.predict(network, samples) for part, samples in parts.items()}
    rows = {part: samples.rows for part, samples in parts.items()}
    write_run_scores(folder, plan.dataset, rows, plan.scheme, maps)
    normaliser = parts["training"].normaliser
    write_tensors(folder.weights, dict(network.named_parameters()), normaliser.facts())
    status = _status(plan, work)
    work.claim.check()
    write_json(folder.status, status.model_dump(mode="json"))
    folder.checkpoint.unlink(missing_ok=True)
    return status


class _Work:
    """One run in the making: what it has behind it, and the claim that is kept alive meanwhile."""

    def __init__(
        self,
        folder: RunFolder,
        claim: Claim,
        computer: Computer,
        on_epoch: OnEpoch,
        stops: Stops,
    ) -> None:
        self.folder, self.claim, self.computer = folder, claim, computer
        self._on_epoch, self._stops = on_epoch, stops
        self.progress = Progress([], 0.0, [])
        self._started_at = time.monotonic()

    def train(self, network: UNet, plan: RunPlan, parts: dict[str, Samples]) -> bool:
        """Train from the checkpoint, or from the start, to the last epoch or until it diverges.

        Returns:
            False if the early rule, or who asked for the run, stopped the training.
        """
        together = self.computer.together
        optimizer = build_optimizer(network, plan.settings, plan.steps_per_epoch)
        is_learned = plan.settings.l2.strength == LEARNED
        learned = LearnedL2.start(optimizer, plan.settings) if is_learned else None
        self.progress = read_checkpoint(self.folder, network, optimizer, learned, together)
        machines = [*self.progress.machines, _machines(self.computer)]
        self.progress.machines = list(dict.fromkeys(machines))
        self._started_at = time.monotonic() - self.progress.seconds
        if self.progress.history:
            together.on_main(lambda: _write_history(self.folder, self.progress))
        if self._stops_early(plan):
            return False
        if self.progress.diverged:
            return True
        for record in fit(
            network,
            optimizer,
            parts["training"],
            parts["validation"],
            plan.settings,
            plan.seed,
            self.computer,
            learned=learned,
            epochs_done=self.progress.epochs_done,
            on_step=self._renew,
        ):
            self.progress.history.append(record.row())
            together.on_main(lambda: self._keep(network, optimizer, learned))
            if self._stops_early(plan):
                return False
        return True

    def _stops_early(self, plan: RunPlan) -> bool:
        if stops_early(plan.early_rule, plan.adjustment, plan.settings, self.progress):
            return True
        is_last = self.progress.epochs_done >= plan.settings.epochs
        return not is_last and self.computer.together.on_main(lambda: self._stops(self.progress))

    def _keep(
        self,
        network: UNet,
        optimizer: torch.optim.Optimizer,
        learned: LearnedL2 | None,
    ) -> None:
        """Write down what the run has after an epoch."""
        self.claim.check()
        self._take_time()
        _write_history(self.folder, self.progress)
        write_checkpoint(self.folder, network, optimizer, self.progress, learned)
        self._on_epoch(self.progress)

    def predict(self, network: UNet, samples: Samples) -> Iterator[tuple[RegionMaps, RegionMaps]]:
        """Reference and predicted region maps, some slices at a time."""
        for pair in predict_regions(network, samples, self.computer):
            self._renew(0.0)
            yield pair
        self._take_time()

    def _renew(self, share_of_epoch: float) -> None:
        self._take_time()
        done = self.progress.epochs_done + share_of_epoch
        if self.computer.together.is_main:
            self.claim.renew(epochs_done=done, seconds=self.progress.seconds)

    def _take_time(self) -> None:
        self.progress.seconds = time.monotonic() - self._started_at


def _machines(computer: Computer) -> str:
    """The type of machine, or of all machines that share the run."""
    kinds = " and ".join(dict.fromkeys(computer.together.everyones(computer.machine)))
    processes = computer.together.processes
    return kinds if processes == 1 else f"{processes} processes on {kinds}"


def build_network(plan: RunPlan, computer: Computer) -> UNet:
    """The plan's network with freshly drawn weights, on its device."""
    generator = torch.Generator().manual_seed(
        int(stream(plan.seed, "initialisation").integers(2**63))
    )
    network = UNet(
        in_channels=1,
        classes=len(plan.scheme.regions),
        depth=plan.settings.depth,
        first_filters=plan.settings.first_filters,
        dropout=plan.settings.dropout,
        generator=generator,
    )
    return network.to(computer.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def describe_run(plan: RunPlan, folder: RunFolder) -> None:
    """Write the run's ``settings.json``, which makes it one of the study's runs."""
    description = RunSettingsFile(
        kind="trained",
        label=plan.label,
        point=plan.point,
        seed=plan.seed,
        repeat=plan.replicate.repeat,
        fold=plan.replicate.fold,
        trial=plan.trial,
        cost=plan.cost,
        settings=plan.settings,
        pixel_hash=plan.dataset.manifest.pixel_hash,
        split_hash=plan.split.hash,
        regions={region.name: region.codes for region in plan.scheme.regions},
        ignored=plan.scheme.ignored,
        adjustment=plan.adjustment,
    )
    write_json(folder.settings, description.model_dump(mode="json"))


def _write_history(folder: RunFolder, progress: Progress) -> None:
    with whole_file(folder.history) as draft:
        pd.DataFrame(progress.history).astype({"epoch": int}).to_csv(draft, index=False)


def _status(plan: RunPlan, work: _Work) -> RunStatus:
    progress, computer, before = work.progress, work.computer, work.folder.read_status()
    continued = before is not None and before.status == "stopped"
    last = progress.history[-1]
    ratios = [
        row["l2_gradient_norm"] / row["data_gradient_norm"]
        for row in progress.history
        if row["data_gradient_norm"] > 0
    ]
    finite = [ratio for ratio in ratios if np.isfinite(ratio)]
    return RunStatus(
        status="diverged" if progress.diverged else "complete",
        epochs_done=progress.epochs_done,
        seconds=progress.seconds,
        device=computer.device,
        precision=computer.precision,
        threads=computer.threads,
        processes=computer.together.processes,
        machines=tuple(progress.machines),
        versions={"myosweep": myosweep.__version__, "torch": version("torch")},
        validation_accuracy=last["validation_accuracy"],
        largest_l2_ratio=max(finite, default=None),
        early_rule=early_record(plan.early_rule, plan.settings, progress, continued=continued),
    )
