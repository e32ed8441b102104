"""How many runs at a time, with how many threads each: measured once per machine and network.

A small network does not keep many cores busy: two runs with one thread each can be done sooner than
one after the other with two threads. By how much depends on machine and network, so it is measured,
with as many processes at work as there would be, and kept in the user's cache folder.
"""

import hashlib
import json
import math
import multiprocessing
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import mean
from threading import BrokenBarrierError
from typing import Any

import platformdirs
import psutil
import torch

from myosweep.config import flatten
from myosweep.files import read_json, write_json
from myosweep.study.open import Study
from myosweep.study.resources import Resources
from myosweep.training.device import Computer, processor_count
from myosweep.training.plan import RunPlan
from myosweep.training.speed import Speed, measure_speed, with_few_slices

LONG_S = 300.0
"""A study that takes less than this, one run at a time, is not worth the measuring."""
_MEMORY_SHARE = 0.7
_CLEARLY = 0.95
BUSY_PERCENT = 30.0
"""Other programs that use more of the processor make measurements worthless for another day."""
_LONGEST_WAIT_S = 300.0
_FREE = ("l2.strength", "learning_rate", "shuffle", "epochs")
"""Settings that change no step's time."""


@dataclass(frozen=True)
class Layout:
    """So many runs at a time, with so many processor threads each."""

    jobs: int
    threads: int


@dataclass(frozen=True)
class Trial:
    """A layout, and what a run costs in it; None where its processes ended, for lack of memory."""

    layout: Layout
    speed: Speed | None
    batch_size: int

    @property
    def images_per_s(self) -> float:
        """Training images per second of all runs together; 0 where none were trained."""
        return self.layout.jobs * self.batch_size / self.speed.step_s if self.speed else 0.0


@dataclass(frozen=True)
class Choice:
    """The resources with their number of runs at a time, and what it was chosen from."""

    resources: Resources
    trials: tuple[Trial, ...] = ()


def choose_jobs(
    study: Study, resources: Resources, progress: Callable[[int, int], None] = lambda *_: None
) -> Choice:
    """Fix how many runs are done at a time, where the user has not.

    On a processor the ways to share its cores are measured, unless the study is short. The whole
    study decides, not what is left of it, so that a continued study keeps its number of threads.

    Args:
        progress: called with ways measured and ways in all.
    """
    plan = max(study.plans(), key=_size)
    computer = resources.computer(plan.settings.precision)
    given = resources.jobs or resources.threads or resources.together.processes > 1
    if given or computer.device != "cpu":
        return Choice(resources)
    runs = len(study.plans())
    layouts = ways_to_share(processor_count(), runs)
    trials = [_try(plan, layouts[0], computer)]
    alone = trials[0].speed
    if alone is None or alone.run_seconds(plan) * runs < LONG_S:
        return Choice(replace(resources, jobs=1))
    for layout in layouts[1:]:
        progress(len(trials), len(layouts))
        if layout.jobs * alone.memory_mb < _MEMORY_SHARE * psutil.virtual_memory().total / 1e6:
            trials.append(_try(plan, layout, computer))
    progress(len(layouts), len(layouts))
    best = soonest(plan, trials, runs)
    return Choice(replace(resources, jobs=best.jobs, threads=best.threads), tuple(trials))


def _try(plan: RunPlan, layout: Layout, computer: Computer) -> Trial:
    return Trial(layout, speed_of(plan, layout, computer), plan.settings.batch_size)


def ways_to_share(cores: int, runs: int) -> list[Layout]:
    """One run at a time, two, four, ... and one per core, as far as there are runs for it.

    >>> ways_to_share(6, 100)
    [Layout(jobs=1, threads=6), Layout(jobs=2, threads=3), Layout(jobs=4, threads=1), \
Layout(jobs=6, threads=1)]
    """
    most = max(1, min(cores, runs))
    jobs = [2**power for power in range(most.bit_length()) if 2**power < most]
    return [Layout(number, cores // number) for number in [*jobs, most]]


def soonest(plan: RunPlan, trials: Sequence[Trial], runs: int) -> Layout:
    """The layout that ends the study soonest; of those nearly as good the one with fewest jobs."""

    def seconds(trial: Trial) -> float:
        if trial.speed is None:
            return math.inf
        rounds = math.ceil(runs / trial.layout.jobs)
        return rounds * trial.speed.run_seconds(plan) + trial.speed.start_s

    least = min(map(seconds, trials))
    good = [trial.layout for trial in trials if seconds(trial) * _CLEARLY <= least]
    return min(good, key=lambda layout: layout.jobs)


def speed_of(plan: RunPlan, layout: Layout, computer: Computer) -> Speed | None:
    """What a run costs in a layout: as measured before on this machine, or measured now.

    What is measured while other programs keep the processor busy is not kept for the next time.
    """
    computer = replace(computer, threads=layout.threads)
    key = _key(plan, layout, computer)
    if key not in _known:
        file = platformdirs.user_cache_path("myosweep") / "speed" / f"{key}.json"
        if (speed := _read(file)) is None:
            busy = busy_percent() > BUSY_PERCENT
            speed = _measure(with_few_slices(plan), layout, computer)
            if speed and not busy:
                with suppress(OSError):
                    write_json(file, asdict(speed))
        _known[key] = speed
    return _known[key]


_known: dict[str, Speed | None] = {}


def busy_percent() -> float:
    """How much of the processor programs use at this moment, in per cent."""
    return psutil.cpu_percent(interval=1.0)


def _read(file: Path) -> Speed | None:
    try:
        return Speed(**read_json(file))
    except (OSError, ValueError, TypeError):
        return None


def _measure(plan: RunPlan, layout: Layout, computer: Computer) -> Speed | None:
    """The mean over the layout's processes, which train at the same time."""
    if layout.jobs == 1:
        return measure_speed(plan, computer)
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(layout.jobs)
    with ProcessPoolExecutor(layout.jobs, context, _meet_at, (barrier,)) as pool:
        futures = [pool.submit(_train_a_little, plan, computer) for _ in range(layout.jobs)]
        try:
            speeds = [future.result() for future in futures]
        except (BrokenProcessPool, BrokenBarrierError, MemoryError):
            return None
    return Speed(*(mean(values) for values in zip(*map(_values, speeds), strict=True)))


def _values(speed: Speed) -> tuple[float, ...]:
    return tuple(asdict(speed).values())


_barrier: Any = None


def _meet_at(barrier: Any) -> None:
    """Keep, in a new process, the barrier at which all wait for each other."""
    global _barrier
    _barrier = barrier


def _train_a_little(plan: RunPlan, computer: Computer) -> Speed:
    start_s = time.time() - psutil.Process().create_time()
    speed = measure_speed(plan, computer, ready=lambda: _barrier.wait(_LONGEST_WAIT_S))
    return replace(speed, start_s=start_s)


def _key(plan: RunPlan, layout: Layout, computer: Computer) -> str:
    """Names a measurement by all that may change it."""
    settings = flatten(plan.settings.model_dump())
    content = {
        "settings": {path: value for path, value in settings.items() if path not in _FREE},
        "image": plan.dataset.images.shape[1:],
        "regions": len(plan.scheme.regions),
        "machine": computer.machine,
        "cores": processor_count(),
        "torch": torch.__version__,
        **asdict(layout),
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def _size(plan: RunPlan) -> tuple[int, int, int]:
    return plan.settings.first_filters, plan.settings.depth, plan.settings.batch_size
