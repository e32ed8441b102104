"""How much arithmetic a training takes: what a budget counts, the same on every machine."""

from functools import cache

import torch
from torch.utils.flop_counter import FlopCounterMode

from myosweep.config import RunSettings
from myosweep.model.unet import UNet


def cost_in_runs(settings: RunSettings, default: RunSettings, side_yx: tuple[int, int]) -> float:
    """The cost of a training, in trainings of the default: multiplications of all epochs.

    An epoch sees every training image once, whatever the mini-batch. Small networks take more time
    per multiplication than large ones, which is not counted.

    Args:
        side_yx: height and width of the images, in pixels.
    """
    one, other = (
        each.epochs * forward_flop(each.first_filters, each.depth, side_yx)
        for each in (settings, default)
    )
    return one / other


@cache
def forward_flop(first_filters: int, depth: int, side_yx: tuple[int, int]) -> int:
    """Floating-point operations of one image through the network, counted by torch."""
    with torch.device("meta"):
        network, image = UNet(1, 3, depth, first_filters, 0.0), torch.empty(1, 1, *side_yx)
    with FlopCounterMode(display=False) as counter:
        network(image)
    return counter.get_total_flops()
