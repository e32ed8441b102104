"""Samples of an answer: the same mean as without, and each network's or copy's own region map."""

import numpy as np
import pytest
import torch
from tests.predict.conftest import Trained
from tests.predict.models import facts_for
from torch import nn

from myosweep.model.ensemble import Averaged
from myosweep.predict.model import Model, Voters
from myosweep.predict.open import open_model
from myosweep.predict.samples import torch_voters
from myosweep.training.device import Computer

COMPUTER = Computer("cpu", "float32", 1)


class Ramp(nn.Module):
    """Scores of two regions that depend on the column, so mirrored copies disagree."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        columns = torch.arange(images.shape[3], dtype=torch.float32).expand_as(images)
        return torch.cat([2.2 - columns + 0 * images, columns - 2.2], 1)


def ramp(averaged: int) -> Voters:
    """A network that averages over so many copies when it answers."""
    facts = facts_for(4, 8)
    settings = facts.members[0].settings.model_copy(update={"test_time_averaging": averaged})
    member = facts.members[0].model_copy(update={"settings": settings})
    facts = facts.model_copy(update={"members": (member,)})
    return torch_voters([Ramp()], facts, "cpu", COMPUTER)


def images(count: int = 2) -> np.ndarray:
    return np.zeros((count, 1, 4, 6), np.float32)


def test_the_mean_is_that_of_the_model(trained: Trained):
    model = open_model(trained.folder, ["5e-5"], threads=1)
    pixels, padding = np.asarray(trained.dataset.images[:3]), trained.dataset.padding(slice(3))
    asked = model.ask(pixels, padding, 1)
    assert np.allclose(asked.probabilities, model.probabilities(pixels, padding), atol=1e-6)
    assert asked.votes.shape == (2, 3, 32, 32)
    for vote, run in zip(asked.votes, trained.of_value(5e-5), strict=True):
        alone = open_model(run.path, threads=1).probabilities(pixels, padding)
        assert (vote == alone.argmax(1)).all()
    assert model.ask(pixels, padding, 4).votes.shape[0] == 8


def test_copies_are_samples_and_do_not_change_the_answer():
    asked = ramp(1)(images(), 2)
    plain = Ramp()(torch.from_numpy(images())).softmax(1).numpy()
    assert np.allclose(asked.probabilities, plain)
    assert asked.votes[0, 0, 0].tolist() == [0, 0, 0, 1, 1, 1]
    assert asked.votes[1, 0, 0].tolist() == [1, 1, 1, 0, 0, 0]


@pytest.mark.parametrize("copies", [1, 2, 4])
def test_a_network_that_averages_answers_with_its_mean(copies: int):
    asked = ramp(2)(images(), copies)
    mean = Averaged(Ramp(), 2)(torch.from_numpy(images())).softmax(1).numpy()
    assert np.allclose(asked.probabilities, mean, atol=1e-6)
    assert len(asked.votes) == copies
    if copies == 1:
        assert (asked.votes[0] == mean.argmax(1)).all()


def test_onnx_files_have_no_samples(trained: Trained):
    model = open_model(trained.folder, ["5e-5"], threads=1)
    assert Model(model.facts, model.engine, "onnxruntime").voters is None
