"""What training costs on a computer, measured on a few real steps."""

import itertools
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import psutil

from myosweep.data.split import PARTS
from myosweep.metrics import count_slices, outline_lengths_px
from myosweep.model.unet import UNet
from myosweep.results.layout import RunFolder
from myosweep.training.checkpoint import Progress, write_checkpoint
from myosweep.training.device import Computer
from myosweep.training.fit import predict_regions, train_step
from myosweep.training.optimizer import build_optimizer
from myosweep.training.plan import RunPlan, build_network
from myosweep.training.samples import MiniBatch, Samples, mini_batches
from myosweep.training.score import RegionMaps

_WARM_UP, _WARM_UP_S = 2, 1.0
_STEPS, _TIMED_S = 4, 3.0
_SLICES = 32
_LOOK_S = 0.02


@dataclass(frozen=True)
class Speed:
    """The seconds that each part of a run takes, and the memory that the run needs.

    Attributes:
        step_s: one step of the optimiser, its mini-batch included.
        slice_s: predicting one slice, from one copy of it.
        score_s: counting what was right on one slice.
        save_s: writing a checkpoint.
        memory_mb: largest resident memory of the process meanwhile.
        start_s: from the start of a process until it can train; 0 where none was started.
    """

    step_s: float
    slice_s: float
    score_s: float
    save_s: float
    memory_mb: float
    start_s: float = 0.0

    def run_seconds(self, plan: RunPlan) -> float:
        """Seconds of a whole run: training, validating, saving, scoring."""
        slices = {part: len(plan.split.part(part)) for part in PARTS}
        steps = slices["training"] // plan.settings.batch_size
        epoch_s = steps * self.step_s + slices["validation"] * self.slice_s + self.save_s
        answer_s = plan.settings.test_time_averaging * self.slice_s
        return plan.settings.epochs * epoch_s + sum(slices.values()) * (answer_s + self.score_s)


def with_few_slices(plan: RunPlan) -> RunPlan:
    """The same work on a handful of the training slices, small enough to send to a process."""
    wanted = max(_SLICES, plan.settings.batch_size)
    rows = np.sort(plan.split.rows("training", plan.dataset)[:wanted])
    dataset = replace(
        plan.dataset,
        images=np.array(plan.dataset.images[rows]),
        labels=np.array(plan.dataset.labels[rows]),
        slices=plan.dataset.slices.iloc[rows].reset_index(drop=True),
    )
    keys = tuple(dataset.slices["slice"])
    parts = {"training": keys, "validation": keys[:1], "test": keys[:1]}
    return replace(plan, dataset=dataset, split=plan.split.model_copy(update=parts))


def measure_speed(
    plan: RunPlan, computer: Computer, ready: Callable[[], object] = lambda: None
) -> Speed:
    """Train a little and time it; nothing is kept.

    Args:
        ready: called after the first, untimed steps; waits for others that are to train meanwhile.
    """
    with computer.active(), _largest_memory() as memory_mb:
        training = plan.samples()["training"]
        network = build_network(plan, computer)
        optimizer = build_optimizer(network, plan.settings, plan.steps_per_epoch)
        batches = _endless_batches(plan, training, network)

        def step() -> None:
            train_step(network, optimizer, next(batches), plan.settings, computer)

        def save() -> None:
            with tempfile.TemporaryDirectory() as folder:
                nothing = Progress([], 0.0, [])
                write_checkpoint(RunFolder(Path(folder)), network, optimizer, nothing)

        def predict() -> None:
            pairs[:] = predict_regions(network, few, computer)

        def score() -> None:
            for references, predictions in pairs:
                outline_lengths_px(references, len(few.scheme.regions))
                count_slices(references, predictions, len(few.scheme.regions))

        few = replace(training, rows=training.rows[:_SLICES], worse_images=None)
        pairs: list[tuple[RegionMaps, RegionMaps]] = []
        network.train()
        _seconds(step, _WARM_UP, _WARM_UP_S)
        ready()
        step_s, save_s = _seconds(step, _STEPS, _TIMED_S), _seconds(save)
        predict()
        slice_s, score_s = (_seconds(act, 2) / len(few) for act in (predict, score))
    return Speed(step_s, slice_s, score_s, save_s, max(memory_mb))


def _endless_batches(plan: RunPlan, training: Samples, network: UNet) -> Iterator[MiniBatch]:
    shapes = network.dropout_shapes(*plan.dataset.images.shape[1:])
    for epoch in itertools.count(1):
        yield from mini_batches(training, plan.settings, plan.seed, epoch, shapes)


def _seconds(act: Callable[[], None], least: int = 1, least_s: float = 0.0) -> float:
    """Mean seconds of an act, done so often and for so long at least."""
    started_at, times = time.perf_counter(), 0
    while times < least or time.perf_counter() - started_at < least_s:
        act()
        times += 1
    return (time.perf_counter() - started_at) / times


@contextmanager
def _largest_memory() -> Iterator[list[float]]:
    """Give a list that fills, in the background, with this process's memory in MB."""
    process, done = psutil.Process(), threading.Event()
    seen = [process.memory_info().rss / 1e6]

    def look() -> None:
        while not done.wait(_LOOK_S):
            seen[:] = [max(seen[0], process.memory_info().rss / 1e6)]

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        done.set()
        thread.join()
