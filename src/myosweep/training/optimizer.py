"""What each kind of L2 touches: convolution weights, never biases."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import torch
from jaxtyping import Float64
from torch import Tensor, nn

from myosweep.config import LEARNED, RunSettings
from myosweep.training.together import Together

BETAS, EPSILON = (0.9, 0.999), 1e-8


def build_optimizer(
    network: nn.Module, settings: RunSettings, steps_per_epoch: int = 1
) -> torch.optim.Optimizer:
    """Adam with MATLAB's constants, and L2 on weights only.

    ``penalty`` adds ``strength x weight`` to the gradient before Adam's moments (torch's
    ``weight_decay`` of Adam); ``l1`` adds ``strength x sign(weight)`` there; ``decoupled`` shrinks
    the weights beside Adam's step (AdamW). The biases of transposed convolutions learn twice as
    fast, as in MATLAB's ``unetLayers``. A learned strength starts where the settings say; learned
    per layer, every weight tensor is a group of its own.

    The optimiser holds each parameter as it lies in memory (``held_by`` finds it), because
    the fused Adam copies, to and fro, what lies in another order than its axes. A step takes the
    gradients from the network's parameters.

    Args:
        steps_per_epoch: for ``l2.time_scale_epochs``.
    """
    l2, rate = settings.l2, settings.learning_rate
    lying: dict[Tensor, Tensor] = {
        parameter: _as_it_lies(parameter) for parameter in network.parameters()
    }

    def held(parameters: Iterable[Tensor]) -> list[Tensor]:
        return [lying[parameter] for parameter in parameters]

    def prepare_gradients(*_: object) -> None:
        for parameter, same in lying.items():
            if same is not parameter and parameter.grad is not None:
                same.grad, parameter.grad = _as_it_lies(parameter.grad), None
        if l2.kind == "l1":
            for group in penalised(optimizer):
                _add_signs(group["params"], group["strength"])

    touched = held(weights(network))
    by_layer = l2.strength == LEARNED and l2.learned.per == "layer"
    groups: list[dict[str, Any]] = [
        *({"params": [one], "touched": True} for one in touched if by_layer),
        *([] if by_layer else [{"params": touched, "touched": True}]),
        {"params": held(_biases(network, of_transposed=False))},
        {"params": held(_biases(network, of_transposed=True)), "lr": 2 * rate},
    ]
    kind = torch.optim.AdamW if l2.kind == "decoupled" else torch.optim.Adam
    optimizer = kind(groups, lr=rate, betas=BETAS, eps=EPSILON, weight_decay=0.0, fused=True)
    for group in penalised(optimizer):
        set_strength(group, strength_of(settings, steps_per_epoch), l2.kind)
    optimizer.register_step_pre_hook(prepare_gradients)
    return optimizer


def build_schedule(
    optimizer: torch.optim.Optimizer, settings: RunSettings, steps: int, steps_done: int
) -> torch.optim.lr_scheduler.LRScheduler | None:
    """What changes the learning rate after each step; None if it is constant.

    ``one-cycle`` is torch's (Smith and Topin, arXiv:1708.07120), with torch's constants, without a
    cycle of the moments.

    Args:
        steps: of the whole training.
        steps_done: that the optimiser has behind it.
    """
    if settings.schedule == "constant":
        return None
    largest = [group["lr"] for group in optimizer.param_groups]
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, largest, total_steps=steps, cycle_momentum=False
    )
    if steps_done:
        taken = {"last_epoch": steps_done - 1, "_step_count": steps_done + 1}
        schedule.load_state_dict({**schedule.state_dict(), **taken})
        schedule.step()
    return schedule


def strength_of(settings: RunSettings, steps_per_epoch: int) -> float:
    """The strength with which a training starts.

    With learning rate r and s steps per epoch, decoupled decay of strength d shrinks a weight to
    1/e in 1 / (r d s) epochs (Wang and Aitchison, arXiv:2405.13698).
    """
    l2 = settings.l2
    if l2.time_scale_epochs > 0:
        return 1 / (settings.learning_rate * steps_per_epoch * l2.time_scale_epochs)
    return l2.learned.start if isinstance(l2.strength, str) else l2.strength


def penalised(optimizer: torch.optim.Optimizer) -> list[dict[str, Any]]:
    """The groups of parameters that L2 touches, each with its ``strength``."""
    return [group for group in optimizer.param_groups if group.get("touched")]


def set_strength(group: dict[str, Any], strength: float, kind: str) -> None:
    """Give a group of parameters another strength from the next step on."""
    group["strength"] = strength
    group["weight_decay"] = 0.0 if kind == "l1" else strength


def l2_facts(optimizer: torch.optim.Optimizer, kind: str) -> Float64[Tensor, "3"]:
    """The L2 term as the loss would have it, the norm of its gradient, and that of the weights.

    ``strength / 2 x sum of squares``; for L1 ``strength x sum of absolute values``.
    """
    terms, norms, sizes = [], [], []
    for group in penalised(optimizer):
        strength, tensors = group["strength"], group["params"]
        size = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(tensors)))
        sizes.append(size)
        if kind == "l1":
            absolute = torch.stack(torch._foreach_norm(tensors, 1)).sum()
            signs = torch.stack([torch.count_nonzero(one) for one in tensors]).sum().sqrt()
            terms.append(strength * absolute)
            norms.append(strength * signs)
        else:
            terms.append(strength / 2 * size**2)
            norms.append(strength * size)
    pull, weight = (torch.linalg.vector_norm(torch.stack(some)) for some in (norms, sizes))
    return torch.stack([torch.stack(terms).sum(), pull, weight]).double()


@torch.no_grad()
def _add_signs(parameters: list[Tensor], strength: float) -> None:
    """L1's gradient; 0 where a weight is 0."""
    gradients = [one.grad for one in parameters if one.grad is not None]
    signs = [one.sign() for one in parameters if one.grad is not None]
    torch._foreach_add_(gradients, signs, alpha=strength)


def held_by(optimizer: torch.optim.Optimizer, network: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Each parameter's name, and the tensor under which the optimiser keeps its state."""
    held = {same.data_ptr(): same for group in optimizer.param_groups for same in group["params"]}
    for name, parameter in network.named_parameters():
        yield name, held[parameter.data_ptr()]


def held_gradients(
    network: nn.Module, gradients: Sequence[Tensor], together: Together
) -> list[Tensor]:
    """Gradients of all weights, summed over processes, lying as the optimiser holds the weights."""
    flat = together.sum(torch.cat([one.reshape(-1) for one in gradients]))
    parts = torch.split(flat, [one.numel() for one in gradients])
    return [
        _as_it_lies(torch.empty_like(weight).copy_(part.view(weight.shape)))
        for weight, part in zip(weights(network), parts, strict=True)
    ]


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
