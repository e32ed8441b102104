"""Slices on their way into a network: normalised, grouped into mini-batches, augmented."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil

import numpy as np
import torch
from jaxtyping import Float32, Int, Integer, UInt8
from torch import Tensor

from myosweep.config import RunSettings
from myosweep.data.augment import apply_changes, draw_change
from myosweep.data.image_noise import spoil_images
from myosweep.data.label_noise import spoil_labels
from myosweep.data.normalise import Normaliser
from myosweep.data.split import PARTS, Split, subset_of_patients
from myosweep.data.store import Dataset
from myosweep.randomness import stream
from myosweep.regions import RegionScheme
from myosweep.training.together import ALONE, Together


@dataclass(frozen=True)
class Samples:
    """The slices of one part.

    Attributes:
        rows: their positions in the dataset.
        whole: slices of the whole part; more than ``rows`` if only some patients train.
        worse_images: the images made worse on purpose, slice by slice; None to take the dataset's.
        taught: region maps with errors put in on purpose; None to teach the dataset's. Scores
            always come from the dataset's.
    """

    dataset: Dataset
    rows: Int[np.ndarray, " slice"]
    scheme: RegionScheme
    normaliser: Normaliser
    whole: int
    worse_images: Integer[np.ndarray, "slice y x"] | None = None
    taught: UInt8[np.ndarray, "slice y x"] | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def take(
        self, positions: Int[np.ndarray, " image"], *, taught: bool = False
    ) -> tuple[
        Float32[np.ndarray, "image y x"],
        UInt8[np.ndarray, "image y x"],
        Float32[np.ndarray, " image"],
    ]:
        """Network input, region maps and fill values of some slices of the part.

        Args:
            taught: give the region maps that training sees, not those that scores come from.
        """
        rows = self.rows[positions]
        if taught and self.taught is not None:
            references = self.taught[positions]
        else:
            references = self.dataset.reference(self.scheme, rows)
        images = self.dataset.images[rows]
        if self.worse_images is not None:
            images = self.worse_images[positions]
        inputs, fill = self.normaliser.apply(images, self.dataset.padding(rows))
        return inputs, references, fill

    def chunks(self, size: int) -> Iterator[Int[np.ndarray, " image"]]:
        """Positions of all slices in order, at most ``size`` at a time."""
        for start in range(0, len(self), size):
            yield np.arange(start, min(start + size, len(self)))


def gather_samples(
    dataset: Dataset, split: Split, scheme: RegionScheme, settings: RunSettings, seed: int
) -> dict[str, Samples]:
    """The samples of each part: which patients train, what is made worse on purpose, normalised.

    The normaliser is measured on the images that train, and serves all parts.
    """
    rows = part_rows(dataset, split, settings, seed)
    worse = {
        part: spoil_images(
            dataset.images[rows[part]], dataset.padding(rows[part]), rows[part], quality, seed
        )
        for part in PARTS
        if (quality := settings.images).noise != "none"
        and (quality.parts == "all" or part == "training")
    }
    taught = None
    if settings.labels.noise != "none":
        references = dataset.reference(scheme, rows["training"])
        patients = dataset.slices["patient"].to_numpy(str)[rows["training"]]
        taught = spoil_labels(references, patients, rows["training"], settings.labels, seed)
    normaliser = measure_normaliser(dataset, rows["training"], settings, worse.get("training"))
    return {
        part: Samples(
            dataset,
            rows[part],
            scheme,
            normaliser,
            len(split.part(part)),
            worse.get(part),
            taught if part == "training" else None,
        )
        for part in PARTS
    }


def part_rows(
    dataset: Dataset, split: Split, settings: RunSettings, seed: int
) -> dict[str, Int[np.ndarray, " slice"]]:
    """Positions in the dataset of each part's slices; of the training part those that train."""
    rows = split.all_rows(dataset)
    owners = dataset.slices["patient"].to_numpy(str)
    rows["training"] = subset_of_patients(rows["training"], owners, settings.data.fraction, seed)
    return rows


@dataclass(frozen=True)
class MiniBatch:
    """What one training step sees; ``keep`` holds the dropout masks, one tensor per place."""

    images: Float32[Tensor, "image 1 y x"]
    references: UInt8[Tensor, "image y x"]
    keep: list[Tensor] | None


def measure_normaliser(
    dataset: Dataset,
    rows: Int[np.ndarray, " slice"],
    settings: RunSettings,
    worse: Integer[np.ndarray, "slice y x"] | None = None,
) -> Normaliser:
    """The normaliser, measured on the images that train where it needs measuring."""
    if settings.normalisation == "z-score":
        return Normaliser("z-score")
    images = (dataset.images[row] for row in rows) if worse is None else iter(worse)
    padding = (dataset.padding(slice(row, row + 1))[0] for row in rows)
    return Normaliser.zero_centre(zip(images, padding, strict=True), dataset.images.dtype)


def mini_batches(
    samples: Samples,
    settings: RunSettings,
    seed: int,
    epoch: int,
    dropout_shapes: list[tuple[int, int, int]],
    together: Together = ALONE,
) -> Iterator[MiniBatch]:
    """One epoch of augmented mini-batches; the partial last one is dropped, as in MATLAB.

    All draws are addressed by (seed, turn, row of the image in the dataset), so it is all one
    which process draws. Each of several processes gets its share of every mini-batch.
    """
    order, turns = _order(samples, settings, seed, epoch)
    for start in range(0, samples.whole - settings.batch_size + 1, settings.batch_size):
        places = together.share(np.arange(start, start + settings.batch_size))
        positions = order[places]
        rows = samples.rows[positions]
        addresses = [*zip(turns[places].tolist(), rows.tolist(), strict=True)]
        changes = [draw_change(settings.augmentation, seed, *address) for address in addresses]
        images, references = apply_changes(*samples.take(positions, taught=True), changes)
        keep = _dropout_masks(settings.dropout, seed, addresses, dropout_shapes)
        yield MiniBatch(torch.from_numpy(images)[:, None], torch.from_numpy(references), keep)


def validation_batch(
    samples: Samples,
    settings: RunSettings,
    seed: int,
    epoch: int,
    step: int,
    together: Together = ALONE,
) -> MiniBatch:
    """A mini-batch of validation slices as they are, drawn anew at each step."""
    size = min(settings.batch_size, len(samples))
    rng = stream(seed, "hypergradient", epoch, step)
    positions = together.share(rng.choice(len(samples), size, replace=False))
    images, references, _ = samples.take(positions)
    return MiniBatch(torch.from_numpy(images)[:, None], torch.from_numpy(references), None)


def _order(
    samples: Samples, settings: RunSettings, seed: int, epoch: int
) -> tuple[Int[np.ndarray, " image"], Int[np.ndarray, " image"]]:
    """Positions in the order in which an epoch trains them, and each one's turn.

    An epoch has as many steps as one over the whole part; if only some patients train, their
    slices take several turns in it. Otherwise a turn is an epoch.
    """
    per_epoch = ceil(samples.whole / len(samples))
    turns = np.arange(per_epoch) + (epoch - 1) * per_epoch + 1
    order = [
        stream(seed, "order", 0 if settings.shuffle == "once" else int(turn)).permutation(
            len(samples)
        )
        for turn in turns
    ]
    return np.concatenate(order), np.repeat(turns, len(samples))


def _dropout_masks(
    dropout: float,
    seed: int,
    addresses: list[tuple[int, int]],
    shapes: list[tuple[int, int, int]],
) -> list[Tensor] | None:
    if dropout == 0:
        return None
    streams = [stream(seed, "dropout", *address) for address in addresses]
    return [
        torch.from_numpy(np.stack([rng.random(shape, np.float32) >= dropout for rng in streams]))
        for shape in shapes
    ]
