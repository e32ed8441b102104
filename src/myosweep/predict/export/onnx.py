"""ONNX: all networks of a model and the mean of their probabilities as one graph."""

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from myosweep.errors import StudyError
from myosweep.files import write_json
from myosweep.predict.export.examples import Examples
from myosweep.predict.model import FACTS, ONNX, Model
from myosweep.predict.networks import MeanOfNetworks, Networks, mean_of
from myosweep.predict.onnx_file import (
    FACTS_KEY,
    IMAGES,
    OPSET,
    PROBABILITIES,
    check_onnx,
    onnx_engine,
)

_APART = 1e-3
"""So far may a probability be from PyTorch's."""


def write_onnx(model: Networks, folder: Path, examples: Examples) -> Sequence[str]:
    """``model.onnx`` and ``model.json``; gives how far its answers are from PyTorch's.

    Raises:
        StudyError: if they are further apart than rounding explains, or a library is missing.
    """
    facts = model.facts
    mean = mean_of(model.networks, facts)
    proto = _graph(mean, len(facts.normalisers), facts.size)
    _forget_origin(proto)
    told = proto.metadata_props.add()
    told.key, told.value = FACTS_KEY, facts.model_dump_json()
    content: bytes = proto.SerializeToString()
    checked = check_onnx(content, repr(ONNX))
    ours = Model(facts, _in_torch(mean), "torch")
    theirs = Model(facts, onnx_engine(checked, None, repr(ONNX)), "onnxruntime")
    own, other = (one.probabilities(examples.images, examples.padding) for one in (ours, theirs))
    apart = float(np.abs(own - other).max())
    if not apart <= _APART:
        raise StudyError(
            f"the ONNX file answers otherwise than PyTorch (probabilities differ by {apart:.2g} on "
            f"{examples.words}), so it was not written"
        )
    changed = float((own.argmax(1) != other.argmax(1)).mean())
    (folder / ONNX).write_bytes(content)
    write_json(folder / FACTS, facts.model_dump(mode="json"))
    return (
        f"ONNX opset {OPSET}. On {examples.words} its probabilities differ from PyTorch's (in "
        f"float32) by {apart:.1e} at most; {changed:.2%} of the pixels get another region.",
    )


def _graph(mean: MeanOfNetworks, channels: int, size: tuple[int, int]) -> Any:
    """The graph for any number of images."""
    example = torch.zeros(2, channels, *size)
    with _quiet():
        try:
            program = torch.onnx.export(
                mean,
                (example,),
                input_names=[IMAGES],
                output_names=[PROBABILITIES],
                opset_version=OPSET,
                dynamo=True,
                dynamic_shapes=({0: torch.export.Dim("image")},),
                external_data=False,
                verbose=False,
            )
        except ImportError:
            raise StudyError(
                "ONNX files need onnx, onnxruntime and onnxscript; install them with: pip install "
                "'myosweep[onnx]'"
            ) from None
    assert program is not None
    return program.model_proto


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the exporter's remarks on libraries that are not needed here."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def _forget_origin(proto: Any) -> None:
    """Remove where the exporter ran: it writes stack traces with paths into every node."""
    proto.producer_name, proto.producer_version, proto.doc_string = "myosweep", "", ""
    graph = proto.graph
    graph.doc_string, graph.name = "", "myosweep"
    del proto.metadata_props[:], graph.metadata_props[:]
    for one in (*graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer):
        one.doc_string = ""
        del one.metadata_props[:]


def _in_torch(mean: MeanOfNetworks) -> Any:
    def engine(images: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            answer: np.ndarray = mean(torch.from_numpy(images)).numpy()
        return answer

    return engine
