"""A model ready to answer, wherever it comes from: a run, a study's value, an exported file."""

from collections.abc import Sequence
from pathlib import Path

from myosweep.errors import StudyError
from myosweep.predict.choose import refuse_values
from myosweep.predict.model import ONNX, Model


def open_model(
    path: Path | str,
    values: Sequence[str] = (),
    *,
    device: str = "auto",
    threads: int | None = None,
) -> Model:
    """Open a run's folder, a study's folder with a value, or an exported model.

    All finished networks of a value answer together, with the mean of their probabilities. Only
    tensors and JSON are read, and nothing that could run code.

    Args:
        values: which of a study's values: ``0.0005``, or with several swept fields
            ``l2.strength=0.0005`` and so on. None where the study has one value.
        device: auto, cpu, cuda or mps; ONNX files are computed on the processor.
        threads: of the processor; by default all.

    Raises:
        StudyError: if it is none of these, or a file is damaged or not what it should be.
    """
    place = Path(path)
    if (file := onnx_file(place)) is not None:
        refuse_values(values, place)
        if device not in ("auto", "cpu"):
            raise StudyError(
                f"an ONNX model is computed on the processor, so --device is auto or cpu, got "
                f"{device!r}; give the run or the study itself to use another device"
            )
        from myosweep.predict.onnx_file import open_onnx

        return open_onnx(file, threads)
    from myosweep.predict.networks import read_model, torch_model

    return torch_model(read_model(place, values), device, threads)


def onnx_file(place: Path) -> Path | None:
    """The ONNX file that is meant: itself, or the one of an export's folder; or none."""
    if place.suffix.lower() == ".onnx":
        return place
    return place / ONNX if (place / ONNX).is_file() else None
