"""A model ready to answer, wherever it comes from: a run, a study's value, an exported file."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float32, Integer, UInt8

from myosweep.predict.choose import refuse_values
from myosweep.predict.facts import ModelFacts

Engine = Callable[
    [Float32[np.ndarray, "image channel y x"]], Float32[np.ndarray, "image region y x"]
]
"""Mean probabilities over the model's networks, of normalised images."""
Voters = Callable[[Float32[np.ndarray, "image channel y x"], int], "Asked"]
"""The same mean, and every sample's own answer: ``(images, copies)``, see ``Model.ask``."""
FACTS, ONNX = "model.json", "model.onnx"
"""Names in the folder of an exported model."""


@dataclass(frozen=True, eq=False)
class Asked:
    """Mean probabilities, which are the answer, and the region map of each sample."""

    probabilities: Float32[np.ndarray, "image region y x"]
    votes: UInt8[np.ndarray, "sample image y x"]


@dataclass(frozen=True, eq=False)
class Model:
    """Facts, and the engine that computes; ``computed_by`` names its library.

    ``voters`` is None where single networks cannot be asked, as in an ONNX file.
    """

    facts: ModelFacts
    engine: Engine
    computed_by: str
    voters: Voters | None = None

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
        return self.engine(self._inputs(images, padding))

    def ask(
        self,
        images: Integer[np.ndarray, "image y x"],
        padding: Bool[np.ndarray, "image y x"],
        copies: int,
    ) -> Asked:
        """``probabilities``, and what each sample answers.

        Args:
            copies: 1: a sample is a network as it answers; 2, 4 or 8: a network asked about one of
                so many mirrored copies of the image. The probabilities do not depend on it.
        """
        assert self.voters is not None
        return self.voters(self._inputs(images, padding), copies)

    def _inputs(
        self, images: Integer[np.ndarray, "image y x"], padding: Bool[np.ndarray, "image y x"]
    ) -> Float32[np.ndarray, "image channel y x"]:
        inputs = [one.normaliser().apply(images, padding)[0] for one in self.facts.normalisers]
        return np.stack(inputs, 1)


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
        from myosweep.predict.onnx_file import open_onnx

        return open_onnx(file, threads)
    from myosweep.predict.networks import read_model, torch_model

    return torch_model(read_model(place, values), device, threads)


def onnx_file(place: Path) -> Path | None:
    """The ONNX file that is meant: itself, or the one of an export's folder; or none."""
    if place.suffix.lower() == ".onnx":
        return place
    return place / ONNX if (place / ONNX).is_file() else None
