"""The training itself, on one screen."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field

import numpy as np
import torch
from jaxtyping import Float64, UInt8
from torch import Tensor, nn

from myosweep.config import RunSettings
from myosweep.metrics import confusion_matrix, global_accuracy, iou, tp_fp_fn
from myosweep.model.unet import UNet
from myosweep.regions import NO_REGION
from myosweep.training.device import Computer
from myosweep.training.learned_l2 import EVERY, LearnedL2
from myosweep.training.loss import data_loss
from myosweep.training.optimizer import build_schedule, held_gradients, l2_facts, weights
from myosweep.training.samples import MiniBatch, Samples, mini_batches, validation_batch
from myosweep.training.together import ALONE, Together

_PREDICT_AT_ONCE = 16


@dataclass(frozen=True)
class EpochRecord:
    """One row of ``history.csv``: means over the epoch's steps, validation at its end.

    ``strengths`` are there when L2 is learned: one for the network, or one per layer.
    """

    epoch: int
    loss: float
    l2_term: float
    data_gradient_norm: float
    l2_gradient_norm: float
    weight_norm: float
    validation_accuracy: float
    iou: dict[str, float]
    strengths: list[float] = field(default_factory=list)

    def row(self) -> dict[str, int | float]:
        """The record with one column per region's IoU, and one per learned strength."""
        flat = asdict(self)
        by_region, strengths = flat.pop("iou"), flat.pop("strengths")
        learned = {f"l2_strength_{number}": one for number, one in enumerate(strengths, start=1)}
        return flat | {f"iou_{name}": value for name, value in by_region.items()} | learned


def has_diverged(epoch: Mapping[str, int | float]) -> bool:
    """Whether the loss or a gradient of an epoch (a row of the history) is no longer a number."""
    return not all(math.isfinite(epoch[name]) for name in _FINITE)


_FINITE = ("loss", "l2_term", "data_gradient_norm")


def fit(
    network: UNet,
    optimizer: torch.optim.Optimizer,
    training: Samples,
    validation: Samples,
    settings: RunSettings,
    seed: int,
    computer: Computer,
    *,
    learned: LearnedL2 | None = None,
    epochs_done: int = 0,
    on_step: Callable[[float], None] = lambda share: None,
) -> Iterator[EpochRecord]:
    """Train, and give a record after each epoch; stop early only when the loss diverges.

    Args:
        learned: adapts the strength of L2 to the validation loss every few steps.
        epochs_done: epochs that ``network`` and ``optimizer`` have behind them.
        on_step: called after each step, and while validating, with the share of the epoch's steps
            that is done.
    """
    steps = training.whole // settings.batch_size
    shapes = network.dropout_shapes(*training.dataset.images.shape[1:])
    schedule = build_schedule(optimizer, settings, steps * settings.epochs, steps * epochs_done)
    for epoch in range(epochs_done + 1, settings.epochs + 1):
        network.train()
        sums = torch.zeros(5, dtype=torch.float64)
        batches = mini_batches(training, settings, seed, epoch, shapes, computer.together)
        for step, batch in enumerate(batches, start=1):
            before = learned.remember() if learned and step % EVERY == 0 else None
            sums += train_step(network, optimizer, batch, settings, computer)
            if learned and before:
                examples = validation_batch(
                    validation, settings, seed, epoch, step, computer.together
                )
                learned.adapt(before, _gradient(network, examples, settings, computer))
            if schedule:
                schedule.step()
            on_step(step / steps)
        accuracy, region_iou = _validate(network, validation, computer, on_step)
        loss, term, size, pull, weight = (sums / steps).tolist()
        strengths = learned.strengths if learned else []
        record = EpochRecord(epoch, loss, term, size, pull, weight, accuracy, region_iou, strengths)
        yield record
        if has_diverged(record.row()):
            return


def predict_regions(
    network: nn.Module, samples: Samples, computer: Computer, together: Together = ALONE
) -> Iterator[tuple[UInt8[np.ndarray, "slice y x"], UInt8[np.ndarray, "slice y x"]]]:
    """Reference and predicted region maps, some slices at a time, in the samples' order.

    Together, each process predicts its share of the portions, which are the same for any number.
    A pixel whose scores are not finite gets ``NO_REGION``: a network that diverged has no answer.
    """
    network.eval()
    for positions in together.share([*samples.chunks(_PREDICT_AT_ONCE)]):
        inputs, references, _ = samples.take(positions)
        images = _on(torch.from_numpy(inputs)[:, None], computer)
        with torch.inference_mode(), computer.autocast():
            scores = network(images).float()
        regions = scores.argmax(1).to(torch.uint8)
        regions[~scores.isfinite().all(1)] = NO_REGION
        yield references, regions.cpu().numpy()


def train_step(
    network: UNet,
    optimizer: torch.optim.Optimizer,
    batch: MiniBatch,
    settings: RunSettings,
    computer: Computer,
) -> Float64[Tensor, "5"]:
    """One step of the optimiser; several processes each bring their share of the mini-batch.

    Returns:
        Data loss, L2 term, norm of the data gradient, of the L2 gradient and of the weights, before
        the step.
    """
    loss = _data_loss(network, batch, settings, computer)
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    computer.together.sum_gradients(network)
    loss = computer.together.sum(loss.detach())
    facts = _facts(network, optimizer, loss, settings)
    optimizer.step()
    return facts


def _data_loss(
    network: UNet, batch: MiniBatch, settings: RunSettings, computer: Computer
) -> Tensor:
    """This process's part of the data loss of a mini-batch."""
    references = batch.references.to(computer.device).long()
    keep = batch.keep and [_on(mask, computer) for mask in batch.keep]
    with computer.autocast():
        scores = network(_on(batch.images, computer), keep)
    return data_loss(scores.float(), references, settings, computer.together)


def _facts(
    network: nn.Module, optimizer: torch.optim.Optimizer, loss: Tensor, settings: RunSettings
) -> Tensor:
    """Data loss, L2 term, and norms: data gradient and L2 gradient on weights, the weights."""
    with torch.no_grad():
        gradients = [weight.grad for weight in weights(network) if weight.grad is not None]
        size = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
        term, pull, weight = l2_facts(optimizer, settings.l2.kind)
        return torch.stack([loss, term, size, pull, weight]).cpu().double()


def _gradient(
    network: UNet, batch: MiniBatch, settings: RunSettings, computer: Computer
) -> list[Tensor]:
    """The gradient of the loss of validation slices, as the optimiser holds the weights."""
    network.eval()
    loss = _data_loss(network, batch, settings, computer)
    gradients = torch.autograd.grad(loss, [*weights(network)])
    network.train()
    return held_gradients(network, gradients, computer.together)


def _validate(
    network: nn.Module, validation: Samples, computer: Computer, on_step: Callable[[float], None]
) -> tuple[float, dict[str, float]]:
    names = validation.scheme.names
    confusion = np.zeros((len(names), len(names) + 1), np.int64)
    together = computer.together
    for references, predictions in predict_regions(network, validation, computer, together):
        confusion += confusion_matrix(references, predictions, len(names))
        on_step(1.0)
    confusion = together.sum(torch.from_numpy(confusion)).numpy()
    tp, fp, fn = tp_fp_fn(confusion)
    accuracy = float(global_accuracy(tp, fn))
    return accuracy, dict(zip(names, iou(tp, fp, fn).tolist(), strict=True))


def _on(tensor: Tensor, computer: Computer) -> Tensor:
    return tensor.to(computer.device, memory_format=torch.channels_last)
