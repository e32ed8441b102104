"""What a machine of a Ray cluster does: one run."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from myosweep.config import EarlyRule, Replicate, RunSettings, Value
from myosweep.data.split import Split
from myosweep.data.store import Dataset, open_dataset
from myosweep.errors import ClaimLost, StudyError
from myosweep.files import write_json
from myosweep.regions import RegionScheme
from myosweep.results.layout import StudyFolder
from myosweep.results.rows import RunStatus
from myosweep.study.execute import attempt
from myosweep.study.resources import Resources
from myosweep.study.store import RunStore
from myosweep.training.checkpoint import Progress
from myosweep.training.claim import Errand
from myosweep.training.plan import RunPlan


@dataclass(frozen=True)
class Share:
    """What a run gets of a machine."""

    device: str
    threads: int
    gpus: float

    @property
    def options(self) -> dict[str, Any]:
        """For Ray; a dead worker's run is sent out again by the driver, not by Ray."""
        return {"num_cpus": self.threads, "num_gpus": self.gpus, "max_retries": 0}


@dataclass(frozen=True)
class Task:
    """A run to be done, without its pixels and its split, which many tasks share."""

    point: dict[str, Value]
    settings: RunSettings
    replicate: Replicate
    scheme: RegionScheme
    share: Share
    errand: Errand
    early_rule: EarlyRule | None = None
    adjustment: int = 0

    def plan(self, dataset: Dataset, split: Split) -> RunPlan:
        return RunPlan(
            self.point,
            self.settings,
            self.replicate,
            dataset,
            split,
            self.scheme,
            self.early_rule,
            self.adjustment,
        )

    def do(
        self,
        plan: RunPlan,
        folder: StudyFolder,
        on_epoch: Callable[[Progress], None] = lambda progress: None,
    ) -> RunStatus | None:
        resources = Resources(self.share.device, threads=self.share.threads)
        return attempt(plan, folder, resources, self.errand, on_epoch)


def do_in_shared_folder(task: Task, folder: Path, dataset: Path, split: Split) -> RunStatus | None:
    """Do a run in the study's folder, which all machines share.

    Raises:
        StudyError: if this machine does not see it.
    """
    home = StudyFolder(folder)
    if not home.study.is_file() or not dataset.is_dir():
        raise StudyError(
            "a machine of the Ray cluster does not see the study's folder or its dataset; put both "
            "on a file system that all machines share, at the same place, or give --store URL"
        )
    return task.do(task.plan(open_dataset(dataset), split), home)


def do_through_store(
    task: Task, url: str, board: Any, dataset: Dataset, split: Split
) -> RunStatus | None:
    """Do a run in a temporary folder; what it has done after each epoch goes to a store.

    Args:
        url: of the store.
        board: a Ray actor that is told how far the run is.

    Returns:
        How it ended; the results of a whole or stopped run are in the store then. None if it was
        taken over.
    """
    plan = task.plan(dataset, split)
    store = RunStore(url, plan.id, task.errand)
    status = store.ended(plan.id)
    if status and plan.has_ended(status):  # its worker died before it could say so
        return status
    with TemporaryDirectory(prefix="myosweep-") as place:
        home = StudyFolder(Path(place))
        store.begin(home.run(plan.id).checkpoint)
        if status:  # stopped by the early rule, which no longer stops it
            write_json(home.run(plan.id).status, status.model_dump(mode="json"))
        board.put.remote(plan.id, store.epochs_done, 0.0)

        def on_epoch(progress: Progress) -> None:
            store.keep(home.run(plan.id).checkpoint, progress.epochs_done)
            board.put.remote(plan.id, progress.epochs_done, progress.seconds)

        status = task.do(plan, home, on_epoch)
        if status is not None and status.status != "failed":
            try:
                store.finish(home.run(plan.id))
            except ClaimLost:
                return None
        return status
