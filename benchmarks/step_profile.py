"""Where the time of a training step goes, from torch's own profile; `peak.py` prints it."""

import time
from collections import Counter
from typing import Any

from torch.profiler import ProfilerActivity, profile, record_function

from loops import endless_batches
from myosweep.training.device import Computer
from myosweep.training.fit import train_step
from myosweep.training.optimizer import build_optimizer
from myosweep.training.plan import RunPlan, build_network

KINDS = {
    "convolution forward": ("conv_forward", "aten::mkldnn_convolution", "aten::_convolution"),
    "convolution backward": ("aten::convolution_backward", "aten::mkldnn_convolution_backward"),
    "matrix products": ("aten::mm", "aten::addmm", "aten::bmm", "aten::mkldnn_linear"),
    "optimiser": ("aten::_fused_adam_", "aten::_fused_adamw_", "Optimizer.step"),
    "casts and copies": ("aten::copy_", "aten::_to_copy", "aten::clone", "aten::contiguous"),
    "norms": ("aten::_foreach_norm", "aten::linalg_vector_norm", "aten::norm"),
    "joining skips": ("aten::cat",),
    "activations": ("aten::relu_", "aten::relu", "aten::threshold_backward", "aten::clamp_min_"),
    "pooling": ("aten::max_pool2d_with_indices", "aten::max_pool2d_with_indices_backward"),
    "loss": (
        "aten::_log_softmax",
        "aten::_log_softmax_backward_data",
        "aten::nll_loss2d_forward",
        "aten::nll_loss2d_backward",
    ),
    "sums and fills": ("aten::sum", "aten::add_", "aten::fill_", "aten::add"),
    "dropout": ("aten::mul", "aten::div"),
    "data": ("data",),
}
"""Names in torch's profile of what a step does; anything else is called the rest."""


def profile_step(plan: RunPlan, computer: Computer, steps: int) -> dict[str, float]:
    """Share of a step's time by what it does, in torch's profile of so many steps."""
    network = build_network(plan, computer).train()
    optimizer = build_optimizer(network, plan.settings)
    batches = endless_batches(plan, network)

    def step() -> None:
        with record_function("data"):
            batch = next(batches)
        train_step(network, optimizer, batch, plan.settings, computer)

    for _ in range(2):
        step()
    with profile(activities=[ProfilerActivity.CPU], acc_events=True) as profiled:
        started_at = time.perf_counter()
        for _ in range(steps):
            step()
        total_us = (time.perf_counter() - started_at) * 1e6
    return shares_of(profiled.key_averages(), total_us)


def shares_of(events: Any, total_us: float) -> dict[str, float]:
    """Shares by kind, largest first; the rest holds what no kind names, Python's time included."""
    kinds = {name: kind for kind, names in KINDS.items() for name in names}
    spent: Counter[str] = Counter()
    for event in events:
        if event.key == "data":
            spent["data"] += event.cpu_time_total
        elif kind := kinds.get(event.key.split("#")[0]):
            spent[kind] += event.self_cpu_time_total
    shares = {kind: time_us / total_us for kind, time_us in spent.most_common()}
    return shares | {"the rest": max(0.0, 1 - sum(shares.values()))}


def print_shares(shares: dict[str, float]) -> None:
    words = [f"{kind} {100 * share:.1f} %" for kind, share in shares.items() if share >= 0.001]
    print(f"  where a step's time goes: {', '.join(words)}", flush=True)
