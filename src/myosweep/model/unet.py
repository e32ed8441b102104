"""The paper's network: MATLAB's ``unetLayers``, layer by layer (source: reference facts, [V])."""

import math
from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

Norm = Literal["none", "group", "instance"]
GROUP_CHANNELS = 8
"""Channels of a group, for group normalisation."""


class ConvPair(nn.Module):
    """Two 3 x 3 convolutions, each with a ReLU, and a normalisation before it; the size stays."""

    def __init__(self, channels_in: int, channels_out: int, norm: Norm = "none") -> None:
        super().__init__()
        self.first = nn.Conv2d(channels_in, channels_out, 3, padding=1)
        self.first_norm = _norm_layer(norm, channels_out)
        self.second = nn.Conv2d(channels_out, channels_out, 3, padding=1)
        self.second_norm = _norm_layer(norm, channels_out)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.first_norm(self.first(x)), inplace=True)
        return F.relu(self.second_norm(self.second(x)), inplace=True)


def _norm_layer(norm: Norm, channels: int) -> nn.Module:
    """Without learned weights where there is nothing to normalise."""
    if norm == "none":
        return nn.Identity()
    return nn.GroupNorm(norm_groups(norm, channels), channels)


def norm_groups(norm: Literal["group", "instance"], channels: int) -> int:
    """Into how many groups of equal size channels are divided; larger groups if need be.

    >>> norm_groups("group", 32), norm_groups("group", 4), norm_groups("instance", 4)
    (4, 1, 4)
    >>> norm_groups("group", 28)  # 3 groups would not be equal
    1
    """
    wanted = channels if norm == "instance" else max(channels // GROUP_CHANNELS, 1)
    return math.gcd(channels, wanted)


class UpConv(nn.ConvTranspose2d):
    """A transposed convolution, 2 x 2 with stride 2, and a ReLU; height and width double.

    Every pixel becomes four that overlap with no others, so the layer is one matrix product, which
    takes half the time of the library's general transposed convolution.
    """

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__(channels_in, channels_out, 2, stride=2)

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        """From (image, channel, y, x) to (image, filter, 2 y, 2 x)."""
        images, channels, height, width = x.shape
        pixels = x.permute(0, 2, 3, 1).reshape(-1, channels)
        matrix = self.weight.permute(0, 2, 3, 1).reshape(channels, -1)
        bias = self.bias.repeat(4)  # type: ignore[union-attr]
        fours = F.relu(torch.addmm(bias, pixels, matrix), inplace=True)
        fours = fours.view(images, height, width, 2, 2, -1).transpose(2, 3)
        return fours.reshape(images, 2 * height, 2 * width, -1).permute(0, 3, 1, 2)


class UNet(nn.Module):
    """U-Net as MATLAB's ``unetLayers`` builds it; with its defaults 31,030,723 parameters.

    Dropout stands at the end of the last encoder stage (after the skip connection is taken) and at
    the end of the bridge. There is no batch normalisation; ``norm`` adds another.

    Args:
        in_channels: channels of the image.
        classes: regions to tell apart.
        depth: encoder stages; height and width must be multiples of ``2 ** depth``.
        first_filters: filters of the first stage, doubled in each further one.
        dropout: probability of dropping a value, in training mode only.
        norm: normalisation before the ReLU of each 3 x 3 convolution.
        generator: where the He-normal weights are drawn from; torch's own by default.
    """

    def __init__(
        self,
        in_channels: int = 1,
        classes: int = 3,
        depth: int = 4,
        first_filters: int = 64,
        dropout: float = 0.5,
        generator: torch.Generator | None = None,
        norm: Norm = "none",
    ) -> None:
        super().__init__()
        filters = [first_filters * 2**stage for stage in range(depth + 1)]
        self.dropout = dropout
        self.encoder = nn.ModuleList(
            ConvPair(before, after, norm)
            for before, after in zip([in_channels, *filters], filters[:-1], strict=False)
        )
        self.bridge = ConvPair(filters[-2] if depth else in_channels, filters[-1], norm)
        self.up = nn.ModuleList(
            UpConv(below, here) for below, here in zip(filters[:0:-1], filters[-2::-1], strict=True)
        )
        self.decoder = nn.ModuleList(ConvPair(2 * here, here, norm) for here in filters[-2::-1])
        self.last = nn.Conv2d(filters[0], classes, 1)
        initialise(self, generator)

    def forward(
        self,
        images: Float[Tensor, "image channel y x"],
        keep: Sequence[Tensor] | None = None,
    ) -> Float[Tensor, "image region y x"]:
        """Scores before the softmax.

        Args:
            images: normalised images.
            keep: one mask per dropout place, 1 to keep and 0 to drop a value, of the shapes that
                ``dropout_shapes`` gives; without it torch's own dropout acts in training mode.
        """
        x, skips = images, []
        for stage in self.encoder:
            skips.append(stage(x))
            x = skips[-1]
            if stage is self.encoder[-1]:
                x = self._drop(x, keep, 0)
            x = F.max_pool2d(x, 2)
        x = self._drop(self.bridge(x), keep, 1)
        for up, stage, skip in zip(self.up, self.decoder, reversed(skips), strict=True):
            x = stage(torch.cat([_dense(up(x)), _dense(skip)], 1))
        scores: Tensor = self.last(x)
        return scores

    def dropout_shapes(self, height: int, width: int) -> list[tuple[int, int, int]]:
        """Shape (channel, y, x) of the dropout mask of one image at each dropout place."""
        depth = len(self.encoder)
        filters = self.last.in_channels
        return [
            (filters * 2**stage, height // 2 ** min(stage, depth), width // 2 ** min(stage, depth))
            for stage in (depth - 1, depth)
        ]

    def _drop(self, x: Tensor, keep: Sequence[Tensor] | None, place: int) -> Tensor:
        if keep is None:
            return F.dropout(x, self.dropout, self.training)
        return x * keep[place] / (1 - self.dropout)


def _dense(x: Tensor) -> Tensor:
    """The same values; the gradient comes back as a tensor of its own, not as a part of another.

    What follows, a ReLU or a sum, is up to 25 times slower on every other run of channels.
    """
    same = x.view_as(x)
    if same.requires_grad:
        same.register_hook(_channels_last)  # type: ignore[no-untyped-call]
    return same


def _channels_last(gradient: Tensor) -> Tensor:
    return gradient.contiguous(memory_format=torch.channels_last)


def initialise(network: nn.Module, generator: torch.Generator | None = None) -> None:
    """He-normal weights (variance 2 / (height x width x input channels)) and zero biases."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            if module.weight.is_meta:  # no values; and drawing them would load torch's compiler
                continue
            fan_in = math.prod(module.kernel_size) * module.in_channels
            with torch.no_grad():
                module.weight.normal_(0, math.sqrt(2 / fan_in), generator=generator)
                if module.bias is not None:
                    module.bias.zero_()
