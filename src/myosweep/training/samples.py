"""Slices on their way into a network: normalised, grouped into mini-batches, augmented."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float32, Int, UInt8
from torch import Tensor

from myosweep.config import RunSettings
from myosweep.data.augment import apply_changes, draw_change
from myosweep.data.normalise import Normaliser
from myosweep.data.store import Dataset
from myosweep.randomness import stream
from myosweep.regions import RegionScheme
from myosweep.training.together import ALONE, Together


@dataclass(frozen=True)
class Samples:
    """The slices of one part: their rows in the dataset, the region scheme, the normaliser."""

    dataset: Dataset
    rows: Int[np.ndarray, " slice"]
    scheme: RegionScheme
    normaliser: Normaliser

    def __len__(self) -> int:
        return len(self.rows)

    def take(
        self, positions: Int[np.ndarray, " image"]
    ) -> tuple[
        Float32[np.ndarray, "image y x"],
        UInt8[np.ndarray, "image y x"],
        Float32[np.ndarray, " image"],
    ]:
        """Network input, region maps and fill values of some slices of the part."""
        rows = self.rows[positions]
        references = self.dataset.reference(self.scheme, rows)
        inputs, fill = self.normaliser.apply(self.dataset.images[rows], self.dataset.padding(rows))
        return inputs, references, fill

    def chunks(self, size: int) -> Iterator[Int[np.ndarray, " image"]]:
        """Positions of all slices in order, at most ``size`` at a time."""
        for start in range(0, len(self), size):
            yield np.arange(start, min(start + size, len(self)))


@dataclass(frozen=True)
class MiniBatch:
    """What one training step sees; ``keep`` holds the dropout masks, one tensor per place."""

    images: Float32[Tensor, "image 1 y x"]
    references: UInt8[Tensor, "image y x"]
    keep: list[Tensor] | None


def measure_normaliser(
    dataset: Dataset, rows: Int[np.ndarray, " slice"], settings: RunSettings
) -> Normaliser:
    """The normaliser, measured on the training part where it needs measuring."""
    if settings.normalisation == "z-score":
        return Normaliser("z-score")
    slices = ((dataset.images[row], dataset.padding(slice(row, row + 1))[0]) for row in rows)
    return Normaliser.zero_centre(slices, dataset.images.dtype)


def mini_batches(
    samples: Samples,
    settings: RunSettings,
    seed: int,
    epoch: int,
    dropout_shapes: list[tuple[int, int, int]],
    together: Together = ALONE,
) -> Iterator[MiniBatch]:
    """One epoch of augmented mini-batches; the partial last one is dropped, as in MATLAB.

    All draws are addressed by (seed, epoch, row of the image in the dataset), so it is all one
    which process draws. Each of several processes gets its share of every mini-batch.
    """
    turn = 0 if settings.shuffle == "once" else epoch
    order = stream(seed, "order", turn).permutation(len(samples))
    for start in range(0, len(order) - settings.batch_size + 1, settings.batch_size):
        positions = together.share(order[start : start + settings.batch_size])
        rows = samples.rows[positions]
        changes = [draw_change(settings.augmentation, seed, epoch, int(row)) for row in rows]
        images, references = apply_changes(*samples.take(positions), changes)
        keep = _dropout_masks(settings.dropout, seed, epoch, rows, dropout_shapes)
        yield MiniBatch(torch.from_numpy(images)[:, None], torch.from_numpy(references), keep)


def _dropout_masks(
    dropout: float, seed: int, epoch: int, rows: np.ndarray, shapes: list[tuple[int, int, int]]
) -> list[Tensor] | None:
    if dropout == 0:
        return None
    streams = [stream(seed, "dropout", epoch, int(row)) for row in rows]
    return [
        torch.from_numpy(np.stack([rng.random(shape, np.float32) >= dropout for rng in streams]))
        for shape in shapes
    ]
