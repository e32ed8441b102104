"""Weights to start a training from: kept in the study's folder, named by their content."""

import hashlib
import re
from pathlib import Path

import torch
from torch import Tensor, nn

from myosweep.config import RunSettings
from myosweep.errors import StudyError
from myosweep.model.weights import read_tensors
from myosweep.results.layout import RunFolder, StudyFolder
from myosweep.training.plan import network_of

_NAME = re.compile(r"weights-[0-9a-f]{12}")


def is_kept(name: str) -> bool:
    """Whether a value of ``init_from`` names weights by their content, not by a path."""
    return _NAME.fullmatch(name) is not None


def find_weights(place: Path) -> Path:
    """The weights of a run's folder, of the only network of a study, or a weights file itself.

    Raises:
        StudyError: if there are none, or several.
    """
    path = RunFolder(place).weights if place.is_dir() else place
    if StudyFolder(place).study.is_file():
        found = [run.weights for run in StudyFolder(place).runs() if run.weights.is_file()]
        if len(found) > 1:
            raise StudyError(
                f"init_from: study {place.name!r} has {len(found)} networks; name one of them, as "
                f"{place.name}/runs/ID (see `myosweep table`)"
            )
        path = next(iter(found), path)
    if not path.is_file():
        raise StudyError(
            f"init_from: there are no weights in {place.name!r}; name the folder of a finished run "
            "(STUDY/runs/ID) or its weights.safetensors"
        )
    return path


def content_name(path: Path) -> str:
    """The name under which a study keeps a weights file."""
    return f"weights-{hashlib.sha256(path.read_bytes()).hexdigest()[:12]}"


def load_initial(network: nn.Module, weights: Path) -> None:
    """Put a file's weights into a network.

    Raises:
        StudyError: if the file is damaged or belongs to another network.
    """
    tensors = _fitting(network, weights)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            parameter.copy_(tensors[name])


def check_weights(weights: Path, settings: RunSettings, regions: int) -> None:
    """Raise a ``StudyError`` if a network of these settings cannot start from a weights file."""
    with torch.device("meta"):
        network = network_of(settings, regions)
    _fitting(network, weights)


def _fitting(network: nn.Module, weights: Path) -> dict[str, Tensor]:
    """A file's weights, which have the names and shapes of the network's."""
    tensors, _ = read_tensors(weights)
    own = {name: parameter.shape for name, parameter in network.named_parameters()}
    if own != {name: tensor.shape for name, tensor in tensors.items()}:
        raise StudyError(
            f"init_from: the weights of {weights.parent.name!r} belong to another network; "
            "first_filters, depth, norm and the number of regions must be the same in both studies"
        )
    return tensors
