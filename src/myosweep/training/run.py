"""The life of one run: claimed, trained epoch by epoch, scored, and marked complete at the end."""

import time
from collections.abc import Callable, Iterator
from importlib.metadata import version

import numpy as np
import pandas as pd
import torch
from torch import nn

import myosweep
from myosweep.config import (
    LEARNED,
)
from myosweep.files import whole_file, write_json
from myosweep.model.unet import UNet
from myosweep.model.weights import write_tensors
from myosweep.results.layout import RunFolder, StudyFolder
from myosweep.results.rows import RunStatus
from myosweep.training.checkpoint import Progress, read_checkpoint, write_checkpoint
from myosweep.training.claim import Claim, Errand, take_claim
from myosweep.training.device import Computer
from myosweep.training.early_rule import early_record, stops_early
from myosweep.training.fit import fit, predict_regions
from myosweep.training.initial import load_initial
from myosweep.training.learned_l2 import LearnedL2
from myosweep.training.optimizer import build_optimizer
from myosweep.training.plan import RunPlan, answering, build_network, describe_run
from myosweep.training.samples import Samples
from myosweep.training.score import RegionMaps, write_run_scores

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
    answers = answering(network, plan.settings)
    maps = {part: work.predict(answers, samples) for part, samples in parts.items()}
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

    def predict(
        self, network: nn.Module, samples: Samples
    ) -> Iterator[tuple[RegionMaps, RegionMaps]]:
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
        if row["data_gradient_norm"] > 0 and plan.settings.l2.kind != "decoupled"
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
