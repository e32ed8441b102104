"""The data loss: of the labelled pixels of a mini-batch, whoever of several processes has them."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor

from myosweep.config import RunSettings
from myosweep.regions import NO_REGION
from myosweep.training.together import Together


def data_loss(
    scores: Float[Tensor, "image region y x"],
    references: Int64[Tensor, "image y x"],
    settings: RunSettings,
    together: Together,
) -> Tensor:
    """This process's part of the loss of the whole mini-batch; the parts of all add up to it.

    Args:
        scores: before the softmax.
        references: region maps; ``NO_REGION`` does not count.
    """
    parts = []
    if "cross-entropy" in settings.loss:
        parts.append(_cross_entropy(scores, references, together))
    if "dice" in settings.loss:
        parts.append(_dice(scores, references, settings.batch_size))
    return torch.stack(parts).sum()


def _cross_entropy(scores: Tensor, references: Tensor, together: Together) -> Tensor:
    """Its sum here over the number of labelled pixels of the whole mini-batch."""
    labelled = together.sum((references != NO_REGION).sum()).clamp(min=1)
    total = F.cross_entropy(scores, references, ignore_index=NO_REGION, reduction="sum")
    return total / labelled


def _dice(scores: Tensor, references: Tensor, images: int) -> Tensor:
    """MONAI's Dice loss of each image and region, a mean over the whole mini-batch.

    Image by image, so that processes which share a mini-batch can each take theirs.
    """
    from monai.losses.dice import DiceLoss

    regions = scores.shape[1]
    labelled = (references != NO_REGION)[:, None]
    truth = F.one_hot(references.where(labelled[:, 0], 0), regions).movedim(-1, 1)
    each = DiceLoss(reduction="none")(scores.softmax(1) * labelled, truth * labelled)
    return each.sum() / (images * regions)
