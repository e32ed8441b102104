"""Weights files of others: looked at before they are read, and checked before they are used."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from myosweep.errors import StudyError
from myosweep.model.unet import UNet
from myosweep.model.weights import read_tensors
from myosweep.predict.facts import Member, ModelFacts
from myosweep.training.plan import network_of

_PICKLES = (b"PK\x03\x04", b"\x80")
"""How files begin that torch.save and pickle write: reading them can run code. A safetensors file
can begin so by chance, with the length of its header, which stands before a brace."""


def read_weights(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """A weights file; what could run code when it is read is refused unread."""
    try:
        with path.open("rb") as file:
            start = file.read(9)
    except OSError:
        raise StudyError(f"the weights file {path.name!r} is not there; check the path") from None
    if start[8:] != b"{" and start.startswith(_PICKLES):
        raise StudyError(
            f"{path.name!r} is a pickle, which can run code when it is read, so it is not read; "
            "myosweep's weights are safetensors"
        )
    return read_tensors(path)


def network_with(facts: ModelFacts, member: Member, tensors: Mapping[str, Tensor]) -> UNet:
    """A network with these weights; names, shapes, types and values are checked first."""
    settings = member.settings
    try:
        with torch.device("meta"):  # takes no memory, whatever the settings say
            network = network_of(settings, len(facts.regions))
    except (RuntimeError, OverflowError, TypeError):
        raise StudyError(
            f"run {member.run} says it has {settings.first_filters} first filters, more than any "
            "network; is its file of settings damaged?"
        ) from None
    own = {name: parameter.shape for name, parameter in network.named_parameters()}
    if own != {name: tensor.shape for name, tensor in tensors.items()}:
        raise StudyError(
            f"the weights of run {member.run} belong to another network than its settings say; "
            "train it again"
        )
    if not all(t.dtype == torch.float32 and bool(t.isfinite().all()) for t in tensors.values()):
        raise StudyError(
            f"the weights of run {member.run} are no finite numbers of 32 bits; it cannot answer"
        )
    network.load_state_dict(dict(tensors), assign=True)
    return network.eval()
