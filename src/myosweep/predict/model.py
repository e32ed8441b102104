"""A model that answers: facts, and an engine that computes, wherever they come from."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Integer, UInt8

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
    """Facts, and the engine that computes.

    Args:
        computed_by: the engine's library.
        voters: None where single networks cannot be asked, as in an ONNX file.
        precision: of its arithmetic; several, with ``+``, where networks differ.
        device: the kind of device that it computes on.
    """

    facts: ModelFacts
    engine: Engine
    computed_by: str
    voters: Voters | None = None
    precision: str = "float32"
    device: str = "cpu"

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
