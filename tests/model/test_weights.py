"""Tensors and facts go to safetensors and come back; damage is a clear error."""

import pickle
from pathlib import Path

import pytest
import torch

from myosweep.errors import StudyError
from myosweep.model.weights import read_tensors, write_tensors


def test_round_trip(tmp_path: Path) -> None:
    tensors = {"a": torch.arange(6.0).reshape(2, 3), "b": torch.tensor(0.1)}
    facts = {"epoch": 3, "loss": [0.1, 1e-30]}
    write_tensors(tmp_path / "w.safetensors", tensors, facts)
    read, read_facts = read_tensors(tmp_path / "w.safetensors")
    assert read_facts == facts
    assert all(torch.equal(read[name], tensors[name]) for name in tensors)


@pytest.mark.parametrize("content", [b"", b"not a file", pickle.dumps({"a": 1}), b"\xff" * 64])
def test_damaged_files_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "w.safetensors").write_bytes(content)
    with pytest.raises(StudyError, match=r"w\.safetensors cannot be read"):
        read_tensors(tmp_path / "w.safetensors")
