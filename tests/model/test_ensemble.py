"""Averaged answers: of copies of an image, with networks whose answer is plain."""

import pytest
import torch
from torch import Tensor, nn

from myosweep.model.ensemble import Averaged, Ensemble


class Itself(nn.Module):
    """Scores: the image, and 0."""

    def forward(self, images: Tensor) -> Tensor:
        return torch.cat([images, torch.zeros_like(images)], 1)


class Corner(nn.Module):
    """The first region where the first row and column meet, the second elsewhere, always."""

    def forward(self, images: Tensor) -> Tensor:
        scores = torch.zeros(len(images), 2, *images.shape[2:])
        scores[:, 1] = 40.0
        scores[:, :, 0, 0] = torch.tensor([40.0, 0.0])
        return scores


class UpperHalf(nn.Module):
    """The first region in the upper half, whatever the image shows."""

    def forward(self, images: Tensor) -> Tensor:
        scores = torch.zeros(len(images), 2, *images.shape[2:])
        half = images.shape[2] // 2
        scores[:, 0, :half], scores[:, 0, half:] = 40.0, -40.0
        return scores


@pytest.mark.parametrize("copies", [1, 2, 4, 8])
def test_a_network_that_treats_all_copies_alike_answers_as_alone(copies: int) -> None:
    images = torch.randn(2, 1, 4, 6)
    expected = Itself()(images).softmax(1).log()
    torch.testing.assert_close(Averaged(Itself(), copies)(images), expected)


@pytest.mark.parametrize(
    ("copies", "corners"),
    [
        (1, [(0, 0)]),
        (2, [(0, 0), (0, 5)]),
        (4, [(0, 0), (0, 5), (3, 0), (3, 5)]),
        (8, [(0, 0), (0, 5), (3, 0), (3, 5)]),
    ],
)
def test_each_copys_answer_is_turned_back(copies: int, corners: list[tuple[int, int]]) -> None:
    found = Averaged(Corner(), copies)(torch.zeros(1, 1, 4, 6)).exp()[0, 0]
    expected = torch.zeros(4, 6)
    for place in corners:
        expected[place] = 1 / len(corners)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize(
    ("copies", "upper", "lower"), [(2, [1.0, 1.0], [0.0, 0.0]), (4, [0.5] * 2, [0.5] * 2)]
)
def test_mirrored_answers_are_averaged(copies: int, upper: list[float], lower: list[float]) -> None:
    found = Averaged(UpperHalf(), copies)(torch.zeros(1, 1, 2, 2)).exp()[0, 0]
    torch.testing.assert_close(found, torch.tensor([upper, lower]))


def test_eight_copies_hold_the_transposed_image() -> None:
    class First(nn.Module):
        """The first region in the first row of wide images, nowhere in high ones."""

        def forward(self, images: Tensor) -> Tensor:
            scores = torch.full((len(images), 2, *images.shape[2:]), 40.0)
            scores[:, 0] = -40.0
            if images.shape[3] > images.shape[2]:
                scores[:, 0, 0], scores[:, 1, 0] = 40.0, -40.0
            return scores

    four, eight = (Averaged(First(), copies)(torch.zeros(1, 1, 2, 4)).exp() for copies in (4, 8))
    torch.testing.assert_close(four[0, 0], torch.full((2, 4), 0.5))
    torch.testing.assert_close(eight[0, 0], torch.full((2, 4), 0.25))


def test_certain_answers_stay_finite_and_missing_ones_do_not() -> None:
    certain = Averaged(Itself(), 2)(torch.full((1, 1, 2, 2), 500.0))
    assert certain.isfinite().all()
    missing = Ensemble([Itself(), Itself()])(torch.tensor([[[[float("nan"), 1.0]]]]))
    assert missing.isfinite().all(1).tolist() == [[[False, True]]]
