"""Slices on which an exported model is compared with the one that it was made of."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, UInt

from myosweep.config import read_study_config
from myosweep.data.split import read_split
from myosweep.data.store import open_dataset
from myosweep.errors import MyosweepError
from myosweep.predict.facts import ModelFacts
from myosweep.results.layout import StudyFolder

_COUNT = 8


@dataclass(frozen=True, eq=False)
class Examples:
    """Images of the network's size; ``words`` say where they come from."""

    images: UInt[np.ndarray, "slice y x"]
    padding: Bool[np.ndarray, "slice y x"]
    words: str


def example_slices(model: Path, facts: ModelFacts) -> Examples:
    """Test slices of the model's study, if its dataset is there; else noise."""
    for folder in (model, model.resolve().parent.parent):
        if StudyFolder(folder).study.is_file():
            try:
                return _test_slices(StudyFolder(folder), facts)
            except (MyosweepError, OSError, IndexError):  # no split
                break
    high = max(one.high for one in facts.normalisers)
    rng = np.random.default_rng(0)
    noise = rng.integers(0, max(int(high), 1) + 1, (_COUNT, *facts.size))
    images = noise.astype(np.uint8 if high <= 255 else np.uint16)
    return Examples(images, np.zeros(images.shape, bool), f"{_COUNT} images of noise")


def _test_slices(study: StudyFolder, facts: ModelFacts) -> Examples:
    config = read_study_config(study.study)
    dataset = open_dataset(study.path / config.dataset)
    split = read_split(study.splits()[0])
    rows = split.rows("test", dataset)
    some = rows[np.linspace(0, len(rows) - 1, min(_COUNT, len(rows))).astype(int)]
    images = np.asarray(dataset.images[some])
    if images.shape[1:] != facts.size:
        raise OSError
    return Examples(images, dataset.padding(some), f"{len(some)} test slices of its study")
