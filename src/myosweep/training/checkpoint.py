"""A run's state after a whole epoch: weights, Adam's moments, history. Replaced whole."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from myosweep.model.weights import read_tensors, write_tensors
from myosweep.results.layout import RunFolder
from myosweep.training.fit import has_diverged
from myosweep.training.learned_l2 import LearnedL2
from myosweep.training.optimizer import held_by
from myosweep.training.together import ALONE, Together

_MOMENTS = ("exp_avg", "exp_avg_sq")


@dataclass
class Progress:
    """What a run has behind it: the rows of its history, its time, the machines it ran on."""

    history: list[dict[str, int | float]]
    seconds: float
    machines: list[str]

    @property
    def epochs_done(self) -> int:
        return len(self.history)

    @property
    def diverged(self) -> bool:
        """Whether the last epoch diverged; then no further one makes sense."""
        return bool(self.history) and has_diverged(self.history[-1])


def write_checkpoint(
    folder: RunFolder,
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    progress: Progress,
    learned: LearnedL2 | None = None,
) -> None:
    """Replace the run's checkpoint."""
    tensors: dict[str, Tensor] = {
        f"weights/{name}": value for name, value in network.named_parameters()
    }
    for name, held in held_by(optimizer, network):
        for moment in _MOMENTS:
            tensors[f"{moment}/{name}"] = optimizer.state[held][moment]
    if learned:
        tensors |= learned.state()
    step = float(next(iter(optimizer.state.values()))["step"])
    facts = {
        "step": step,
        "history": [[list(row), list(map(repr, row.values()))] for row in progress.history],
        "seconds": progress.seconds,
        "machines": progress.machines,
    }
    write_tensors(folder.checkpoint, tensors, facts)


def read_checkpoint(
    folder: RunFolder,
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    learned: LearnedL2 | None = None,
    together: Together = ALONE,
) -> Progress:
    """Put the checkpoint's state, if there is one, into network, optimiser and learned L2.

    Together, the main process reads it for all, who then start from one state.

    Raises:
        StudyError: if the checkpoint is damaged.
    """
    found = together.on_main(
        lambda: read_tensors(folder.checkpoint) if folder.checkpoint.exists() else None
    )
    if found is None:
        return Progress([], 0.0, [])
    tensors, facts = found
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            parameter.copy_(tensors[f"weights/{name}"])
        for name, held in held_by(optimizer, network):
            state: dict[str, Any] = {
                moment: torch.empty_like(held).copy_(tensors[f"{moment}/{name}"])
                for moment in _MOMENTS
            }
            step = torch.tensor(facts["step"], dtype=torch.float32, device=held.device)
            optimizer.state[held] = {"step": step, **state}
    if learned:
        learned.restore(tensors)
    history: list[dict[str, int | float]] = [
        dict(zip(names, map(float, values), strict=True)) for names, values in facts["history"]
    ]
    return Progress(history, facts["seconds"], facts["machines"])
