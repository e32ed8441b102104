"""A model ready to answer, wherever it comes from: a run, a study's value, an exported file."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float32, Integer

from myosweep.errors import StudyError
from myosweep.predict.facts import ModelFacts
from myosweep.results.layout import RunFolder, StudyFolder

Engine = Callable[
    [Float32[np.ndarray, "image channel y x"]], Float32[np.ndarray, "image region y x"]
]
"""Mean probabilities over the model's networks, of normalised images."""
FACTS, ONNX = "model.json", "model.onnx"
"""Names in the folder of an exported model."""


@dataclass(frozen=True, eq=False)
class Model:
    """Facts, and the engine that computes; ``digest`` names what both of them say."""

    facts: ModelFacts
    engine: Engine

    def probabilities(
        self,
        images: Integer[np.ndarray, "image y x"],
        padding: Bool[np.ndarray, "image y x"],
    ) -> Float32[np.ndarray, "image region y x"]:
        """The mean of the networks' probabilities of each region.

        Args:
            images: pixels as the dataset of the training had them, of the network's size.
            padding: which pixels lie outside of the source image.
        """
        inputs = [one.normaliser().apply(images, padding)[0] for one in self.facts.normalisers]
        return self.engine(np.stack(inputs, 1))


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
    onnx = place / ONNX if (place / ONNX).is_file() else place
    if onnx.suffix.lower() == ".onnx" or onnx != place:
        _refuse_values(values, place)
        from myosweep.predict.onnx_file import open_onnx

        return open_onnx(onnx, threads)
    from myosweep.predict.networks import open_exported, open_runs

    if (place / FACTS).is_file():
        _refuse_values(values, place)
        return open_exported(place, device, threads)
    if StudyFolder(place).study.is_file():
        from myosweep.predict.choose import networks_of_value

        return open_runs(networks_of_value(StudyFolder(place), values), device, threads)
    if RunFolder(place).settings.is_file():
        _refuse_values(values, place)
        return open_runs(_members(RunFolder(place)), device, threads)
    raise StudyError(
        f"{place.name!r} is no model; give the folder of a run (STUDY/runs/ID), of a study, or a "
        "model that `myosweep export` has written"
    )


def _members(run: RunFolder) -> list[RunFolder]:
    """A run's networks: itself, or those of an ensemble."""
    members = run.read_settings().members
    return [RunFolder(run.path.parent / Path(name).name) for name in members] or [run]


def _refuse_values(values: Sequence[str], place: Path) -> None:
    if values:
        raise StudyError(
            f"{place.name!r} is one model, so there is no value to choose; leave out --value, or "
            "give the folder of the study"
        )
