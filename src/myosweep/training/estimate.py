"""How long a run will take here, from a few real steps."""

import itertools
import time

from myosweep.training.device import Computer
from myosweep.training.fit import predict_regions, train_step
from myosweep.training.optimizer import build_optimizer
from myosweep.training.run import RunPlan, build_network
from myosweep.training.samples import Samples, mini_batches

_WARM_UP, _STEPS, _PREDICTED = 2, 4, 32


def estimate_seconds(plan: RunPlan, computer: Computer) -> float:
    """Seconds that a run of the plan takes on this computer: training, validating, scoring."""
    with computer.active():
        return _estimate(plan, computer)


def _estimate(plan: RunPlan, computer: Computer) -> float:
    parts = plan.samples()
    network = build_network(plan, computer)
    optimizer = build_optimizer(network, plan.settings)
    shapes = network.dropout_shapes(*plan.dataset.images.shape[1:])
    endless = itertools.chain.from_iterable(
        mini_batches(parts["training"], plan.settings, plan.seed, epoch, shapes)
        for epoch in itertools.count(1)
    )
    network.train()
    started_at = 0.0
    for step, batch in enumerate(itertools.islice(endless, _WARM_UP + _STEPS)):
        if step == _WARM_UP:
            started_at = time.perf_counter()
        train_step(network, optimizer, batch, plan.settings, computer)
    step_s = (time.perf_counter() - started_at) / _STEPS
    few = parts["training"]
    few = Samples(few.dataset, few.rows[:_PREDICTED], few.scheme, few.normaliser)
    started_at = time.perf_counter()
    for _ in predict_regions(network, few, computer):
        pass
    slice_s = (time.perf_counter() - started_at) / len(few)
    steps = len(parts["training"]) // plan.settings.batch_size
    epoch_s = steps * step_s + len(parts["validation"]) * slice_s
    return plan.settings.epochs * epoch_s + sum(map(len, parts.values())) * slice_s
