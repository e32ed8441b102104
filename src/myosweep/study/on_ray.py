"""Doing the missing runs on the machines of a Ray cluster: one task per run."""

import logging
import os
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

from myosweep.errors import InputError, StudyError
from myosweep.results.rows import RunStatus
from myosweep.study.execute import mark_ended
from myosweep.study.interrupt import terminable
from myosweep.study.open import Study
from myosweep.study.ray_places import Place, SharedFolder, ThroughStore
from myosweep.study.ray_task import Share
from myosweep.study.resources import Resources
from myosweep.training.claim import Errand, is_claimed
from myosweep.training.plan import RunPlan, describe_run

_POLL_S = 1.0
_GRACE_S = 30.0
_GIVE_UP = 3


@dataclass(frozen=True)
class OnRay:
    """Which Ray to use, and how results come back.

    Attributes:
        address: of a cluster, as ``ray start`` prints it; None starts Ray on this machine, unless
            the environment variable RAY_ADDRESS names a cluster.
        gpus: GPUs of a run, such as 0.5, if the device is a GPU.
        store: fsspec URL through which results come back; empty if all machines share the study's
            folder.
    """

    address: str | None = None
    gpus: float = 1.0
    store: str = ""

    def __call__(self, study: Study, resources: Resources) -> None:
        """Do every run that is missing on Ray's machines; wait for those that others do.

        Each run gets ``resources.threads`` processors, by default one. The device ``auto`` takes
        GPUs if Ray has any.

        A run that fails is marked so, and the others go on. The run of a dead worker or machine is
        continued by another one from its last whole epoch, until it has died three times in a row
        without a further epoch. Ctrl-C leaves every run at its last whole epoch.

        Raises:
            StudyError: if there is no Ray, if it cannot run this, or if its machines do not share
                the study's folder and there is no store.
        """
        with _connected(self.address) as ray:
            share = _share(ray, resources, self.gpus)
            place = (ThroughStore if self.store else SharedFolder)(ray, study, share, self.store)
            _Dispatch(ray, study, place).run()


def parse_on(text: str) -> str | None:
    """The address in ``ray`` or ``ray:ADDRESS``; None for ``ray`` alone.

    >>> parse_on("ray:10.0.0.5:6379")
    '10.0.0.5:6379'

    Raises:
        StudyError: if it is neither.
    """
    engine, _, address = text.partition(":")
    if engine != "ray" or text.endswith(":"):
        raise StudyError(
            f"--on is ray or ray:ADDRESS, such as ray:10.0.0.5:6379, got {text!r}; for SLURM let a "
            "job array start `myosweep run STUDY --worker`"
        )
    if "//" in address:
        raise StudyError(
            f"--on takes the address that `ray start` prints, such as ray:10.0.0.5:6379, got "
            f"{text!r}; start myosweep on a machine of the cluster"
        )
    return address or None


def require_ray() -> None:
    """Raise a ``StudyError`` if Ray is not installed."""
    if find_spec("ray") is None:
        raise StudyError(
            "--on ray needs Ray, which is not installed; install it with "
            "`pip install 'myosweep[ray]'`"
        )


@contextmanager
def _connected(address: str | None) -> Iterator[Any]:
    """The module ``ray``, connected; a Ray that was started here is ended.

    Raises:
        StudyError: if Ray is not installed, or nothing answers.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    require_ray()
    import ray

    if ray.is_initialized():
        yield ray
        return
    where = address or os.environ.get("RAY_ADDRESS") or "local"
    try:
        ray.init(
            where,
            include_dashboard=False if where == "local" else None,
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
    except (ConnectionError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        raise StudyError(
            f"no Ray cluster answers at {where!r} ({str(error).splitlines()[0]}); start one with "
            "`ray start --head` and give the address that it prints, or give --on ray alone"
        ) from None
    try:
        with terminable():  # Ray has put its own handler in the place of ours
            yield ray
    finally:
        ray.shutdown()


def _share(ray: Any, resources: Resources, gpus_of_run: float) -> Share:
    """What each run gets.

    Raises:
        StudyError: if no machine of the cluster has that.
    """
    machines = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    gpus = max(machine.get("GPU", 0.0) for machine in machines)
    device = resources.device
    if device == "auto":
        device = "cuda" if gpus else "cpu"
    share = Share(device, resources.threads or 1, gpus_of_run if device == "cuda" else 0.0)
    if not any(
        machine.get("CPU", 0.0) >= share.threads and machine.get("GPU", 0.0) >= share.gpus
        for machine in machines
    ):
        cpus = max(machine.get("CPU", 0.0) for machine in machines)
        raise StudyError(
            f"a run gets {share.threads} processors and {share.gpus:g} GPUs, but no machine of the "
            f"Ray cluster has both (largest: {cpus:g} processors, {gpus:g} GPUs); give other "
            "--threads or --gpus, or another --device"
        )
    return share


@dataclass
class _Errand:
    """What the driver knows of a run that it sends out: attempts, and deaths since an epoch."""

    plan: RunPlan
    name: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    attempt: int = 0
    epochs_done: int = 0
    deaths: int = 0

    def next(self) -> Errand:
        self.attempt += 1
        return Errand(self.name, self.attempt)

    def has_died(self, epochs_done: int) -> bool:
        """Count a death; whether the run is to be given up."""
        self.deaths = 1 if epochs_done > self.epochs_done else self.deaths + 1
        self.epochs_done = max(epochs_done, self.epochs_done)
        return self.deaths >= _GIVE_UP


class _Dispatch:
    """Sends runs out, and books how they come back."""

    def __init__(self, ray: Any, study: Study, place: Place) -> None:
        self._ray, self._study, self._place = ray, study, place
        self._out: dict[Any, _Errand] = {}

    def run(self) -> None:
        """Send runs out until none is left."""
        try:
            while waiting := self._study.untried():
                for plan in waiting:
                    if not is_claimed(self._study.folder.run(plan.id)):
                        self._send(_Errand(plan))
                if not self._out:
                    time.sleep(_POLL_S)
                while self._out:
                    self._book()
        except BaseException:
            self._call_back()
            raise
        finally:
            self._place.leave()

    def _send(self, errand: _Errand) -> None:
        if self._place.fetch(errand.plan):
            self._follow(errand.plan)
            return
        self._out[self._place.send(errand.plan, errand.next())] = errand

    def _book(self) -> None:
        """Wait a moment, and take what has come back."""
        landed, _ = self._ray.wait(list(self._out), num_returns=1, timeout=_POLL_S)
        for reference in landed:
            errand = self._out.pop(reference)
            try:
                status = self._ray.get(reference)
            except self._ray.exceptions.TaskCancelledError:
                self._place.land(errand.plan, None)
            except self._ray.exceptions.RayTaskError as error:
                raise _reason(error) from None
            except self._ray.exceptions.RayError as error:
                self._lost(errand, error)
            else:
                self._place.land(errand.plan, status)
                self._follow(errand.plan)
        for plan in self._place.look():
            self._recall(plan)

    def _follow(self, plan: RunPlan) -> None:
        """Send out what takes the place of a run that the early rule has stopped."""
        if following := self._study.following(plan):
            describe_run(following, self._study.folder.run(following.id))
            if not is_claimed(self._study.folder.run(following.id)):
                self._send(_Errand(following))

    def _lost(self, errand: _Errand, error: Exception) -> None:
        """A worker or a machine died: send the run out again, or give it up."""
        if not errand.has_died(self._place.epochs_done(errand.plan)):
            self._send(errand)
            return
        status = RunStatus(
            status="failed",
            error=f"{type(error).__name__}: its worker died {_GIVE_UP} times in a row without a "
            "further epoch, perhaps for lack of memory",
        )
        self._place.land(errand.plan, None)
        mark_ended(self._study.folder.run(errand.plan.id), status, errand.next())

    def _recall(self, plan: RunPlan) -> None:
        """Another process has taken up a run that is out."""
        for reference, errand in self._out.items():
            if errand.plan.id == plan.id:
                self._ray.cancel(reference)

    def _call_back(self) -> None:
        """Stop what is out; each run stays at its last whole epoch."""
        with suppress(self._ray.exceptions.RayError):
            for reference in self._out:
                self._ray.cancel(reference)
            if self._out:
                self._ray.wait(list(self._out), num_returns=len(self._out), timeout=_GRACE_S)
            list(self._place.look())


def _reason(error: Any) -> InputError:
    """What stopped a task before its run began, as one sentence."""
    cause = error.cause
    if isinstance(cause, InputError):
        return StudyError(cause.problems)
    return StudyError(
        f"a machine of the Ray cluster cannot do runs: {type(cause).__name__}: {cause}; install "
        "the same myosweep, Python and Ray on all of them"
    )
