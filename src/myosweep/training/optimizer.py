"""What each kind of L2 touches: convolution weights, never biases."""

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor, nn

from myosweep.config import RunSettings


def build_optimizer(network: nn.Module, settings: RunSettings) -> torch.optim.Optimizer:
    """Adam with MATLAB's constants, and L2 on weights only.

    ``penalty`` adds ``strength x weight`` to the gradient before Adam's moments (torch's
    ``weight_decay`` of Adam); ``decoupled`` shrinks the weights beside Adam's step (AdamW). The
    biases of transposed convolutions learn twice as fast, as in MATLAB's ``unetLayers``.

    The optimiser holds each parameter as it lies in memory (``held_by`` finds it), because
    the fused Adam copies, to and fro, what lies in another order than its axes. A step takes the
    gradients from the network's parameters.
    """
    rate, strength = settings.learning_rate, settings.l2.strength
    lying: dict[Tensor, Tensor] = {
        parameter: _as_it_lies(parameter) for parameter in network.parameters()
    }

    def held(parameters: Iterable[Tensor]) -> list[Tensor]:
        return [lying[parameter] for parameter in parameters]

    def take_gradients(*_: object) -> None:
        for parameter, same in lying.items():
            if same is not parameter and parameter.grad is not None:
                same.grad, parameter.grad = _as_it_lies(parameter.grad), None

    groups = [
        {"params": held(weights(network)), "weight_decay": strength},
        {"params": held(_biases(network, of_transposed=False)), "weight_decay": 0.0},
        {
            "params": held(_biases(network, of_transposed=True)),
            "weight_decay": 0.0,
            "lr": 2 * rate,
        },
    ]
    kind = torch.optim.Adam if settings.l2.kind == "penalty" else torch.optim.AdamW
    optimizer = kind(groups, lr=rate, betas=(0.9, 0.999), eps=1e-8, fused=True)
    optimizer.register_step_pre_hook(take_gradients)
    return optimizer


def held_by(optimizer: torch.optim.Optimizer, network: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Each parameter's name, and the tensor under which the optimiser keeps its state."""
    held = {same.data_ptr(): same for group in optimizer.param_groups for same in group["params"]}
    for name, parameter in network.named_parameters():
        yield name, held[parameter.data_ptr()]


def _as_it_lies(tensor: Tensor) -> Tensor:
    """The same memory with its axes in the order in which they lie there."""
    lies_otherwise = tensor.ndim == 4 and not tensor.is_contiguous()
    return tensor.detach().permute(0, 2, 3, 1) if lies_otherwise else tensor


def weights(network: nn.Module) -> Iterable[Tensor]:
    """The parameters that L2 touches: all with two or more axes."""
    return (parameter for parameter in network.parameters() if parameter.ndim > 1)


def _biases(network: nn.Module, *, of_transposed: bool) -> Iterable[Tensor]:
    for module in network.modules():
        for parameter in module.parameters(recurse=False):
            if parameter.ndim < 2 and isinstance(module, nn.ConvTranspose2d) is of_transposed:
                yield parameter
