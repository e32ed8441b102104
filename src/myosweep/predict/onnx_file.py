"""Models in ONNX: checked before they are run, by onnxruntime, without torch."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from myosweep.errors import StudyError
from myosweep.predict.facts import ModelFacts, parse_facts
from myosweep.predict.model import Engine, Model
from myosweep.predict.sums import check_sum

OPSET = 20
IMAGES, PROBABILITIES = "images", "probabilities"
FACTS_KEY = "myosweep"
_MOST_BYTES = 2**31
_MOST_NODES = 100_000
_MOST_MEMORY = 2**31
"""Bytes of the tensors that a pass needs at a time: 64 filters take 8 images of 512 x 512."""
_PASSES = (16, 8, 4, 2, 1)
"""Images in a pass: as many as are asked at once, or as fit."""
_OPERATORS = {
    "Add", "AveragePool", "BatchNormalization", "Cast", "Clip", "Concat", "Constant", "Conv",
    "ConvTranspose", "Div", "Exp", "Gather", "Gemm", "GroupNormalization", "Identity",
    "InstanceNormalization", "LayerNormalization", "LeakyRelu", "Log", "MatMul", "MaxPool",
    "Mul", "Neg", "PRelu", "Reciprocal", "ReduceMean", "ReduceSum", "Relu", "Reshape", "Shape",
    "Sigmoid", "Slice", "Softmax", "Split", "Sqrt", "Squeeze", "Sub", "Tanh", "Transpose",
    "Unsqueeze",
}  # fmt: skip
"""Arithmetic of networks, all by the standard; none of them loops, branches or reads files."""


def open_onnx(path: Path, threads: int | None = None) -> Model:
    """An ONNX file that ``myosweep export`` has written; torch is not needed.

    Raises:
        StudyError: if it is damaged, or holds anything but tensors and plain arithmetic.
    """
    check_sum(path)
    content = _content(path)
    checked = check_onnx(content, repr(path.name))
    return Model(checked.facts, onnx_engine(checked, threads, repr(path.name)), "onnxruntime")


def _content(path: Path) -> bytes:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise StudyError(f"{path.name!r} is larger than any ONNX file, so it is not read")
        return path.read_bytes()
    except OSError:
        raise StudyError(f"{path.name!r} cannot be read; check the path") from None


@dataclass(frozen=True, eq=False)
class Checked:
    """An ONNX file whose graph has been looked through.

    Args:
        at_once: how many images may be computed in one pass.
    """

    content: bytes
    facts: ModelFacts
    at_once: int


def check_onnx(content: bytes, subject: str) -> Checked:
    """Look through the graph of an ONNX file, before anything of it is run.

    External data could be any file of this machine, and operators that are not the standard's are
    code of somebody's own: both are refused, and so is whatever loops or branches.

    Raises:
        StudyError: in words that follow from the rule that it breaks.
    """
    onnx = _library("onnx")
    try:
        model = onnx.load_model_from_string(content)
    except Exception:  # the parser has an exception of its own
        raise StudyError(f"{subject} is no ONNX file, or a damaged one") from None
    if fault := next(_faults(model), None):
        raise StudyError(f"{subject} {fault}, so it is not run; export the model again")
    told = {one.key: one.value for one in model.metadata_props}
    if FACTS_KEY not in told:
        raise StudyError(
            f"{subject} was not written by `myosweep export`: nobody knows how its images were "
            "prepared"
        )
    facts = parse_facts(told[FACTS_KEY], f"what {subject} says of itself")
    if fault := _misfit(model.graph, facts):
        raise StudyError(f"{subject} {fault}, so it is not run; export the model again")
    try:
        onnx.checker.check_model(model)
        at_once = _images_at_once(onnx, model)
    except StudyError as fault:
        raise StudyError(f"{subject} {fault}, so it is not run; export the model again") from None
    except Exception:
        raise StudyError(f"{subject} breaks the rules of ONNX; export the model again") from None
    return Checked(content, facts, at_once)


def _images_at_once(onnx: Any, model: Any) -> int:
    """How many images fit into a pass; what the file says of its steps' sizes is no proof.

    Raises:
        StudyError: if not even one does, or nobody knows; in words that follow the subject.
    """
    for images in _PASSES:
        needed = _most_bytes(onnx, model, images)
        if needed <= _MOST_MEMORY:
            return images
    most = f"{_MOST_MEMORY / 2**30:.0f} GiB is the most"
    raise StudyError(f"would need {needed / 2**30:.1f} GiB for one image, where {most}")


def _most_bytes(onnx: Any, model: Any, images: int) -> int:
    """The largest sum of all tensors that are needed at a time; weights are not counted."""
    sizes = _tensor_bytes(onnx, model, images)
    nodes = model.graph.node
    last = {name: step for step, node in enumerate(nodes) for name in node.input}
    last |= {tensor.name: len(nodes) for tensor in model.graph.output}
    held = most = sizes[IMAGES]
    for step, node in enumerate(nodes):
        held += sum(sizes[name] for name in node.output if name)
        most = max(most, held)
        over = {name for name in (*node.input, *node.output) if last.get(name, step) == step}
        held -= sum(sizes.get(name, 0) for name in over)
    return most


def _tensor_bytes(onnx: Any, model: Any, images: int) -> dict[str, int]:
    """The size of the images and of every step's results, by name.

    Raises:
        StudyError: if nobody knows one of them.
    """
    given = onnx.ModelProto()
    given.CopyFrom(model)
    del given.graph.value_info[:]
    for tensor in (*given.graph.input, *given.graph.output):
        if tensor.name in (IMAGES, PROBABILITIES):
            tensor.type.tensor_type.shape.dim[0].dim_value = images
    graph = onnx.shape_inference.infer_shapes(given, strict_mode=True, data_prop=True).graph
    known = {one.name: one for one in (*graph.input, *graph.value_info, *graph.output)}
    names = {IMAGES, *(name for node in model.graph.node for name in node.output if name)}
    sizes = {name: _bytes(onnx, known[name]) for name in names if name in known}
    if None in sizes.values() or sizes.keys() != names:
        raise StudyError("has a step of which nobody knows how much it computes")
    return {name: size for name, size in sizes.items() if size is not None}


def _bytes(onnx: Any, tensor: Any) -> int | None:
    """How much a tensor holds; None if its file does not tell."""
    kind = tensor.type.tensor_type
    if not (kind.HasField("shape") and all(dim.HasField("dim_value") for dim in kind.shape.dim)):
        return None
    width = onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type).itemsize
    return math.prod(dim.dim_value for dim in kind.shape.dim) * int(width)


def _faults(model: Any) -> Iterator[str]:
    """What an ONNX model holds that could do more than compute."""
    opsets = sorted({one.domain for one in model.opset_import} - {"", "ai.onnx"})
    if opsets:
        yield f"needs operators that are not ONNX's own ({opsets[0]!r})"
    if model.functions or model.training_info:
        yield "brings functions or a training of its own"
    graph = model.graph
    if len(graph.node) > _MOST_NODES:
        yield f"has {len(graph.node)} operations, more than any network"
    if graph.sparse_initializer:
        yield "holds sparse tensors"
    for node in graph.node:
        if node.domain not in ("", "ai.onnx") or node.op_type not in _OPERATORS:
            name = ":".join(filter(None, (node.domain, node.op_type)))
            yield f"uses the operator {name[:40]!r}, which no exported network needs"
        for attribute in node.attribute:
            if attribute.HasField("g") or attribute.graphs:
                yield "has a graph within its graph"
            if attribute.HasField("sparse_tensor") or attribute.sparse_tensors:
                yield "holds sparse tensors"
            for tensor in (attribute.t, *attribute.tensors):
                yield from _tensor_faults(tensor)
    for tensor in graph.initializer:
        yield from _tensor_faults(tensor)


def _tensor_faults(tensor: Any) -> Iterator[str]:
    if tensor.external_data or tensor.data_location != 0:
        yield "keeps data in other files, whose paths could lead anywhere"


def _misfit(graph: Any, facts: ModelFacts) -> str | None:
    """Why inputs and outputs are not those that the facts tell."""
    wanted = {
        IMAGES: (len(facts.normalisers), *facts.size),
        PROBABILITIES: (len(facts.regions), *facts.size),
    }
    own = {tensor.name for tensor in graph.initializer}
    given = [one for one in graph.input if one.name not in own]
    found = {
        one.name: tuple(dim.dim_value for dim in one.type.tensor_type.shape.dim)[1:]
        for one in (*given, *graph.output)
    }
    if found != wanted:
        return f"has the inputs and outputs {found}, but its facts tell {wanted}"
    return None


def onnx_engine(checked: Checked, threads: int | None, subject: str) -> Engine:
    """What onnxruntime computes with a checked file; the very bytes that were checked.

    Raises:
        StudyError: if it cannot run the file.
    """
    runtime = _library("onnxruntime")
    options = runtime.SessionOptions()
    options.log_severity_level = 4
    if threads is not None:
        options.intra_op_num_threads = threads
    try:
        session = runtime.InferenceSession(
            checked.content, options, providers=["CPUExecutionProvider"]
        )
    except Exception:
        raise StudyError(f"{subject} cannot be run by onnxruntime; export it again") from None
    regions = len(checked.facts.regions)

    def one_pass(images: np.ndarray) -> np.ndarray:
        try:
            answer: np.ndarray = session.run([PROBABILITIES], {IMAGES: images})[0]
        except Exception:  # onnxruntime has a class of its own for each kind of failure
            raise StudyError(
                f"onnxruntime cannot compute {subject} on {len(images)} images; export it again, "
                "or free memory"
            ) from None
        if answer.shape != (len(images), regions, *images.shape[2:]):
            raise StudyError(f"{subject} does not answer image by image; export it again")
        return answer

    def engine(
        images: Float32[np.ndarray, "image channel y x"],
    ) -> Float32[np.ndarray, "image region y x"]:
        starts = range(0, len(images), checked.at_once)
        return np.concatenate([one_pass(images[at : at + checked.at_once]) for at in starts])

    return engine


def _library(name: str) -> Any:
    """onnx or onnxruntime, which are an optional extra."""
    import importlib

    try:
        return importlib.import_module(name)
    except ImportError:
        raise StudyError(
            f"ONNX files need {name}; install it with: pip install 'myosweep[onnx]'"
        ) from None
