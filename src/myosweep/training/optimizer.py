"""What each kind of L2 touches: convolution weights, never biases."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from myosweep.config import RunSettings


def build_optimizer(network: nn.Module, settings: RunSettings) -> torch.optim.Optimizer:
    """Adam with MATLAB's constants, and L2 on weights only.

    ``penalty`` adds ``strength x weight`` to the gradient before Adam's moments (torch's
    ``weight_decay`` of Adam); ``decoupled`` shrinks the weights beside Adam's step (AdamW). The
    biases of transposed convolutions learn twice as fast, as in MATLAB's ``unetLayers``.
    """
    rate, strength = settings.learning_rate, settings.l2.strength
    groups = [
        {"params": list(weights(network)), "weight_decay": strength},
        {"params": list(_biases(network, of_transposed=False)), "weight_decay": 0.0},
        {"params": list(_biases(network, of_transposed=True)), "weight_decay": 0.0, "lr": 2 * rate},
    ]
    kind = torch.optim.Adam if settings.l2.kind == "penalty" else torch.optim.AdamW
    return kind(groups, lr=rate, betas=(0.9, 0.999), eps=1e-8, fused=True)


def weights(network: nn.Module) -> Iterable[Tensor]:
    """The parameters that L2 touches: all with two or more axes."""
    return (parameter for parameter in network.parameters() if parameter.ndim > 1)


def _biases(network: nn.Module, *, of_transposed: bool) -> Iterable[Tensor]:
    for module in network.modules():
        for parameter in module.parameters(recurse=False):
            if parameter.ndim < 2 and isinstance(module, nn.ConvTranspose2d) is of_transposed:
                yield parameter
