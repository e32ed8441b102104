"""Exported models answer as those that they were made of; ONNX even without torch."""

import hashlib
import json
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any, Literal

import nibabel as nib
import numpy as np
import pytest
import torch
from PIL import Image
from tests.predict.conftest import Trained, give_weights
from tests.shell import Shell

from myosweep.config import RunSettings
from myosweep.errors import StudyError
from myosweep.predict.export import export_model
from myosweep.predict.export.monai import bundle_weights, network_expression
from myosweep.predict.networks import read_model
from myosweep.predict.open import open_model
from myosweep.training.plan import network_of

CARDS = ("model-card.json", "MODEL_CARD.md")
CHECK = "of the pixels get another region"


def answers(place: Path, trained: Trained, values: list[str] | None = None) -> np.ndarray:
    model = open_model(place, values or [], device="cpu")
    images = np.asarray(trained.dataset.images[:4])
    padding = np.zeros(images.shape, bool)
    padding[:, :3] = True
    return model.probabilities(images, padding)


def test_mirrored_copies_are_asked_about(trained: Trained) -> None:
    """With four, an image and its mirrored one get mirrored answers; without, they do not."""
    run = trained.runs[0]
    images = np.asarray(trained.dataset.images[:2])
    inside = np.zeros(images.shape, bool)
    for copies in (4, 1):
        give_weights(run, 5, test_time_averaging=copies)
        model = open_model(run.path, device="cpu")
        own, mirrored = (model.probabilities(one, inside) for one in (images, images[:, ::-1]))
        assert np.allclose(own, mirrored[:, :, ::-1], atol=1e-5) == (copies == 4)


def check_sums(folder: Path) -> set[str]:
    named = {}
    for line in (folder / "SHA256SUMS").read_text().splitlines():
        digest, name = line.split("  ")
        named[name] = digest
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
    files = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    assert set(named) == files - {"SHA256SUMS"}
    return set(named)


@pytest.mark.parametrize("value", ["0.005", pytest.param("5e-5", marks=pytest.mark.long)])
def test_onnx_answers_as_the_ensemble(trained: Trained, tmp_path: Path, value: str) -> None:
    """With one way of normalising images; and with one for each of two networks.

    Of the latter, one has group normalisation and is asked about four copies of each image.
    """
    if value == "5e-5":
        run, other = trained.of_value(5e-5)
        give_weights(run, 5, norm="group", depth=1, first_filters=16, test_time_averaging=4)
        alone = [answers(one.path, trained) for one in (run, other)]
        np.testing.assert_allclose(
            answers(trained.folder, trained, [value]), np.mean(alone, 0), atol=1e-6
        )
    written = export_model(trained.folder, tmp_path / "out", "onnx", [value])
    assert written.networks == 2
    assert "On 2 test slices of its study" in written.notes[0]
    assert check_sums(tmp_path / "out") == {"model.onnx", "model.json", *CARDS}
    own = answers(trained.folder, trained, [value])
    for place in (tmp_path / "out", tmp_path / "out" / "model.onnx"):
        np.testing.assert_allclose(answers(place, trained), own, atol=1e-5)
    digest = open_model(trained.folder, [value], device="cpu").facts.digest
    assert open_model(tmp_path / "out").facts.digest == written.digest == digest
    content = (tmp_path / "out" / "model.onnx").read_bytes()
    for word in (b"site-packages", b"torch.onnx", str(Path(__file__).parents[2]).encode()):
        assert word not in content


def test_onnx_runs_without_torch(trained: Trained, tmp_path: Path, shell: Shell) -> None:
    """A process in which nobody can import torch writes the masks that torch gives."""
    trained.write_pictures(tmp_path / "images")
    run = trained.runs[0].path
    out = shell("export", run, "model", "--as", "onnx")
    assert "1 network written to model" in out
    assert CHECK in " ".join(out.split())
    shell("predict", run, "images", "torch", "--as", "png", "--as", "contours", "--device", "cpu")
    code = """
import sys
from importlib.abc import MetaPathFinder

class NoTorch(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "monai", "optuna", "safetensors"):
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, NoTorch())
sys.argv = ["myosweep", "predict", "model/model.onnx", "images", "onnx", "--as", "png", "--as",
            "contours"]
from myosweep.cli import main
try:
    main()
finally:
    assert "torch" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "5 images or stacks with 5 slices predicted" in done.stdout
    for path in sorted((tmp_path / "torch" / "masks").iterdir()):
        mine = np.asarray(Image.open(tmp_path / "onnx" / "masks" / path.name))
        assert (mine != np.asarray(Image.open(path))).mean() < 0.001
    assert len(list((tmp_path / "onnx" / "contours").iterdir())) == 5


def test_a_value_is_named_once_and_onnx_has_the_processor(trained: Trained, tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"is given twice, as 0\.005 and as 5e-5; one model"):
        open_model(trained.folder, ["0.005", "5e-5"], device="cpu")
    with pytest.raises(StudyError, match="computed on the processor, so --device is auto or cpu"):
        open_model(tmp_path / "model.onnx", device="cuda")


def test_the_native_form_is_the_runs_own_weights(trained: Trained, tmp_path: Path) -> None:
    export_model(trained.folder, tmp_path / "out", "safetensors", ["0.00005"])
    names = {"model.json", "network-0.safetensors", "network-1.safetensors", *CARDS}
    assert check_sums(tmp_path / "out") == names
    for number, run in enumerate(trained.of_value(5e-5)):
        weights = (tmp_path / "out" / f"network-{number}.safetensors").read_bytes()
        assert weights == run.weights.read_bytes()
    own = answers(trained.folder, trained, ["0.00005"])
    np.testing.assert_array_equal(answers(tmp_path / "out", trained), own)
    export_model(tmp_path / "out", tmp_path / "again", "onnx")
    np.testing.assert_allclose(answers(tmp_path / "again", trained), own, atol=1e-5)


def test_what_cannot_be_exported_is_said(trained: Trained, tmp_path: Path, shell: Shell) -> None:
    words = r"holds one network, and this model is the mean of 2; give one run"
    with pytest.raises(StudyError, match=words):
        export_model(trained.folder, tmp_path / "out", "monai", ["0.005"])
    assert not (tmp_path / "out").exists()
    shell("export", trained.folder, "out", code=2)
    assert "--as png is for datasets; a network is exported as onnx" in shell.err
    shell("export", trained.dataset.folder, "out", "--as", "onnx", code=2)
    assert "is no model; give the folder of a run" in shell.err
    (tmp_path / "m.onnx").write_bytes(b"")
    with pytest.raises(StudyError, match="is not exported again"):
        export_model(tmp_path / "m.onnx", tmp_path / "out", "onnx")


@pytest.mark.parametrize(
    ("depth", "first_filters", "norm"),
    [(1, 4, "none"), (3, 4, "none"), (2, 16, "group"), (2, 4, "instance")],
)
def test_the_bundles_network_is_the_same_function(
    depth: int, first_filters: int, norm: Literal["none", "group", "instance"]
) -> None:
    import monai.networks.layers

    settings = RunSettings(depth=depth, first_filters=first_filters, norm=norm)
    own = network_of(settings, 3, torch.Generator().manual_seed(1)).eval()
    move_norms(own)
    theirs = eval(network_expression(settings, 3), {"torch": torch, "monai": monai})
    theirs.load_state_dict(bundle_weights(own.state_dict(), settings))
    images = torch.randn(2, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(theirs(images), own(images))


def move_norms(network: torch.nn.Module) -> None:
    """Other scales and shifts than the 1 and 0 with which normalisations begin."""
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, torch.nn.GroupNorm):
                module.weight.normal_(1, 0.3, generator=generator)
                module.bias.normal_(0, 0.3, generator=generator)


@pytest.mark.parametrize(
    "settings",
    [{"kind": "zero-centre"}, {"kind": "z-score", "norm": "group", "test_time_averaging": 8}],
    ids=["plain", "z-score, group norm, 8 copies"],
)
def test_monai_loads_and_runs_the_bundle(
    trained: Trained, tmp_path: Path, settings: dict[str, Any]
) -> None:
    """By MONAI's own loader and its own runner, on pictures of another size than the network's."""
    import monai.bundle

    run = trained.runs[0]
    give_weights(run, 3, **settings)
    export_model(run.path, tmp_path / "bundle", "monai")
    assert "models/model.pt" in check_sums(tmp_path / "bundle")
    own = read_model(run.path).networks[0]
    images = torch.randn(2, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MONAI warns of what configurations can do
        loaded = monai.bundle.load(
            "bundle", bundle_dir=tmp_path, workflow_type="inference", device="cpu"
        )
        with torch.no_grad():
            torch.testing.assert_close(loaded(images), own(images))
        trained.write_pictures(tmp_path / "images", 2)
        picture = np.asarray(trained.dataset.images[0])
        Image.fromarray(picture[:28, 3:]).save(tmp_path / "images" / "small.png")
        monai.bundle.run(
            config_file=str(tmp_path / "bundle" / "configs" / "inference.json"),
            bundle_root=str(tmp_path / "bundle"),
            dataset_dir=str(tmp_path / "images"),
            output_dir=str(tmp_path / "masks"),
        )
    from myosweep.predict.cases import find_cases
    from myosweep.predict.run import plan_prediction, predict

    plan = plan_prediction(find_cases(tmp_path / "images"), tmp_path / "out")
    predict(open_model(run.path, device="cpu"), plan, tmp_path / "out")
    for path in (tmp_path / "out" / "masks").iterdir():
        theirs = np.asarray(nib.load(tmp_path / "masks" / f"{path.stem}_mask.nii.gz").dataobj)
        ours = np.asarray(Image.open(path))
        middle = theirs.reshape(32, 32)
        if path.stem == "small":  # padded by 2 rows and 2 columns before, and 2 and 1 behind
            middle = middle[2:30, 2:31]
        assert (middle != ours).mean() < 0.002
    metadata = json.loads((tmp_path / "bundle" / "configs" / "metadata.json").read_text())
    outputs = metadata["network_data_format"]["outputs"]["pred"]
    assert outputs["channel_def"] == {"0": "background", "1": "blood pool", "2": "myocardium"}
