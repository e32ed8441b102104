"""Models in ONNX: checked before they are run, by onnxruntime, without torch."""

import math
from collections.abc import Iterator
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
_MOST_NUMBERS = 2**27
"""In one step for one image: 128 channels of 1024 x 1024 pixels."""
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
    facts = check_onnx(content, repr(path.name))
    engine = onnx_engine(content, threads, repr(path.name), len(facts.regions))
    return Model(facts, engine, "onnxruntime")


def _content(path: Path) -> bytes:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise StudyError(f"{path.name!r} is larger than any ONNX file, so it is not read")
        return path.read_bytes()
    except OSError:
        raise StudyError(f"{path.name!r} cannot be read; check the path") from None


def check_onnx(content: bytes, subject: str) -> ModelFacts:
    """The facts in an ONNX file, whose graph has been looked through.

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
        fault = _size_fault(onnx, model)
    except Exception:
        raise StudyError(f"{subject} breaks the rules of ONNX; export the model again") from None
    if fault:
        raise StudyError(f"{subject} {fault}, so it is not run; export the model again")
    return facts


def _size_fault(onnx: Any, model: Any) -> str | None:
    """Why the steps for one image could take all memory; what the file says of them is no proof."""
    single = onnx.ModelProto()
    single.CopyFrom(model)
    del single.graph.value_info[:]
    for tensor in (*single.graph.input, *single.graph.output):
        if tensor.name in (IMAGES, PROBABILITIES):
            tensor.type.tensor_type.shape.dim[0].dim_value = 1
    found = onnx.shape_inference.infer_shapes(single, strict_mode=True, data_prop=True).graph
    sizes = {tensor.name: _numbers(tensor) for tensor in (*found.value_info, *found.output)}
    for name in (name for node in model.graph.node for name in node.output if name):
        if (size := sizes.get(name)) is None:
            return "has a step of which nobody knows how much it computes"
        if size > _MOST_NUMBERS:
            return f"would compute {size} numbers at once, more than any network"
    return None


def _numbers(tensor: Any) -> int | None:
    """How many numbers a tensor holds; None if its file does not tell."""
    dims = tensor.type.tensor_type.shape.dim
    known = tensor.type.tensor_type.HasField("shape") and all(d.HasField("dim_value") for d in dims)
    return math.prod(one.dim_value for one in dims) if known else None


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


def onnx_engine(content: bytes, threads: int | None, subject: str, regions: int) -> Engine:
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
        session = runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception:
        raise StudyError(f"{subject} cannot be run by onnxruntime; export it again") from None

    def engine(
        images: Float32[np.ndarray, "image channel y x"],
    ) -> Float32[np.ndarray, "image region y x"]:
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
