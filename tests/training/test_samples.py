"""Slices on their way into a network: what is ignored, what is padding, and who draws what."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tests.training.runs import COMPUTER, TINY, tiny_plan

from myosweep.config import settings_from_paths
from myosweep.data.png import import_png
from myosweep.data.store import Dataset
from myosweep.model.unet import UNet
from myosweep.regions import NO_REGION, RegionScheme
from myosweep.training.fit import train_step
from myosweep.training.optimizer import build_optimizer
from myosweep.training.samples import MiniBatch, Samples, measure_normaliser, mini_batches

RNG = np.random.default_rng(0)
IMAGE = RNG.integers(0, 256, (16, 16), np.uint8)


def one_slice(folder: Path, crop: int, normalisation: str) -> tuple[Samples, np.ndarray]:
    """A slice whose left half has the ignored code 9, and its network input."""
    labels = np.zeros((16, 16), np.uint8)
    labels[:, 8:] = 1
    labels[:, :8] = 9
    for kind, pixels in (("images", IMAGE), ("masks", labels)):
        (folder / kind).mkdir()
        Image.fromarray(pixels).save(folder / kind / "P1.png")
    dataset = import_png(
        folder / "images",
        folder / "masks",
        folder / "data",
        patient="P1",
        scheme=RegionScheme.parse(["background=0", "heart=1"], ignored=[9]),
        crop=crop,
    )
    settings = settings_from_paths({"normalisation": normalisation})
    rows = np.array([0])
    normaliser = measure_normaliser(dataset, rows, settings)
    samples = Samples(dataset, rows, dataset.scheme, normaliser, len(rows))
    return samples, samples.take(np.array([0]))[0][0]


def test_the_input_does_not_depend_on_ignored_codes(tmp_path: Path) -> None:
    _, inputs = one_slice(tmp_path, 16, "z-score")
    expected = (IMAGE - IMAGE.mean()) / IMAGE.std()
    np.testing.assert_allclose(inputs, expected, atol=1e-5)


@pytest.mark.parametrize("normalisation", ["z-score", "zero-centre"])
def test_padding_is_filled_and_measured_nowhere(tmp_path: Path, normalisation: str) -> None:
    samples, inputs = one_slice(tmp_path, 24, normalisation)
    centred = IMAGE - IMAGE.mean()
    expected = centred / IMAGE.std() if normalisation == "z-score" else centred
    np.testing.assert_allclose(inputs[4:20, 4:20], expected, atol=1e-4)
    border = np.ones((24, 24), bool)
    border[4:20, 4:20] = False
    fill = 0 if normalisation == "z-score" else -IMAGE.mean()
    np.testing.assert_allclose(inputs[border], fill, atol=1e-4)
    reference = samples.take(np.array([0]))[1][0]
    assert (reference[border] == NO_REGION).all()


def test_an_images_draws_do_not_depend_on_its_mini_batch(small_dataset: Dataset) -> None:
    """The same images, two or four at a time, are changed alike and lose the same values."""
    plan = tiny_plan(small_dataset)
    training = plan.samples()["training"]
    shapes = UNet(depth=2, first_filters=2).dropout_shapes(32, 32)
    settings = {size: settings_from_paths({**TINY, "batch_size": size}) for size in (2, 4)}
    batches = {
        size: list(mini_batches(training, one, 0, 1, shapes)) for size, one in settings.items()
    }
    count = 4 * len(batches[4])
    for part in ("images", "references"):
        two, four = (torch.cat([getattr(b, part) for b in batches[size]]) for size in (2, 4))
        assert torch.equal(two[:count], four)
    two, four = (torch.cat([b.keep[0] for b in batches[size]]) for size in (2, 4))
    assert torch.equal(two[:count], four)
    assert 0.4 < four.float().mean() < 0.6


def test_the_partial_last_mini_batch_is_dropped(small_dataset: Dataset) -> None:
    training = tiny_plan(small_dataset).samples()["training"]
    size = len(training) // 2 + 1
    settings = settings_from_paths({**TINY, "batch_size": size, "dropout": 0.0})
    batches = list(mini_batches(training, settings, 0, 1, []))
    assert [len(batch.images) for batch in batches] == [size]
    assert batches[0].keep is None


def test_shuffle_once_keeps_its_order_and_every_epoch_does_not(small_dataset: Dataset) -> None:
    training = tiny_plan(small_dataset).samples()["training"]
    still = {"augmentation.flip": 0.0, "augmentation.shift_px": 0.0, "dropout": 0.0}
    for shuffle, same in (("once", True), ("every-epoch", False)):
        settings = settings_from_paths({**TINY, **still, "batch_size": 4, "shuffle": shuffle})
        first, second = (
            torch.cat([b.images for b in mini_batches(training, settings, 0, epoch, [])])
            for epoch in (1, 2)
        )
        assert torch.equal(first, second) is same


def test_the_loss_is_the_mean_over_labelled_pixels_of_the_whole_mini_batch() -> None:
    network = UNet(depth=1, first_filters=2, dropout=0.0)
    images = torch.rand(2, 1, 4, 4)
    references = torch.randint(0, 3, (2, 4, 4), dtype=torch.uint8)
    references[0, :3] = NO_REGION
    scores = network(images).log_softmax(1)
    terms = [
        -scores[n, references[n, y, x].item(), y, x].item()
        for n in range(2)
        for y in range(4)
        for x in range(4)
        if references[n, y, x] != NO_REGION
    ]
    assert len(terms) == 4 + 16
    settings = settings_from_paths({"l2.strength": 0.5})
    weights = [p for p in network.parameters() if p.ndim > 1]
    size = sum((w.detach() ** 2).sum().item() for w in weights) ** 0.5
    optimizer = build_optimizer(network, settings)
    facts = train_step(network, optimizer, MiniBatch(images, references, None), settings, COMPUTER)
    assert facts[0].item() == pytest.approx(sum(terms) / len(terms), rel=1e-5)
    assert facts[1].item() == pytest.approx(0.25 * size**2, rel=1e-5)
    assert facts[3].item() == pytest.approx(0.5 * size, rel=1e-5)
    assert facts[4].item() == pytest.approx(size, rel=1e-5)


def test_a_mini_batch_without_labelled_pixels_moves_nothing() -> None:
    network = UNet(depth=1, first_filters=2, dropout=0.0)
    references = torch.full((1, 4, 4), NO_REGION, dtype=torch.uint8)
    settings = settings_from_paths({"l2.strength": 0.0})
    before = [p.detach().clone() for p in network.parameters()]
    optimizer = build_optimizer(network, settings)
    batch = MiniBatch(torch.rand(1, 1, 4, 4), references, None)
    assert train_step(network, optimizer, batch, settings, COMPUTER)[0] == 0
    assert all(torch.equal(a, b) for a, b in zip(before, network.parameters(), strict=True))
