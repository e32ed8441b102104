"""Ensembles of a study's networks: they answer with the mean, and stand beside the single ones."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.study.conftest import without_report

from myosweep.analysis.conclude import conclude
from myosweep.analysis.points import points
from myosweep.config import StudyConfig, study_config
from myosweep.data.store import Dataset
from myosweep.errors import StudyError
from myosweep.model.ensemble import Ensemble
from myosweep.model.unet import UNet
from myosweep.model.weights import read_tensors
from myosweep.report.page import write_report
from myosweep.results.layout import StudyFolder
from myosweep.results.read import read_masks, read_results
from myosweep.study.ensemble import make_ensembles
from myosweep.study.open import open_study
from myosweep.study.resources import Resources
from myosweep.study.sweep import run_study
from myosweep.training.plan import build_network

CPU = Resources("cpu", threads=1)


def config(dataset: Dataset, **content: Any) -> StudyConfig:
    return study_config(
        {
            "name": "together",
            "dataset": str(dataset.folder),
            "split": {"fractions": [0.5, 0.17, 0.33]},
            "settings": {"first_filters": 2, "depth": 2, "epochs": 1, "precision": "float32"},
            "sweep": {"l2.strength": [5e-3, 1e-4]},
            "replicates": {"seeds": 4},
            "question": {"reference": 1e-4},
            **content,
        }
    )


@pytest.fixture(scope="module")
def folder(small_dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("ensemble") / "study"
    with without_report():
        run_study(config(small_dataset), place, device="cpu")
    study = open_study(place, device="cpu", write=False)
    assert make_ensembles(study, 2, CPU) == 4
    assert make_ensembles(study, 2, CPU) == 0
    return place


def test_each_network_is_in_one_ensemble_with_those_of_its_value(folder: Path) -> None:
    runs = {run.id: run.read_settings() for run in StudyFolder(folder).runs()}
    ensembles = [one for one in runs.values() if one.kind == "ensemble"]
    members = [name for one in ensembles for name in one.members]
    assert len(members) == len(set(members)) == 8
    for one in ensembles:
        assert {runs[name].point["l2.strength"] for name in one.members} == {
            one.point["l2.strength"]
        }
        assert one.point["ensemble"] == 2


def test_an_ensemble_answers_with_the_mean_probability(folder: Path) -> None:
    study, home = open_study(folder, device="cpu", write=False), StudyFolder(folder)
    one = next(r for r in home.runs() if r.read_settings().kind == "ensemble")
    plans = {plan.id: plan for plan in study.plans()}
    members = [plans[name] for name in one.read_settings().members]
    test = members[0].samples()["test"]
    inputs, _, _ = test.take(np.arange(len(test)))
    images = torch.from_numpy(inputs)[:, None]
    probabilities = []
    for plan in members:
        network = build_network(plan, CPU.computer("float32")).eval()
        network.load_state_dict(read_tensors(home.run(plan.id).weights)[0])
        with torch.inference_mode():
            probabilities.append(network(images).softmax(1).numpy())
    expected = np.mean(probabilities, axis=0).argmax(1)
    masks = read_masks(one)
    found = np.stack([masks[key] for key in members[0].split.test])
    assert (found != expected).mean() < 1e-3


def test_a_network_without_an_answer_leaves_the_ensemble_without_one() -> None:
    sound, broken = (UNet(depth=1, first_filters=2).eval() for _ in range(2))
    with torch.no_grad():
        broken.last.weight.fill_(float("nan"))
        scores = Ensemble([sound, broken])(torch.rand(1, 1, 4, 4))
    assert not scores.isfinite().any()


@pytest.mark.long
def test_the_conclusion_compares_single_networks_and_ensembles(folder: Path) -> None:
    results = read_results(folder)
    assert results.fields == ("l2.strength", "ensemble")
    labels = [point.label for point in points(results)]
    assert labels == ["0.005, 1", "0.0001, 1", "0.0001, 2", "0.005, 2"]
    concluded = conclude(results)
    assert concluded.asked.reference == concluded.asked.default == "0.0001, 1"
    compared = {one.value for one in concluded.shown.comparisons}
    assert compared == {"0.005, 1", "0.0001, 2", "0.005, 2"}
    assert "ensemble" in write_report(folder).read_text()


def test_too_few_networks_and_folds_are_refused(
    folder: Path, small_dataset: Dataset, tmp_path: Path
) -> None:
    study = open_study(folder, device="cpu", write=False)
    with pytest.raises(StudyError, match=r"no value has 5 finished networks.*smaller --size"):
        make_ensembles(study, 5, CPU)
    replicates = {"design": "folds", "repeats": 1, "folds": 3}
    content = {**config(small_dataset).model_dump(mode="json", exclude_none=True)}
    content |= {"replicates": replicates, "split": {"seed": 0}}
    folds = open_study(study_config(content), tmp_path / "folds", device="cpu", write=False)
    with pytest.raises(StudyError, match="none can answer together"):
        make_ensembles(folds, 2, CPU)
