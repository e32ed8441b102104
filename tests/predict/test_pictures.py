"""Prediction on pictures: what the run itself predicted, wherever the images come from."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.predict.conftest import Trained
from tests.shell import Shell
from tests.study.conftest import without_report

from myosweep.config import study_config
from myosweep.data.store import Dataset
from myosweep.errors import DatasetError, StudyError
from myosweep.model.ensemble import Ensemble
from myosweep.predict.cases import find_cases
from myosweep.predict.export import export_model
from myosweep.predict.greys import fit_greys
from myosweep.predict.open import open_model
from myosweep.predict.outputs import label_codes
from myosweep.predict.record import RECORD
from myosweep.predict.run import plan_prediction, predict
from myosweep.results.layout import RunFolder, StudyFolder
from myosweep.results.read import read_masks
from myosweep.study.sweep import run_study


def read(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path))


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"normalisation": "z-score", "precision": "bfloat16"},
        {"norm": "group", "depth": 1, "first_filters": 16, "test_time_averaging": 8},
        {"norm": "instance", "test_time_averaging": 2, "precision": "bfloat16"},
    ],
    ids=["plain", "z-score in bfloat16", "group norm, 8 copies", "instance norm, 2 copies"],
)
def test_a_run_predicts_what_it_predicted_when_it_was_trained(
    small_dataset: Dataset,
    tmp_path: Path,
    settings: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """16-bit phantoms, so the normaliser has measured percentiles. An export predicts the same.

    Processors without bfloat16 predict in float32, which would differ in some pixels.
    """
    monkeypatch.setattr("myosweep.training.device._native_bfloat16", lambda device: True)
    run = train(small_dataset, tmp_path / "study", settings)
    masks = read_masks(run)
    assert len(np.unique(np.concatenate(list(masks.values())))) > 1
    keys = small_dataset.slices["slice"].tolist()
    (tmp_path / "images").mkdir()
    for key in masks:
        pixels = np.asarray(small_dataset.images[keys.index(key)])
        Image.fromarray(pixels).save(tmp_path / "images" / f"{key}.png")
    assert differing_pixels(run.path, tmp_path, masks) == 0
    if settings.get("test_time_averaging") == 8:
        export_model(run.path, tmp_path / "native", "safetensors")
        assert differing_pixels(tmp_path / "native", tmp_path, masks) == 0


def differing_pixels(place: Path, folder: Path, masks: Mapping[str, np.ndarray]) -> int:
    """In how many pixels a model's predictions are not those masks."""
    model = open_model(place, device="cpu")
    assert model.facts.spacing_mm is not None
    out = folder / f"out-{place.name}"
    plan = plan_prediction(find_cases(folder / "images"), out)
    outcome = predict(model, plan, out)
    assert (outcome.cases, outcome.slices, outcome.problems) == (len(masks), len(masks), [])
    pairs = ((read(out / "masks" / f"{key}.png"), mask[None]) for key, mask in masks.items())
    return sum(int((own != label_codes(mask, model.facts)[0]).sum()) for own, mask in pairs)


def train(dataset: Dataset, folder: Path, settings: dict[str, Any]) -> RunFolder:
    """A really trained, very small network."""
    small = {"first_filters": 4, "depth": 2, "epochs": 2, "learning_rate": 3e-3}
    config = study_config(
        {
            "name": "trained",
            "dataset": str(dataset.folder),
            "split": {"fractions": [0.5, 0.17, 0.33]},
            "settings": {**small, "precision": "float32", **settings},
            "sweep": {"l2.strength": [5e-5]},
            "replicates": {"seeds": 1},
        }
    )
    with without_report():
        run_study(config, folder, device="cpu")
    runs = StudyFolder(folder).runs()
    return next(run for run in runs if run.read_settings().kind == "trained")


def test_masks_hold_the_first_code_of_each_region(trained: Trained) -> None:
    facts = open_model(trained.runs[0].path, device="cpu").facts
    assert facts.scheme.as_mapping()["myocardium"][0] == 2
    codes = label_codes(np.array([[[0, 1, 2]]], np.uint8), facts)
    assert codes.tolist() == [[[0, 1, 2]]]
    assert codes.dtype == np.uint8


def test_a_value_answers_with_the_mean_of_its_networks(trained: Trained) -> None:
    one, other = (open_model(run.path, device="cpu") for run in trained.of_value(5e-5))
    both = open_model(trained.folder, ["0.00005"], device="cpu")
    images = np.asarray(trained.dataset.images[:3])
    padding = np.zeros(images.shape, bool)
    mean = (one.probabilities(images, padding) + other.probabilities(images, padding)) / 2
    np.testing.assert_allclose(both.probabilities(images, padding), mean, atol=1e-6)
    assert [m.seed for m in both.facts.members] == [0, 1]
    assert len(both.facts.normalisers) == 2  # of 8-bit images with other means
    same = open_model(trained.folder, ["0.005"], device="cpu")
    assert len(same.facts.normalisers) == 1


def test_a_run_is_the_same_model_from_within_its_folder(
    trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = trained.runs[0]
    facts = open_model(run.path, device="cpu").facts
    monkeypatch.chdir(run.path)
    within = open_model(".", device="cpu").facts
    assert [member.run for member in within.members] == [run.id]
    assert within.digest == facts.digest


def test_a_value_must_be_one_of_the_study(trained: Trained) -> None:
    with pytest.raises(StudyError, match=r"2 values, and no --value means 2 .* l2.strength=0.005"):
        open_model(trained.folder, device="cpu")
    with pytest.raises(StudyError, match=r"7 means 0 of them"):
        open_model(trained.folder, ["7"], device="cpu")
    with pytest.raises(StudyError, match=r"FIELD=VALUE with one of l2.strength, got 'depth=3'"):
        open_model(trained.folder, ["depth=3"], device="cpu")
    with pytest.raises(StudyError, match="is one model, so there is no value to choose"):
        open_model(trained.runs[0].path, ["0.005"], device="cpu")
    with pytest.raises(StudyError, match="is no model; give the folder of a run"):
        open_model(trained.folder / "runs", device="cpu")


def test_a_smaller_image_is_padded_and_a_larger_one_cut_in_the_middle(
    trained: Trained, tmp_path: Path
) -> None:
    image = np.asarray(trained.dataset.images[0])
    (tmp_path / "images").mkdir()
    large = np.pad(image, ((5, 7), (8, 4)), mode="edge")
    Image.fromarray(large).save(tmp_path / "images" / "large.png")
    Image.fromarray(image[4:28, 2:26]).save(tmp_path / "images" / "small.png")
    Image.fromarray(image).save(tmp_path / "images" / "own.png")
    model = open_model(trained.runs[0].path, device="cpu")
    plan = plan_prediction(find_cases(tmp_path / "images"), tmp_path / "out")
    assert not predict(model, plan, tmp_path / "out", heart="centre").problems
    masks = {name: read(tmp_path / "out/masks" / f"{name}.png") for name in ("large", "own")}
    assert masks["large"].shape == large.shape
    # the middle of 44 x 44 begins at (6, 6)
    window = large[6:38, 6:38]
    padding = np.zeros((1, 32, 32), bool)
    expected = model.probabilities(window[None], padding)[0].argmax(0)
    np.testing.assert_array_equal(
        masks["large"][6:38, 6:38], label_codes(expected[None].astype(np.uint8), model.facts)[0]
    )
    outside = np.ones(large.shape, bool)
    outside[6:38, 6:38] = False
    assert not masks["large"][outside].any()
    assert read(tmp_path / "out/masks/small.png").shape == (24, 24)


def test_a_bad_file_does_not_stop_the_rest(trained: Trained, tmp_path: Path, shell: Shell) -> None:
    masks = trained.write_pictures(tmp_path / "images")
    (tmp_path / "images" / "bad.png").write_bytes(b"no picture")
    content = (tmp_path / "images" / f"{min(masks)}.png").read_bytes()
    (tmp_path / "images" / "cut.png").write_bytes(content[:-200])
    shell("predict", trained.runs[0].path, "images", "out", "--device", "cpu", code=2)
    assert "image 'bad' cannot be read as an image; is it damaged?" in shell.err
    assert "image 'cut' cannot be read as an image; is it damaged?" in shell.err
    assert f"{len(masks)} images or stacks with {len(masks)} slices predicted" in shell.out
    assert len(list((tmp_path / "out" / "masks").iterdir())) == len(masks)


def test_what_is_there_is_skipped_and_no_other_model_may_add(
    trained: Trained, tmp_path: Path, shell: Shell
) -> None:
    masks = sorted(trained.write_pictures(tmp_path / "images"))
    run, other = trained.runs[0].path, trained.runs[1].path
    shell("predict", run, "images", "out", "--device", "cpu")
    kept, gone = (tmp_path / "out" / "masks" / f"{key}.png" for key in masks[:2])
    kept.write_bytes(b"kept")
    before = gone.read_bytes()
    gone.unlink()
    out = shell("predict", run, "images", "out", "--device", "cpu", "--dry-run")
    assert "1 images or stacks, 1 slices" in out
    assert not gone.exists()
    out = shell("predict", run, "images", "out", "--device", "cpu")
    assert f"1 images or stacks with 1 slices predicted, {len(masks) - 1} were there before" in out
    assert (kept.read_bytes(), gone.read_bytes()) == (b"kept", before)
    shell("predict", other, "images", "out", "--device", "cpu", code=2)
    assert "'out' holds predictions of another model" in shell.err
    (tmp_path / "out" / RECORD).write_text("{")
    shell("predict", run, "images", "out", "--device", "cpu", code=2)


def test_nothing_to_predict_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="there is no file or folder 'none'"):
        find_cases(tmp_path / "none")
    (tmp_path / "text.txt").write_text("no image")
    with pytest.raises(DatasetError, match="holds no images"):
        find_cases(tmp_path)


def test_forms_that_a_picture_cannot_have_are_told(trained: Trained, tmp_path: Path) -> None:
    trained.write_pictures(tmp_path / "images")
    found = find_cases(tmp_path / "images")
    plan = plan_prediction(found, tmp_path / "out", ["dicom-seg"])
    assert not plan.todo
    assert "is no DICOM, so --as dicom-seg cannot be had of it" in plan.problems[0]
    both = plan_prediction(found, tmp_path / "out", ["dicom-seg", "png"])  # as for a mixed folder
    assert {forms for _, forms in both.todo} == {("png",)}
    assert len(both.problems) == len(both.todo) == 5


def test_grey_levels_of_another_depth_are_fitted(trained: Trained, tmp_path: Path) -> None:
    """For a network of 8-bit images the 0.1 and 99.9 percentiles become 0 and 255."""
    facts = open_model(trained.runs[0].path, device="cpu").facts
    ramp = np.arange(0, 4000, dtype=np.uint16).reshape(1, 40, 100)
    fitted, changed = fit_greys(facts, ramp)
    assert changed
    assert fitted.dtype == np.uint8
    assert (fitted.min(), fitted.max()) == (0, 255)
    assert fitted[0, 20, 0] == 128  # 2000 lies half way between 4 and 3995
    for small in (ramp.astype(np.uint8), ramp % 256):
        same, changed = fit_greys(facts, small)
        assert same is small
        assert not changed


def test_deep_networks_get_shallow_images_stretched(trained: Trained) -> None:
    facts = open_model(trained.runs[0].path, device="cpu").facts
    one = facts.normalisers[0]
    deep = facts.model_copy(
        update={"normalisers": (one.model_copy(update={"low": 10.0, "high": 3000.0}),)}
    )
    images = np.linspace(0, 255, 1000).astype(np.uint8).reshape(1, 10, 100)
    fitted, changed = fit_greys(deep, images)
    assert changed
    assert (fitted.dtype, fitted.min(), fitted.max()) == (np.uint16, 10, 3000)
    for factor in (4, 11, 20):  # as patients of one training differ
        assert not fit_greys(deep, images.astype(np.uint16) * factor)[1]


@pytest.mark.parametrize("scale", [3, 50, 0.2])
def test_deep_images_of_another_scale_are_fitted(trained: Trained, scale: float) -> None:
    """Rescaled, signed or resampled images fill all 16 bits; most pixels would be the brightest."""
    facts = open_model(trained.runs[0].path, device="cpu").facts
    one = facts.normalisers[0].model_copy(update={"low": 5.0, "high": 1200.0})
    deep = facts.model_copy(update={"normalisers": (one,)})
    images = np.linspace(5, 1200, 4096).reshape(1, 64, 64).round().astype(np.uint16)
    assert not fit_greys(deep, images)[1]
    fitted, changed = fit_greys(deep, (images * scale).astype(np.uint16))
    assert changed
    assert np.abs(fitted.astype(float) - images).max() <= 10
    z_score = facts.model_copy(
        update={"normalisers": (one.model_copy(update={"kind": "z-score"}),)}
    )
    assert not fit_greys(z_score, images.astype(np.uint16) * 9)[1]


def test_the_ensemble_is_that_of_the_studies(trained: Trained) -> None:
    """``predict`` and the study's own ensembles compute the same mean."""
    import torch

    from myosweep.predict.networks import MeanOfNetworks, read_runs

    networks = read_runs(trained.of_value(5e-5)).networks
    images = torch.randn(2, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        ours, theirs = MeanOfNetworks(networks, [0, 0])(images), Ensemble(networks)(images).exp()
    torch.testing.assert_close(ours, theirs)
