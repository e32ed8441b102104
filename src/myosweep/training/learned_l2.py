"""L2 learned during one training, by the gradient of the validation loss through one step.

After a training step the validation loss is differentiated with respect to the strength that the
step used, through that step alone (Luketina et al., Scalable Gradient-Based Tuning of Continuous
Regularization Hyperparameters, ICML 2016); here through Adam, with its moments. The logarithm
of the strength follows this gradient by Adam steps of its own.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from myosweep.config import RunSettings
from myosweep.training.optimizer import BETAS, EPSILON, penalised, set_strength

EVERY = 5
"""Training steps per step of the strength: a fifth more work."""
_LOWEST, _HIGHEST = 1e-10, 1e2


@dataclass
class LearnedL2:
    """The strengths of a training's groups of weights, and Adam's moments of their logarithms.

    Attributes:
        logarithms, first, second: one number per group, in the optimiser's order.
        steps: of the strength, so far.
    """

    optimizer: torch.optim.Optimizer
    settings: RunSettings
    logarithms: Tensor
    first: Tensor
    second: Tensor
    steps: int = 0

    @classmethod
    def start(cls, optimizer: torch.optim.Optimizer, settings: RunSettings) -> "LearnedL2":
        """As the optimiser was built."""
        strengths = [group["strength"] for group in penalised(optimizer)]
        logarithms = torch.tensor(strengths, dtype=torch.float64).log()
        return cls(
            optimizer,
            settings,
            logarithms,
            torch.zeros_like(logarithms),
            torch.zeros_like(logarithms),
        )

    @property
    def strengths(self) -> list[float]:
        """One per group."""
        return [group["strength"] for group in penalised(self.optimizer)]

    def state(self) -> dict[str, Tensor]:
        """What a checkpoint keeps."""
        return {
            "learned_l2/logarithms": self.logarithms,
            "learned_l2/first": self.first,
            "learned_l2/second": self.second,
            "learned_l2/steps": torch.tensor(self.steps),
        }

    def restore(self, state: dict[str, Tensor]) -> None:
        """Take up what ``state`` gave."""
        self.logarithms = state["learned_l2/logarithms"]
        self.first, self.second = state["learned_l2/first"], state["learned_l2/second"]
        self.steps = int(state["learned_l2/steps"])
        self._apply()

    def remember(self) -> list[list[Tensor]]:
        """The weights before a training step."""
        return [[one.detach().clone() for one in g["params"]] for g in penalised(self.optimizer)]

    def adapt(self, before: list[list[Tensor]], validation: Iterable[Tensor]) -> None:
        """Let the strengths follow the validation loss after a training step.

        Args:
            before: the weights that the step started from.
            validation: the gradient of the validation loss at the weights that it led to, one
                tensor per weight tensor, in the order of the groups.
        """
        gradients = iter(validation)
        slopes = [
            sum(
                float((next(gradients) * self._response(group, one, old)).sum())
                for one, old in zip(group["params"], olds, strict=True)
            )
            for group, olds in zip(penalised(self.optimizer), before, strict=True)
        ]
        slope = torch.tensor(slopes, dtype=torch.float64) * self.logarithms.exp()
        if not slope.isfinite().all():
            return
        self.steps += 1
        self.first.lerp_(slope, 1 - BETAS[0])
        self.second.lerp_(slope**2, 1 - BETAS[1])
        mean = self.first / (1 - BETAS[0] ** self.steps)
        size = (self.second / (1 - BETAS[1] ** self.steps)).sqrt()
        step = torch.where(size > 0, mean / size, 0.0)
        self.logarithms = self.logarithms - self.settings.l2.learned.rate * step
        limits = torch.tensor([_LOWEST, _HIGHEST], dtype=torch.float64).log()
        self.logarithms = self.logarithms.clamp(limits[0], limits[1])
        self._apply()

    def _apply(self) -> None:
        for group, logarithm in zip(penalised(self.optimizer), self.logarithms, strict=True):
            set_strength(group, float(logarithm.exp()), self.settings.l2.kind)

    def _response(self, group: dict[str, Any], one: Tensor, old: Tensor) -> Tensor:
        """How the weights after the step change with the strength that it used.

        Weights, moments and gradient before the step stand fixed.
        """
        rate, kind = group["lr"], self.settings.l2.kind
        if kind == "decoupled":
            return -rate * old
        pull = old.sign() if kind == "l1" else old
        state = self.optimizer.state[one]
        count = float(state["step"])
        assert one.grad is not None
        # torch adds the penalty within its step, and the sign of L1 is in the gradient already
        gradient = one.grad if kind == "l1" else one.grad + group["strength"] * old
        mean = state["exp_avg"] / (1 - BETAS[0] ** count)
        root = (state["exp_avg_sq"] / (1 - BETAS[1] ** count)).sqrt()
        of_mean = (1 - BETAS[0]) / (1 - BETAS[0] ** count) * pull
        of_square = 2 * (1 - BETAS[1]) / (1 - BETAS[1] ** count) * gradient * pull
        of_root = torch.where(root > 0, of_square / (2 * root), 0.0)
        below = root + EPSILON
        return -rate * (of_mean / below - mean * of_root / below**2)
