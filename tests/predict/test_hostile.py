"""Nothing that is loaded can run code, read other files, or take all memory."""

import gzip
import json
import os
import pickle
import shutil
import struct
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import onnx
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from tests.predict.conftest import Trained, make_trained
from tests.predict.models import by_grey, facts_for, grey_model
from tests.predict.test_uncertainty import calibration
from tests.shell import Shell

from myosweep.config import read_study_config
from myosweep.errors import ConfigError, StudyError
from myosweep.predict.cases import find_cases
from myosweep.predict.export import export_model
from myosweep.predict.export.examples import example_slices
from myosweep.predict.facts import parse_facts
from myosweep.predict.model import FACTS, Model
from myosweep.predict.onnx_file import check_onnx, onnx_engine
from myosweep.predict.open import open_model
from myosweep.predict.run import plan_prediction, predict
from myosweep.predict.sums import SUMS, write_sums
from myosweep.predict.watch import find_calibration
from myosweep.results.layout import RunFolder
from myosweep.results.read import read_counts
from myosweep.results.reliability import CALIBRATION, write_calibration

GREYS: dict[str, Any] = {"kind": "zero-centre", "low": 0.0, "high": 255.0, "mean": 0.0}


class Bomb:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return os.mkdir, (str(self.path),)


@pytest.fixture
def run(trained: Trained) -> RunFolder:
    return trained.runs[0]


def header(content: bytes, length: int | None = None) -> bytes:
    return struct.pack("<Q", len(content) if length is None else length) + content


def test_pickles_are_refused_unread(run: RunFolder, tmp_path: Path) -> None:
    target = tmp_path / "ran"
    torch.save({"weights": Bomb(target)}, run.weights)
    with pytest.raises(StudyError, match="is a pickle, which can run code when it is read"):
        open_model(run.path, device="cpu")
    for protocol in (2, 5):
        run.weights.write_bytes(pickle.dumps(Bomb(target), protocol))
        with pytest.raises(StudyError, match="is a pickle"):
            open_model(run.path, device="cpu")
    run.weights.write_bytes(pickle.dumps(Bomb(target), 0))  # text, which has no sign
    with pytest.raises(StudyError, match="cannot be read"):
        open_model(run.path, device="cpu")
    assert not target.exists()


def test_a_header_whose_length_looks_like_a_pickle_is_read(run: RunFolder) -> None:
    """128 + 5 x 256 bytes: the first two bytes of the file are those of a pickle of protocol 5."""
    content = run.weights.read_bytes()
    length = int.from_bytes(content[:8], "little")
    wanted = 0x0580 if length <= 0x0580 else 0x80 + 256 * (length // 256 + 1)
    padded = content[8 : 8 + length].ljust(wanted)
    run.weights.write_bytes(header(padded) + content[8 + length :])
    assert run.weights.read_bytes()[:1] == b"\x80"
    assert open_model(run.path, device="cpu").facts.members


@pytest.mark.parametrize(
    "content",
    {
        "empty": b"",
        "longer header than the file": header(b"{}", 2**40),
        "longer header than any": header(b"{}", 2**63 - 1),
        "no JSON": header(b"{" * 100),
        "data beyond the file": header(
            b'{"a":{"dtype":"F32","shape":[1073741824],"data_offsets":[0,4294967296]}}'
        ),
        "deep facts": header(json.dumps({"__metadata__": {"myosweep": "[" * 100_000}}).encode()),
        "facts that are a list": header(json.dumps({"__metadata__": {"myosweep": "[]"}}).encode()),
    }.items(),
    ids=lambda one: one[0],
)
def test_damaged_weights_are_one_sentence(run: RunFolder, content: tuple[str, bytes]) -> None:
    run.weights.write_bytes(content[1])
    with pytest.raises(StudyError) as caught:
        open_model(run.path, device="cpu")
    assert len(caught.value.problems) == 1


def test_other_tensors_than_the_settings_say_are_refused(run: RunFolder) -> None:
    from safetensors import safe_open

    with safe_open(run.weights, "pt") as file:
        facts = file.metadata()
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    for change, words in (
        ({"extra": torch.zeros(1)}, "belong to another network"),
        ({"last.bias": torch.zeros(7)}, "belong to another network"),
        ({"last.bias": torch.full((3,), torch.nan)}, "no finite numbers of 32 bits"),
        ({"last.bias": torch.zeros(3, dtype=torch.int32)}, "no finite numbers of 32 bits"),
    ):
        save_file({**tensors, **change}, run.weights, facts)
        with pytest.raises(StudyError, match=words):
            open_model(run.path, device="cpu")
    told = json.loads(facts["myosweep"])
    for wrong in ({"low": 300}, {"mean": "x"}, {"kind": "os.system"}, {"more": 1}):
        save_file(tensors, run.weights, {"myosweep": json.dumps({**told, **wrong})})
        with pytest.raises(StudyError, match="does not tell how its images were normalised"):
            open_model(run.path, device="cpu")


def settings_with(run: RunFolder, **fields: Any) -> str:
    content = json.loads(run.settings.read_text())
    content["settings"] |= fields
    return json.dumps(content)


def test_settings_files_are_data_alone(run: RunFolder, tmp_path: Path) -> None:
    good = run.settings.read_text()
    for content, words in (
        (settings_with(run, first_filters=10**12), "more than any network"),
        (settings_with(run, first_filters=2**63), "more than any network"),
        (settings_with(run, first_filters=10**6), "belong to another network"),
        (settings_with(run, depth=6), "sides are multiples of 64"),
        (settings_with(run, depth=500), "missing or damaged"),
        (settings_with(run, learning_rate=float("nan")), "missing or damaged"),
        (settings_with(run, norm="group"), "belong to another network"),
        (settings_with(run, norm="group", first_filters=10**12 + 4), "more than any network"),
        (settings_with(run, test_time_averaging=10**9), "missing or damaged"),
        (settings_with(run, __class__="os.system"), "missing or damaged"),
        ("[" * 100_000, "missing or damaged"),
        ("!!python/object/apply:os.mkdir ['x']", "missing or damaged"),
        (good + " " * 2**23, "far larger than any such file"),
    ):
        run.settings.write_text(content)
        with pytest.raises(StudyError, match=words):
            open_model(run.path, device="cpu")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"normalisers": [GREYS | {"high": 1e30}]}, "grey levels of 0 to 65535"),
        ({"normalisers": [GREYS | {"low": -1.0}]}, "grey levels of 0 to 65535"),
        ({"spacing_mm": [30000.0, 30000.0]}, "no pixel has sides of"),
    ],
)
def test_facts_that_no_training_has_are_refused(fields: dict[str, Any], words: str) -> None:
    told = facts_for(16, 16).model_dump(mode="json")
    parse_facts(json.dumps(told), "it")
    with pytest.raises(StudyError, match=words):
        parse_facts(json.dumps(told | fields), "it")


@pytest.mark.parametrize("lacks", [True, False])
def test_too_little_memory_is_one_sentence(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch, lacks: bool
) -> None:
    model = open_model(run.path, device="cpu")
    images = np.zeros((2, *model.facts.size), np.uint8)

    def fail(*_: object) -> None:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory" if lacks else "another")

    monkeypatch.setattr(torch.nn.Conv2d, "forward", fail)
    error, words = (StudyError, "for 2 images of") if lacks else (RuntimeError, "^another$")
    with pytest.raises(error, match=words):
        model.probabilities(images, np.zeros(images.shape, bool))


def test_a_hostile_study_file_is_refused(trained: Trained) -> None:
    study = trained.folder / "study.toml"
    for content in ("x = " + "[" * 100_000, "name = 1", "\x00", 'hook = "$(touch x)"'):
        study.write_text(content)
        with pytest.raises(ConfigError):
            read_study_config(study)
    facts = open_model(trained.runs[0].path, device="cpu").facts
    assert "noise" in example_slices(trained.folder, facts).words


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """An ONNX file as it should be; to write one takes seconds."""
    folder = tmp_path_factory.mktemp("sound")
    export_model(make_trained(folder / "toy").runs[0].path, folder / "model", "onnx")
    return (folder / "model" / "model.onnx").read_bytes()


@pytest.fixture
def exported(sound: bytes, tmp_path: Path) -> Path:
    (tmp_path / "model.onnx").write_bytes(sound)
    return tmp_path / "model.onnx"


def rewrite(path: Path, change: Callable[[Any], None]) -> bytes:
    model = onnx.load(path)
    change(model)
    return model.SerializeToString()


def external(model: Any) -> None:
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    for key, value in (("location", "../../../../../etc/passwd"), ("offset", "0")):
        entry = tensor.external_data.add()
        entry.key, entry.value = key, value


def external_constant(model: Any) -> None:
    tensor = onnx.TensorProto(data_type=1, dims=[1], data_location=onnx.TensorProto.EXTERNAL)
    node = onnx.helper.make_node("Constant", [], ["c"])
    node.attribute.append(onnx.helper.make_attribute("value", tensor))
    model.graph.node.insert(0, node)


def sparse_constant(model: Any) -> None:
    """A sparse constant has tensors of its own, whose values lie in a file of the folder."""
    values = onnx.TensorProto(data_type=1, dims=[1], data_location=onnx.TensorProto.EXTERNAL)
    entry = values.external_data.add()
    entry.key, entry.value = "location", "secret.bin"
    places = onnx.helper.make_tensor("places", onnx.TensorProto.INT64, [1], [0])
    tensor = onnx.SparseTensorProto(values=values, indices=places, dims=[1])
    node = onnx.helper.make_node("Constant", [], ["c"])
    node.attribute.append(onnx.helper.make_attribute("sparse_value", tensor))
    model.graph.node.insert(0, node)


def sparse_constants(model: Any) -> None:
    sparse_constant(model)
    attribute = model.graph.node[0].attribute[0]
    attribute.sparse_tensors.add().CopyFrom(attribute.sparse_tensor)
    attribute.ClearField("sparse_tensor")


def custom(model: Any) -> None:
    model.graph.node.append(onnx.helper.make_node("Run", ["images"], ["x"], domain="evil"))


def custom_domain(model: Any) -> None:
    model.opset_import.append(onnx.helper.make_opsetid("evil", 1))


def microsoft(model: Any) -> None:
    model.graph.node[0].domain = "com.microsoft"


def loop(model: Any) -> None:
    body = onnx.helper.make_graph([], "body", [], [])
    model.graph.node.append(onnx.helper.make_node("Loop", ["", ""], [], body=body))


def hidden_graph(model: Any) -> None:
    body = onnx.helper.make_graph([], "body", [], [])
    model.graph.node[0].attribute.append(onnx.helper.make_attribute("body", body))


def function(model: Any) -> None:
    model.functions.append(
        onnx.helper.make_function(
            "evil", "Relu", ["x"], ["y"], [], [onnx.helper.make_opsetid("", 20)]
        )
    )


def no_facts(model: Any) -> None:
    del model.metadata_props[:]


def other_facts(model: Any) -> None:
    told = json.loads(model.metadata_props[0].value)
    model.metadata_props[0].value = json.dumps({**told, "height_px": 64})


def large_facts(model: Any) -> None:
    model.metadata_props[0].value = " " * 2**23


def deep_facts(model: Any) -> None:
    model.metadata_props[0].value = "[" * 100_000


def unknown_facts(model: Any) -> None:
    told = json.loads(model.metadata_props[0].value)
    model.metadata_props[0].value = json.dumps({**told, "hook": "os.system"})


def facts_of_nothing(model: Any) -> None:
    told = json.loads(model.metadata_props[0].value)
    model.metadata_props[0].value = json.dumps({**told, "heart_px": [float("nan"), float("inf")]})


def doubling(model: Any) -> None:
    """Thirty steps that each double the images: 2 ** 30 of them."""
    for step in range(30):
        before = f"double{step - 1}" if step else "images"
        node = onnx.helper.make_node("Concat", [before, before], [f"double{step}"], axis=0)
        model.graph.node.insert(step, node)


def squaring(model: Any) -> None:
    """Each pixel beside each pixel, and each pair beside each pair: 2 ** 40 numbers."""
    before = "images"
    for step in range(2):
        for kind, shape in (("row", [1, -1]), ("column", [-1, 1])):
            sizes = onnx.helper.make_tensor(f"{kind}{step}", 7, [2], shape)
            model.graph.initializer.append(sizes)
            node = onnx.helper.make_node("Reshape", [before, f"{kind}{step}"], [f"as{kind}{step}"])
            model.graph.node.insert(3 * step, node)
        pair = onnx.helper.make_node("Add", [f"asrow{step}", f"ascolumn{step}"], [f"pairs{step}"])
        model.graph.node.insert(3 * step + 2, pair)
        before = f"pairs{step}"


def wide(branches: int, channels: int) -> Callable[[Any], None]:
    """Steps of some channels that are all needed at the end: small weights, much memory."""

    def change(model: Any) -> None:
        weights = np.zeros((channels, 1, 1, 1), np.float32)
        model.graph.initializer.append(onnx.numpy_helper.from_array(weights, "wide"))
        names = [f"branch{number}" for number in range(branches)]
        for at, name in enumerate(names):
            model.graph.node.insert(at, onnx.helper.make_node("Conv", ["images", "wide"], [name]))
        for name in names:
            model.graph.node.append(
                onnx.helper.make_node(
                    "MaxPool", [name], [f"{name}-end"], kernel_shape=[32, 32], strides=[32, 32]
                )
            )

    return change


def test_images_that_do_not_fit_at_once_are_asked_one_after_the_other(exported: Path) -> None:
    """32 x 32 pixels of 4 bytes, and 2 ** 15 channels: 128 MiB for each image, and the image."""
    own = open_model(exported)
    assert check_onnx(exported.read_bytes(), "it").at_once == 16
    images = np.random.default_rng(0).integers(0, 256, (5, *own.facts.size)).astype(np.uint8)
    padding = np.zeros(images.shape, bool)
    content = rewrite(exported, wide(1, 2**15))
    assert check_onnx(content, "it").at_once == 8
    few = replace(check_onnx(exported.read_bytes(), "it"), at_once=2)
    asked = Model(own.facts, onnx_engine(few, None, "it"), "onnxruntime")
    np.testing.assert_allclose(
        asked.probabilities(images, padding), own.probabilities(images, padding), atol=1e-6
    )


def other_output(model: Any) -> None:
    """The answer is half as large as the file says it is."""
    (last,) = (node for node in model.graph.node if "probabilities" in node.output)
    last.output[0] = "whole"
    half = onnx.helper.make_node(
        "MaxPool", ["whole"], ["probabilities"], kernel_shape=[2, 2], strides=[2, 2]
    )
    model.graph.node.append(half)


def averaging(model: Any) -> None:
    """The answer is the mean over all images that are asked for at once: other patients'."""
    (last,) = (node for node in model.graph.node if "probabilities" in node.output)
    last.output[0] = "each"
    model.graph.initializer.append(onnx.helper.make_tensor("first", 7, [1], [0]))
    mean = onnx.helper.make_node("ReduceMean", ["each", "first"], ["probabilities"], keepdims=1)
    model.graph.node.append(mean)


def test_an_answer_is_of_one_image(exported: Path) -> None:
    sound = check_onnx(exported.read_bytes(), "it")
    exported.write_bytes(rewrite(exported, averaging))
    with pytest.raises(StudyError, match="breaks the rules of ONNX"):
        open_model(exported)
    unseen = onnx_engine(replace(sound, content=exported.read_bytes()), None, "it")
    model = Model(sound.facts, unseen, "onnxruntime")
    size = (2, model.facts.height_px, model.facts.width_px)
    with pytest.raises(StudyError, match="does not answer image by image"):
        model.probabilities(np.zeros(size, np.uint8), np.zeros(size, bool))


def missing_input(model: Any) -> None:
    model.graph.node[3].input[0] = "nowhere"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (external, "keeps data in other files"),
        (external_constant, "keeps data in other files"),
        (sparse_constant, "holds sparse tensors"),
        (sparse_constants, "holds sparse tensors"),
        (custom, "uses the operator 'evil:Run'"),
        (custom_domain, "needs operators that are not ONNX's own"),
        (microsoft, "uses the operator 'com.microsoft:"),
        (loop, "uses the operator 'Loop'"),
        (hidden_graph, "has a graph within its graph"),
        (function, "brings functions"),
        (no_facts, "was not written by `myosweep export`"),
        (other_facts, "has the inputs and outputs"),
        (large_facts, "far larger than any facts"),
        (deep_facts, "is no JSON"),
        (unknown_facts, "does not describe a model of myosweep .hook"),
        (facts_of_nothing, "does not describe a model of myosweep .heart_px"),
        (doubling, r"would need \d+.\d GiB for one image, where 2 GiB is the most"),
        (squaring, r"would need \d+.\d GiB for one image, where 2 GiB is the most"),
        (wide(3, 2**18), r"would need 3.0 GiB for one image, where 2 GiB is the most"),
        (other_output, "breaks the rules of ONNX"),
        (missing_input, "breaks the rules of ONNX"),
    ],
    ids=lambda one: getattr(one, "__name__", ""),
)
def test_hostile_onnx_files_are_not_run(
    exported: Path, change: Callable[[Any], None], words: str
) -> None:
    exported.write_bytes(rewrite(exported, change))
    with pytest.raises(StudyError, match=words):
        open_model(exported)


def test_damaged_onnx_files_are_one_sentence(exported: Path) -> None:
    content = exported.read_bytes()
    rng = np.random.default_rng(0)
    for damaged in (b"", b"text", content[:1000], content[:-100], rng.bytes(5000)):
        exported.write_bytes(damaged)
        with pytest.raises(StudyError):
            open_model(exported)


def test_another_file_than_the_exported_one_is_refused(
    run: RunFolder, tmp_path: Path, shell: Shell
) -> None:
    for kind, name in (("onnx", "model.onnx"), ("safetensors", "network-0.safetensors")):
        shell("export", run.path, kind, "--as", kind)
        path = tmp_path / kind / name
        content = bytearray(path.read_bytes())
        content[-100] ^= 1
        path.write_bytes(content)
        shell("predict", kind, "images", "out", code=2)
        assert "is not the file that was exported" in shell.err


def test_what_an_export_says_of_itself_is_its_own(
    run: RunFolder, tmp_path: Path, shell: Shell
) -> None:
    """Other names of regions, another normalisation, another threshold: sound JSON, yet refused."""
    shell("export", run.path, "native", "--as", "safetensors")
    folder = tmp_path / "native"
    model = open_model(folder, device="cpu")
    (tmp_path / "calibrated").mkdir()
    write_calibration(tmp_path / "calibrated", calibration(model, copies=2))
    shutil.copy(tmp_path / "calibrated" / CALIBRATION, folder)
    write_sums(folder)
    assert find_calibration(folder, model) == calibration(model, copies=2)
    write_calibration(folder, calibration(model, 0.1, copies=2))
    for given in (None, folder / CALIBRATION):
        with pytest.raises(StudyError, match=r"'reliability.json' is not the file that was export"):
            find_calibration(folder, model, given)
    facts = json.loads((folder / FACTS).read_text())
    for change in ({"regions": dict(reversed(facts["regions"].items()))}, {"height_px": 64}):
        (folder / FACTS).write_text(json.dumps(facts | change))
        with pytest.raises(StudyError, match=r"'model.json' is not the file that was exported"):
            open_model(folder, device="cpu")
    with (folder / SUMS).open("a") as file:
        file.write("\n" * 2**20)  # a list that is not read compares nothing
    with pytest.raises(StudyError, match="has no readable list SHA256SUMS, so nothing can be"):
        open_model(folder, device="cpu")
    (folder / SUMS).unlink()  # without the list nobody knows
    assert open_model(folder, device="cpu").facts.size == (64, 32)


def test_an_ensemble_cannot_lead_out_of_its_study(run: RunFolder, tmp_path: Path) -> None:
    content = json.loads(run.settings.read_text())
    content |= {"kind": "ensemble", "members": ["../../../../etc"]}
    run.settings.write_text(json.dumps(content))
    with pytest.raises(StudyError, match=r"runs/etc/settings.json is missing or damaged"):
        open_model(run.path, device="cpu")


def test_a_table_that_says_it_is_endless_is_not_read(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows that are alike take no place in a file, and all memory once they are read."""
    rows = len(read_counts(run))
    monkeypatch.setattr("myosweep.results.read._MOST_ROWS", rows - 1)
    with pytest.raises(StudyError, match=r"counts.parquet is missing or damaged"):
        open_model(run.path, device="cpu")


def png_of(width: int, height: int) -> bytes:
    """A grey picture that says it is as large, with a few bytes of pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + check

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def nifti_of(*shape: int) -> bytes:
    """A compressed volume that says it is as large, with no voxels."""
    header = nib.Nifti1Header()
    header.set_data_dtype(np.uint8)
    header["dim"][: len(shape) + 1] = len(shape), *shape
    header["pixdim"][1:4] = 1.5, 1.5, 8
    header["magic"], header["vox_offset"] = b"n+1", 352
    return gzip.compress(header.binaryblock + bytes(4))


def test_hostile_images_do_not_stop_the_others(
    trained: Trained, tmp_path: Path, shell: Shell
) -> None:
    (name,) = trained.write_pictures(tmp_path / "in", 1)
    for bad, content in {
        "bomb.png": png_of(60_000, 60_000),
        "long.png": png_of(1, 5000),
        "cut.png": png_of(32, 32),
        "pickle.png": pickle.dumps(Bomb(tmp_path / "ran")),
        "much.nii.gz": nifti_of(30_000, 30_000, 30_000),
        "wide.nii.gz": nifti_of(5000, 5000, 2),
        "empty.nii.gz": nifti_of(32, 32, 4),
        "frames.nii": b"\x5c\x01\x00\x00" + bytes(400),
        "bomb.dcm": bytes(128) + b"DICM" + bytes(2**16),
        "bomb.mat": b"MATLAB 5.0 MAT-file" + bytes(200),
    }.items():
        (tmp_path / "in" / bad).write_bytes(content)
    shell("predict", trained.runs[0].path, "in", "out", "--device", "cpu", code=2)
    assert "1 images or stacks with 1 slices predicted" in shell.out
    assert [path.stem for path in (tmp_path / "out" / "masks").iterdir()] == [name]
    assert "everything else was predicted, but these could not be (10 problems)" in shell.err
    assert "image 'long' has 5000 x 1 pixels" in shell.err
    assert not (tmp_path / "ran").exists()


@pytest.mark.skipif(os.name == "nt", reason="the stub is a shell script")
def test_no_program_is_run_for_an_image(
    trained: Trained, tmp_path: Path, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostScript named as a picture: Pillow would hand it to Ghostscript."""
    from PIL import EpsImagePlugin

    (tmp_path / "bin").mkdir()
    stub, marker = tmp_path / "bin" / "gs", tmp_path / "ran"
    stub.write_text(f"#!/bin/sh\ntouch '{marker}'\n")
    stub.chmod(0o755)
    monkeypatch.setenv("PATH", f"{stub.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(EpsImagePlugin, "gs_binary", None)  # looked for again
    Image.new("L", (32, 32), 90).save(tmp_path / "drawing.eps")
    with pytest.raises(OSError), Image.open(tmp_path / "drawing.eps") as image:  # noqa: PT011
        image.load()
    assert marker.exists(), "the stub is not what Pillow runs"
    marker.unlink()
    trained.write_pictures(tmp_path / "in", 1)
    for name in ("a.png", "b.tif", "c.bmp"):
        shutil.copy(tmp_path / "drawing.eps", tmp_path / "in" / name)
    shell("predict", trained.runs[0].path, "in", "out", "--device", "cpu", code=2)
    for name in "abc":
        assert f"image '{name}' cannot be read as an image; is it damaged?" in shell.err
    assert not marker.exists()


def test_an_image_on_which_the_network_overflows_has_no_mask(tmp_path: Path) -> None:
    def overflowing(images: np.ndarray) -> np.ndarray:
        answers = by_grey(images)
        answers[images.max((1, 2, 3)) > 200] = np.nan
        return answers

    (tmp_path / "in").mkdir()
    for name, grey in (("dark", 50), ("bright", 250)):
        Image.fromarray(np.full((16, 16), grey, np.uint8)).save(tmp_path / "in" / f"{name}.png")
    plan = plan_prediction(find_cases(tmp_path / "in"), tmp_path / "out")
    outcome = predict(grey_model(16, 16, overflowing), plan, tmp_path / "out")
    assert (outcome.cases, len(outcome.problems)) == (1, 1)
    assert outcome.problems[0].startswith("image 'bright' has no answer: the network's numbers")
    assert not (tmp_path / "out" / "masks" / "bright.png").exists()
