"""Learned L2: its gradient is the validation loss's through one step; it moves the right way."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.training.runs import COMPUTER, same_bits, tiny_plan, trained_weights

from myosweep.config import settings_from_paths
from myosweep.data.store import Dataset
from myosweep.model.unet import UNet
from myosweep.model.weights import read_tensors
from myosweep.results.layout import StudyFolder
from myosweep.results.read import read_history
from myosweep.training.learned_l2 import LearnedL2
from myosweep.training.optimizer import build_optimizer, l2_facts, penalised, set_strength, weights
from myosweep.training.run import perform_run

LEARNED: dict[str, Any] = {
    "l2__strength": "learned",
    "l2__learned__rate": 0.3,
    "epochs": 12,
    "batch_size": 2,
}


def doubles(kind: str, per: str = "network") -> tuple[UNet, torch.optim.Optimizer, Any]:
    settings = settings_from_paths(
        {
            "l2.kind": kind,
            "l2.strength": "learned",
            "l2.learned.start": 0.1,
            "l2.learned.per": per,
            "learning_rate": 1e-2,
        }
    )
    network = UNet(depth=1, first_filters=2, generator=torch.Generator().manual_seed(0)).double()
    return network, build_optimizer(network, settings), settings


def give_gradients(network: UNet, step: int) -> None:
    for number, parameter in enumerate(network.parameters()):
        waves = torch.linspace(0, 9 + number, parameter.numel(), dtype=torch.float64)
        parameter.grad = torch.sin(waves + step).view(parameter.shape)


def after_steps(kind: str, change: float, group: int | None, per: str) -> UNet:
    """A network after three steps, of whose last one the strength is changed."""
    network, optimizer, _ = doubles(kind, per)
    for step in range(3):
        give_gradients(network, step)
        if step == 2:
            for number, one in enumerate(penalised(optimizer)):
                if group in (None, number):
                    set_strength(one, one["strength"] + change, kind)
        optimizer.step()
    return network


def validation_loss(network: UNet) -> torch.Tensor:
    return torch.stack(
        [(w * torch.cos(torch.arange(w.numel()).view(w.shape))).sum() for w in weights(network)]
    ).sum()


@pytest.mark.parametrize("kind", ["penalty", "decoupled", "l1"])
@pytest.mark.parametrize(("per", "group"), [("network", None), ("layer", 2)])
def test_the_hypergradient_is_the_slope_of_the_validation_loss(
    kind: str, per: str, group: int | None
) -> None:
    network, optimizer, settings = doubles(kind, per)
    learned = LearnedL2.start(optimizer, settings)
    for step in range(3):
        give_gradients(network, step)
        before = learned.remember()
        optimizer.step()
    gradients = torch.autograd.grad(validation_loss(network), [*weights(network)])
    learned.adapt(before, gradients)
    found = learned.first / (1 - 0.9) / 0.1  # Adam's first moment of the slope per logarithm
    h = 1e-5
    ends = [validation_loss(after_steps(kind, sign * h, group, per)).item() for sign in (1, -1)]
    assert found[group or 0].item() == pytest.approx((ends[0] - ends[1]) / (2 * h), rel=1e-4)


def test_a_strength_that_hurts_falls_and_one_that_helps_rises() -> None:
    for sign in (1, -1):
        network, optimizer, settings = doubles("decoupled")
        learned = LearnedL2.start(optimizer, settings)
        for step in range(20):
            give_gradients(network, step)
            before = learned.remember()
            optimizer.step()
            learned.adapt(before, [sign * one.detach() for one in weights(network)])
        (strength,) = learned.strengths
        assert (strength > 0.1) is (sign == 1)  # loss falls as weights shrink, or as they grow


def test_a_gradient_that_is_no_number_changes_nothing() -> None:
    network, optimizer, settings = doubles("penalty")
    learned = LearnedL2.start(optimizer, settings)
    give_gradients(network, 0)
    before = learned.remember()
    optimizer.step()
    learned.adapt(before, [torch.full_like(one, np.nan) for one in weights(network)])
    assert learned.strengths == pytest.approx([0.1])


@pytest.mark.parametrize("per", ["network", "layer"])
def test_the_history_tells_the_strength(per: str, small_dataset: Dataset, tmp_path: Path) -> None:
    plan = tiny_plan(small_dataset, l2__learned__per=per, **LEARNED)
    trained_weights(plan, tmp_path)
    history = read_history(StudyFolder(tmp_path).run(plan.id))
    columns = [name for name in history if name.startswith("l2_strength_")]
    assert len(columns) == (1 if per == "network" else len([*weights(UNet(depth=2))]))
    assert history[columns[0]].iloc[0] != history[columns[0]].iloc[-1]


def test_a_stopped_run_goes_on_with_the_strength_that_it_had(
    small_dataset: Dataset, tmp_path: Path
) -> None:
    plan = tiny_plan(small_dataset, **LEARNED)
    whole = trained_weights(plan, tmp_path / "whole")

    def stop(progress: Any) -> None:
        if progress.epochs_done == 5:
            raise KeyboardInterrupt

    study = StudyFolder(tmp_path / "stopped")
    with pytest.raises(KeyboardInterrupt):
        perform_run(plan, study, COMPUTER, on_epoch=stop)
    assert perform_run(plan, study, COMPUTER) is not None
    assert same_bits(whole, read_tensors(study.run(plan.id).weights)[0])
    one, other = (
        StudyFolder(tmp_path / name).run(plan.id).history.read_bytes()
        for name in ("whole", "stopped")
    )
    assert one == other


def test_l1_pulls_every_weight_alike_and_its_term_is_the_sum_of_sizes() -> None:
    settings = settings_from_paths({"l2.kind": "l1", "l2.strength": 0.3, "learning_rate": 1e-2})
    network = UNet(depth=1, first_filters=2, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        network.last.weight[0] = 0
    optimizer = build_optimizer(network, settings)
    sizes = sum(one.detach().abs().sum().item() for one in weights(network))
    count = sum(int((one != 0).sum()) for one in weights(network))
    term, pull, weight_norm = l2_facts(optimizer, "l1").tolist()
    assert term == pytest.approx(0.3 * sizes, rel=1e-5)
    assert pull == pytest.approx(0.3 * count**0.5, rel=1e-5)
    squares = sum(one.detach().square().sum().item() for one in weights(network))
    assert weight_norm == pytest.approx(squares**0.5, rel=1e-5)
    before = [one.detach().clone() for one in weights(network)]
    for parameter in network.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    for old, new in zip(before, weights(network), strict=True):
        torch.testing.assert_close(new.detach(), old - 1e-2 * old.sign())


def test_a_time_scale_in_epochs_is_the_time_to_shrink_to_1_over_e() -> None:
    values = {"l2.kind": "decoupled", "l2.time_scale_epochs": 5.0, "learning_rate": 1e-3}
    network = UNet(depth=1, first_filters=2, generator=torch.Generator().manual_seed(0))
    optimizer = build_optimizer(network, settings_from_paths(values), steps_per_epoch=40)
    before = network.last.weight.detach().clone()
    for _ in range(5 * 40):
        for parameter in network.parameters():
            parameter.grad = torch.zeros_like(parameter)
        optimizer.step()
    torch.testing.assert_close(network.last.weight.detach(), before * 0.3679, rtol=5e-3, atol=0)
