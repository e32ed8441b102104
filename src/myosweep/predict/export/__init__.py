"""A trained model as files for others: ONNX, a MONAI bundle, or safetensors with JSON."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from myosweep.data.store import refuse_taken
from myosweep.errors import StudyError
from myosweep.files import whole_folder
from myosweep.predict.card import write_card_beside
from myosweep.predict.export.examples import example_slices
from myosweep.predict.networks import read_model
from myosweep.predict.open import onnx_file
from myosweep.predict.sums import write_sums
from myosweep.predict.watch import calibration_beside
from myosweep.results.reliability import write_calibration

ModelKind = Literal["onnx", "monai", "safetensors"]


@dataclass(frozen=True)
class Exported:
    """What was written.

    Args:
        digest: names the model, however it is stored.
        notes: whole sentences on how it was checked.
    """

    kind: ModelKind
    networks: int
    digest: str
    notes: tuple[str, ...]


def export_model(
    model: Path | str, out: Path | str, as_: ModelKind, values: Sequence[str] = ()
) -> Exported:
    """Write a model into a new folder, whole or not at all, with its card and all SHA-256.

    Its calibration goes with it, if it has one; not into a MONAI bundle, which could not use it.

    Args:
        model, values: as ``open_model`` takes them; no ONNX file.

    Raises:
        StudyError: if it is no model, or the exported one answers otherwise.
        DatasetError: if the folder is taken.
    """
    out = Path(out)
    refuse_taken(out)
    if onnx_file(Path(model)) is not None:
        raise StudyError("an ONNX file is not exported again; give the run or the study")
    read = read_model(Path(model), values)
    with whole_folder(out) as draft:
        if as_ == "onnx":
            from myosweep.predict.export.onnx import write_onnx

            notes = write_onnx(read, draft, example_slices(Path(model), read.facts))
        elif as_ == "monai":
            from myosweep.predict.export.monai import write_bundle

            notes = write_bundle(read, draft)
        else:
            from myosweep.predict.export.native import write_native

            notes = write_native(read, draft)
        if as_ != "monai" and (known := calibration_beside(Path(model), read.facts.digest)):
            write_calibration(draft, known)
        notes = (*notes, *write_card_beside(draft, Path(model), values))
        write_sums(draft)
    return Exported(as_, len(read.networks), read.facts.digest, tuple(notes))
