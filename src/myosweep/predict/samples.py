"""What each network says by itself, or of each mirrored copy of an image: samples of an answer."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float32
from torch import nn

from myosweep.errors import StudyError
from myosweep.model.ensemble import answers_to_copies
from myosweep.predict.facts import ModelFacts
from myosweep.predict.model import Asked, Voters
from myosweep.training.device import Computer

COPIES = (1, 2, 4, 8)
"""Of an image: itself; mirrored left-right; top-bottom as well; transposed as well."""


def torch_voters(
    networks: Sequence[nn.Module], facts: ModelFacts, device: str, computer: Computer
) -> Voters:
    """A function that asks every network, and keeps each sample's region map.

    Args:
        networks: each answers to one image, without any averaging over copies.
        facts: which channel each of them sees, and over how many copies it averages.
    """

    def voters(images: Float32[np.ndarray, "image channel y x"], copies: int) -> Asked:
        with computer.active(), torch.inference_mode():
            given = torch.from_numpy(images).to(device, memory_format=torch.channels_last)
            means, votes = [], []
            for network, member in zip(networks, facts.members, strict=True):
                count = member.settings.test_time_averaging
                seen = given[:, member.normaliser : member.normaliser + 1]
                many = answers_to_copies(network, seen, max(count, copies))
                shares = [scores.float().softmax(1) for scores in many]
                means.append(torch.stack(shares[:count]).mean(0))
                votes += [means[-1]] if copies == 1 else shares[:copies]
            mean = torch.stack(means).mean(0)
            maps = torch.stack([one.argmax(1).to(torch.uint8) for one in votes])
            return Asked(mean.cpu().numpy(), maps.cpu().numpy())

    return voters


def default_copies(facts: ModelFacts) -> int:
    """1 where several networks agree or not; else as many as the network averages, at least 2."""
    if len(facts.members) > 1:
        return 1
    return max(facts.members[0].settings.test_time_averaging, 2)


def check_copies(facts: ModelFacts, copies: int) -> None:
    """Raise a ``StudyError`` if there would be one sample, or no such copies."""
    if copies not in COPIES:
        raise StudyError(f"--copies is one of {', '.join(map(str, COPIES))}, got {copies}")
    if len(facts.members) == 1 and copies == 1:
        raise StudyError(
            "one network without mirrored copies gives one answer, which agrees with itself; give "
            "--copies 2, or a study's value with several networks"
        )
