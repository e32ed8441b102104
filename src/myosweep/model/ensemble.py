"""Several answers about one image, averaged: of several networks, or of its mirrored copies."""

from collections.abc import Iterator, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn


class Ensemble(nn.Module):
    """The mean of several networks' probabilities.

    Args:
        networks: each gives scores before the softmax for the same regions.
    """

    def __init__(self, networks: Sequence[nn.Module]) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks)

    def forward(
        self, images: Float[Tensor, "image channel y x"]
    ) -> Float[Tensor, "image region y x"]:
        """Logarithms of the mean probabilities; not finite where a network's scores are not."""
        return _log_mean([network(images) for network in self.networks])


class Averaged(nn.Module):
    """A network that is asked about several copies of an image, and gives the mean answer.

    Args:
        network: gives scores before the softmax.
        copies: 1, the image itself; 2, also mirrored left-right; 4, top-bottom as well; 8, and the
            same of the transposed image, so all turns by 90 degrees.
    """

    def __init__(self, network: nn.Module, copies: int) -> None:
        super().__init__()
        self.network, self.copies = network, copies

    def forward(
        self, images: Float[Tensor, "image channel y x"]
    ) -> Float[Tensor, "image region y x"]:
        """Logarithms of the mean probabilities; not finite where any scores are not."""
        return _log_mean(list(answers_to_copies(self.network, images, self.copies)))


def answers_to_copies(
    network: nn.Module, images: Float[Tensor, "image channel y x"], copies: int
) -> Iterator[Float[Tensor, "image region y x"]]:
    """A network's scores of each copy of the images (see ``Averaged``), turned back."""
    for copy in range(copies):
        axes = [axis for axis, mirrored in ((3, copy & 1), (2, copy & 2)) if mirrored]
        seen = (images.transpose(2, 3) if copy & 4 else images).flip(axes)
        answer = network(seen).flip(axes)
        yield answer.transpose(2, 3) if copy & 4 else answer


def _log_mean(scores: Sequence[Tensor]) -> Tensor:
    """Of probabilities; one that is 0 to all digits stays a finite number."""
    mean = torch.stack([one.float().softmax(1) for one in scores]).mean(0)
    return mean.clamp_min(torch.finfo(mean.dtype).tiny).log()
