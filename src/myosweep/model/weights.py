"""Tensors in safetensors files with JSON in the header; nothing is ever unpickled."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from myosweep.errors import StudyError
from myosweep.files import whole_file


def write_tensors(path: Path, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
    """Write tensors and a JSON record, whole or not at all."""
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with whole_file(path) as draft:
        draft.write_bytes(save(plain, {"myosweep": json.dumps(dict(facts))}))


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what ``write_tensors`` wrote.

    Raises:
        StudyError: if the file is missing or damaged.
    """
    try:
        with safe_open(path, framework="pt") as file:
            facts = json.loads((file.metadata() or {}).get("myosweep", "{}"))
            if not isinstance(facts, dict):
                raise ValueError
            return {name: file.get_tensor(name) for name in file.keys()}, facts  # noqa: SIM118
    except (OSError, SafetensorError, ValueError, RecursionError):
        raise StudyError(
            f"{path.parent.name}/{path.name} cannot be read; remove the run's folder and run the "
            "study again"
        ) from None
