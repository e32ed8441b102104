"""How runs go out to a Ray cluster's machines and come back: by a shared folder, or a store."""

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from myosweep.errors import StudyError
from myosweep.results.rows import RunStatus
from myosweep.study.execute import mark_ended
from myosweep.study.open import Study
from myosweep.study.ray_task import Share, Task, do_in_shared_folder, do_through_store
from myosweep.study.store import Store
from myosweep.training.claim import Claim, Errand, last_progress, take_claim
from myosweep.training.plan import RunPlan

_VISIBLE_S = 60.0
_RENEW_S = 30.0


class Place(ABC):
    """A way out and back."""

    @abstractmethod
    def fetch(self, plan: RunPlan) -> bool:
        """Whether the run is done already, and its results are in the study's folder now."""

    @abstractmethod
    def send(self, plan: RunPlan, errand: Errand) -> Any:
        """Send a run out; Ray's reference to how it will end."""

    @abstractmethod
    def land(self, plan: RunPlan, status: RunStatus | None) -> None:
        """Bring the results of a run that has ended into the study's folder."""

    @abstractmethod
    def look(self) -> Iterator[RunPlan]:
        """Show progress; gives the runs that another process has taken up meanwhile."""

    @abstractmethod
    def epochs_done(self, plan: RunPlan) -> int:
        """Whole epochs that a run has behind it, as far as is known."""

    @abstractmethod
    def leave(self) -> None:
        """Give back what is held."""


class SharedFolder(Place):
    """All machines see the study's folder, at the same place; they write into it."""

    def __init__(self, ray: Any, study: Study, share: Share, store: str = "") -> None:
        self._study, self._share = study, share
        self._do = ray.remote(do_in_shared_folder).options(**share.options)
        self._splits = {name: ray.put(split) for name, split in study.splits.items()}

    def fetch(self, plan: RunPlan) -> bool:
        return False

    def send(self, plan: RunPlan, errand: Errand) -> Any:
        folder = self._study.folder.path.resolve()
        dataset = self._study.dataset.folder.resolve()
        split = self._splits[plan.replicate.split_name]
        return self._do.remote(_task(plan, self._share, errand), folder, dataset, split)

    def land(self, plan: RunPlan, status: RunStatus | None) -> None:
        """Check that the run's status is here; a shared folder may take its time to show it."""
        folder = self._study.folder.run(plan.id)
        deadline = time.monotonic() + _VISIBLE_S
        while status is not None and not plan.has_ended(folder.read_status()):
            if time.monotonic() > deadline:
                raise StudyError(
                    f"run {plan.id} has ended, but its results are not in the study's folder: the "
                    "machines of the Ray cluster write elsewhere; put the study on a file system "
                    "that all machines share, or give --store URL"
                )
            time.sleep(0.5)

    def look(self) -> Iterator[RunPlan]:
        yield from ()

    def epochs_done(self, plan: RunPlan) -> int:
        return int(last_progress(self._study.folder.run(plan.id)).get("epochs_done", 0))

    def leave(self) -> None:
        pass


class ThroughStore(Place):
    """No machine but the driver's sees the study's folder: results come back through a store.

    Ray carries the pixels, once to each machine. The driver holds the claim of each run that a
    machine is at, so that other processes leave it alone, and shows its progress in it.
    """

    def __init__(self, ray: Any, study: Study, share: Share, store: str) -> None:
        self._ray, self._study, self._share, self._url = ray, study, share, store
        self._store = Store(store)
        self._finished = self._store.finished()
        self._do = ray.remote(do_through_store).options(**share.options)
        here = ray.get_runtime_context().get_node_id()
        beside = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(here, soft=False)
        self._board = ray.remote(_Board).options(num_cpus=0, scheduling_strategy=beside).remote()
        images, labels = np.asarray(study.dataset.images), np.asarray(study.dataset.labels)
        self._dataset = ray.put(replace(study.dataset, images=images, labels=labels))
        self._splits = {name: ray.put(split) for name, split in study.splits.items()}
        self._plans = {plan.id: plan for plan in study.every_plan()}
        self._claims: dict[str, Claim] = {}
        self._progress: dict[str, tuple[int, float]] = {}
        self._renewed_at = time.monotonic()

    def fetch(self, plan: RunPlan) -> bool:
        return plan.id in self._finished and self._bring(plan)

    def send(self, plan: RunPlan, errand: Errand) -> Any:
        task, split = _task(plan, self._share, errand), self._splits[plan.replicate.split_name]
        return self._do.remote(task, self._url, self._board, self._dataset, split)

    def land(self, plan: RunPlan, status: RunStatus | None) -> None:
        if claim := self._claims.pop(plan.id, None):
            claim.release()
        if status is None:
            return
        if status.status == "failed":
            mark_ended(self._study.folder.run(plan.id), status)
        elif not self._bring(plan):
            raise StudyError(
                f"run {plan.id} has ended, but its results are not in {self._url!r}; check that "
                "all machines of the Ray cluster reach this store"
            )

    def look(self) -> Iterator[RunPlan]:
        news = self._ray.get(self._board.take.remote())
        self._progress.update(news)
        if time.monotonic() - self._renewed_at > _RENEW_S:
            self._renewed_at = time.monotonic()
            news = {run: self._progress[run] for run in self._claims}
        for run, (epochs_done, seconds) in news.items():
            claim = self._claims.get(run) or take_claim(self._study.folder.run(run))
            if claim is None:
                yield self._plans[run]
            else:
                self._claims[run] = claim
                claim.renew(epochs_done=epochs_done, seconds=seconds)

    def epochs_done(self, plan: RunPlan) -> int:
        return self._progress.get(plan.id, (0, 0.0))[0]

    def leave(self) -> None:
        for claim in self._claims.values():
            claim.release()

    def _bring(self, plan: RunPlan) -> bool:
        """Get a run's results from the store, unless another process is at the run."""
        folder = self._study.folder.run(plan.id)
        if (claim := take_claim(folder)) is None:
            return False
        try:
            return plan.has_ended(self._store.ended(plan.id)) and self._store.fetch(folder)
        finally:
            claim.release()


class _Board:
    """A Ray actor beside the driver: how far each run is."""

    def __init__(self) -> None:
        self._news: dict[str, tuple[int, float]] = {}

    def put(self, run: str, epochs_done: int, seconds: float) -> None:
        self._news[run] = (epochs_done, seconds)

    def take(self) -> dict[str, tuple[int, float]]:
        """The news since the last time."""
        news, self._news = self._news, {}
        return news


def _task(plan: RunPlan, share: Share, errand: Errand) -> Task:
    return Task(
        plan.point,
        plan.settings,
        plan.replicate,
        plan.scheme,
        share,
        errand,
        plan.early_rule,
        plan.adjustment,
    )
