"""What L2 touches, and that it is coupled as MATLAB couples it: one step computed by hand."""

import math
from typing import Any

import pytest
import torch

from myosweep.config import settings_from_paths
from myosweep.model.unet import UNet
from myosweep.training.optimizer import build_optimizer, build_schedule, held_by, weights

RATE, STRENGTH = 1e-2, 0.3


def stepped(gradient: float, **values: Any) -> tuple[UNet, UNet]:
    """A network before and after two steps in which every data gradient is ``gradient``."""
    settings = settings_from_paths({"learning_rate": RATE, "l2.strength": STRENGTH, **values})
    network = UNet(depth=1, first_filters=2, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.1)
    before = UNet(depth=1, first_filters=2)
    before.load_state_dict(network.state_dict())
    optimizer = build_optimizer(network, settings)
    for parameter in network.parameters():
        parameter.grad = torch.full_like(parameter, gradient)
    optimizer.step()
    return before, network


def adam_step(gradient: float) -> float:
    """Adam's first step, by hand: both moments are corrected to the gradient itself."""
    first, second = 0.1 * gradient, 0.001 * gradient**2
    return (first / (1 - 0.9)) / (math.sqrt(second / (1 - 0.999)) + 1e-8)


def test_the_penalty_is_added_before_adams_moments() -> None:
    before, after = stepped(gradient=1e-3)
    for old, new in zip(weights(before), weights(after), strict=True):
        for w, moved in zip(old.flatten().tolist(), new.flatten().tolist(), strict=True):
            coupled = 1e-3 + STRENGTH * w
            assert moved == pytest.approx(w - RATE * adam_step(coupled), abs=1e-6)


def test_decoupled_decay_stands_beside_adams_step() -> None:
    before, after = stepped(gradient=1e-3, **{"l2.kind": "decoupled"})
    for old, new in zip(weights(before), weights(after), strict=True):
        expected = old * (1 - RATE * STRENGTH) - RATE * adam_step(1e-3)
        torch.testing.assert_close(new.detach(), expected.detach())


@pytest.mark.parametrize("kind", ["penalty", "decoupled"])
def test_biases_are_exempt_and_those_of_upsampling_learn_twice_as_fast(kind: str) -> None:
    before, after = stepped(gradient=1e-3, **{"l2.kind": kind})
    pairs = zip(before.named_parameters(), after.parameters(), strict=True)
    biases = {name: (old, new) for (name, old), new in pairs if name.endswith("bias")}
    assert sum(name.startswith("up.") for name in biases) == 1
    for name, (old, new) in biases.items():
        factor = 2 if name.startswith("up.") else 1
        torch.testing.assert_close(new.detach(), old.detach() - factor * RATE * adam_step(1e-3))


def test_without_data_gradient_l2_alone_moves_weights_and_nothing_else() -> None:
    before, after = stepped(gradient=0.0)
    for (name, old), new in zip(before.named_parameters(), after.parameters(), strict=True):
        assert torch.equal(old, new) is name.endswith("bias")


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_every_parameter_is_held_exactly_once(memory_format: torch.memory_format) -> None:
    network = UNet(depth=2, first_filters=2).to(memory_format=memory_format)
    optimizer = build_optimizer(network, settings_from_paths({}))
    held = [same.data_ptr() for _, same in held_by(optimizer, network)]
    assert held == [parameter.data_ptr() for parameter in network.parameters()]
    assert len(set(held)) == sum(len(group["params"]) for group in optimizer.param_groups)


def test_the_order_in_memory_changes_no_step() -> None:
    """Every value with a gradient of its own, so that a mix-up of axes would show."""
    ends = []
    for memory_format in (torch.contiguous_format, torch.channels_last):
        network = UNet(depth=2, first_filters=4, generator=torch.Generator().manual_seed(0))
        network = network.to(memory_format=memory_format)  # type: ignore[call-overload]
        optimizer = build_optimizer(network, settings_from_paths({"l2.strength": STRENGTH}))
        for _ in range(2):
            optimizer.zero_grad()
            sum((p**3).sum() for p in network.parameters()).backward()  # type: ignore[union-attr]
            optimizer.step()
        ends.append(network)
    for one, other in zip(*(network.parameters() for network in ends), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-6, atol=0)


def test_one_cycle_goes_up_by_a_cosine_and_down_to_almost_nothing() -> None:
    network = UNet(depth=1, first_filters=2)
    settings = settings_from_paths({"learning_rate": RATE, "schedule": "one-cycle"})
    optimizer = build_optimizer(network, settings)
    schedule = build_schedule(optimizer, settings, 10, 0)
    assert schedule is not None
    rates = []
    for _ in range(10):
        rates.append([group["lr"] for group in optimizer.param_groups])
        optimizer.step()
        schedule.step()
    weights_lr, _, transposed_lr = zip(*rates, strict=True)
    assert transposed_lr == pytest.approx([2 * one for one in weights_lr])
    # torch: from a 25th of the largest rate up over 30 % of the steps, then down to 1e-4 of it
    low = RATE / 25
    up = [low + (RATE - low) * (1 - math.cos(math.pi * step / 2)) / 2 for step in range(3)]
    last = low / 1e4
    down = [last + (RATE - last) * (1 + math.cos(math.pi * step / 7)) / 2 for step in range(1, 8)]
    assert weights_lr == pytest.approx([*up, *down], rel=1e-6)


@pytest.mark.parametrize("done", [1, 5, 9])
def test_a_cycle_taken_up_later_has_the_same_rate(done: int) -> None:
    settings = settings_from_paths({"learning_rate": RATE, "schedule": "one-cycle"})
    optimizers = [build_optimizer(UNet(depth=1, first_filters=2), settings) for _ in range(2)]
    whole, later = (
        build_schedule(optimizer, settings, 10, steps)
        for optimizer, steps in zip(optimizers, (0, done), strict=True)
    )
    assert whole is not None
    assert later is not None
    for step in range(9):
        if step >= done:
            rates = [[group["lr"] for group in one.param_groups] for one in optimizers]
            assert rates[0] == rates[1]
            optimizers[1].step()
            later.step()
        optimizers[0].step()
        whole.step()


def test_a_constant_rate_has_no_schedule() -> None:
    settings = settings_from_paths({})
    assert (
        build_schedule(build_optimizer(UNet(depth=1, first_filters=2), settings), settings, 10, 0)
        is None
    )
