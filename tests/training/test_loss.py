"""The losses: MONAI's Dice over labelled pixels, and the sum with cross-entropy."""

import pytest
import torch
import torch.nn.functional as F
from monai.losses import DiceLoss

from myosweep.config import settings_from_paths
from myosweep.regions import NO_REGION
from myosweep.training.loss import data_loss
from myosweep.training.together import ALONE

SCORES = torch.randn(3, 3, 8, 8, generator=torch.Generator().manual_seed(0))
REFERENCES = torch.randint(0, 3, (3, 8, 8), generator=torch.Generator().manual_seed(1))


def loss(kind: str, scores: torch.Tensor, references: torch.Tensor) -> float:
    settings = settings_from_paths({"loss": kind, "batch_size": len(scores)})
    return data_loss(scores, references, settings, ALONE).item()


def test_dice_is_monais_over_images_and_regions() -> None:
    expected = DiceLoss(softmax=True, to_onehot_y=True)(SCORES, REFERENCES[:, None])
    assert loss("dice", SCORES, REFERENCES) == pytest.approx(expected.item(), rel=1e-6)


def test_the_sum_is_the_sum() -> None:
    parts = [loss(kind, SCORES, REFERENCES) for kind in ("dice", "cross-entropy")]
    assert loss("dice-cross-entropy", SCORES, REFERENCES) == pytest.approx(sum(parts), rel=1e-6)
    assert parts[1] == pytest.approx(F.cross_entropy(SCORES, REFERENCES).item(), rel=1e-6)


@pytest.mark.parametrize("kind", ["cross-entropy", "dice", "dice-cross-entropy"])
def test_pixels_without_a_label_do_not_count(kind: str) -> None:
    references = REFERENCES.clone()
    references[:, 4:] = NO_REGION
    other = SCORES.clone()
    other[:, :, 4:] = 7 * torch.randn(3, 3, 4, 8)
    assert loss(kind, other, references) == loss(kind, SCORES, references)
    upper = loss(kind, SCORES[:, :, :4], REFERENCES[:, :4])
    assert loss(kind, SCORES, references) == pytest.approx(upper, rel=1e-5)


def test_a_perfect_answer_costs_nothing() -> None:
    perfect = 100.0 * F.one_hot(REFERENCES, 3).movedim(-1, 1)
    assert loss("dice-cross-entropy", perfect, REFERENCES) == pytest.approx(0, abs=1e-5)
