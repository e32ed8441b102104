"""Several networks that answer together."""

from collections.abc import Sequence

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
        probabilities = [network(images).float().softmax(1) for network in self.networks]
        return torch.stack(probabilities).mean(0).log()
