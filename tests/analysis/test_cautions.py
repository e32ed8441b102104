"""Each warning appears where it must, and only there."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.toy import DIVERGED, Toy, moved, toy_study

from myosweep.analysis.cautions import cautions, patients_in_several_parts, question_words
from myosweep.files import read_json, write_json
from myosweep.regions import RegionScheme
from myosweep.results.read import read_results

INNER = {(1e-2,): (1, 2), (1e-3,): (0, 0), (1e-4,): (1, 1)}
"""The highest mean stands at the middle value: no warning about the edge."""
FOUR_REGIONS = {"background": [0], "blood pool": [1], "myocardium": [2], "scar": [3]}
FOUR = RegionScheme.parse([f"{name}={codes[0]}" for name, codes in FOUR_REGIONS.items()])
FOLDS = {"design": "folds", "repeats": 2, "folds": 2}
IN_FOLDS = {(1e-2,): (1, 2, 1, 2), (1e-3,): (0, 0, 0, 0), (1e-4,): (1, 1, 1, 1)}


def topics(toy: Toy) -> list[str]:
    return [caution.topic for caution in cautions(read_results(toy.folder))]


def text(toy: Toy, topic: str) -> str:
    return " ".join(c.text for c in cautions(read_results(toy.folder)) if c.topic == topic)


def test_a_sound_study_gets_no_warning(tmp_path: Path) -> None:
    assert topics(toy_study(tmp_path, INNER)) == []


def test_unfinished_and_failed_networks(tmp_path: Path) -> None:
    toy = toy_study(tmp_path, INNER)
    first, second = [run for run in toy.home.runs() if run.id.startswith("run-0p01")]
    first.status.unlink()
    failed = read_json(second.status) | {"status": "failed", "error": "OSError: /home/somebody"}
    write_json(second.status, failed)
    assert topics(toy) == ["Preliminary", "Failed training"]
    assert "4 of 6 networks" in text(toy, "Preliminary")
    assert "1 network stopped with an error and is missing" in text(toy, "Failed training")
    assert "somebody" not in text(toy, "Failed training")


def test_a_diverged_network_is_named(tmp_path: Path) -> None:
    toy = toy_study(tmp_path, INNER | {(1e-2,): (1, DIVERGED)})
    warning = text(toy, "Diverged")
    assert "out of bounds with L2 strength 0.01 (1 of 2 networks: seed 1)." in warning


def test_patients_in_several_parts(tmp_path: Path) -> None:
    toy = toy_study(tmp_path, INNER, split={"by": "slice"})
    places: dict[str, set[str]] = {}
    for part in ("training", "validation", "test"):
        for key in toy.split.part(part):
            places.setdefault(key.split("_")[0], set()).add(part)
    shared = sum(len(parts) > 1 for parts in places.values())
    assert patients_in_several_parts(read_results(toy.folder)) == shared > 0
    assert f"{shared} patients have slices" in text(toy, "Patients in several parts")


def test_a_leak_shows_even_where_networks_have_their_test_part_only(tmp_path: Path) -> None:
    """Masks of another program; the baselines alone have all parts."""
    toy = toy_study(tmp_path, INNER, split={"by": "slice"})
    expected = patients_in_several_parts(read_results(toy.folder))
    for run in toy.home.runs():
        if "baseline" not in run.id:
            counts = pd.read_parquet(run.counts)
            counts[counts["part"] == "test"].to_parquet(run.counts)
    assert patients_in_several_parts(read_results(toy.folder)) == expected > 0


def test_a_sound_study_with_folds_gets_no_warning(tmp_path: Path) -> None:
    """Every patient is in another part in another fold, which is no leak."""
    toy = toy_study(tmp_path, IN_FOLDS, replicates=FOLDS)
    assert patients_in_several_parts(read_results(toy.folder)) == 0
    assert topics(toy) == []


def test_an_unfinished_study_with_folds_compares_different_patients(tmp_path: Path) -> None:
    toy = toy_study(tmp_path, IN_FOLDS | {(1e-3,): (0, 0, 0)}, replicates=FOLDS)
    assert topics(toy) == ["Preliminary"]
    assert "11 of 12 networks" in text(toy, "Preliminary")
    assert "numbers of networks, tested on different patients." in text(toy, "Preliminary")


def test_one_network_per_value_in_folds(tmp_path: Path) -> None:
    first = {point: shifts[:1] for point, shifts in IN_FOLDS.items()}
    toy = toy_study(tmp_path, first, replicates=FOLDS)
    assert topics(toy) == ["Preliminary", "One network only"]
    assert "another seed and in another fold" in text(toy, "One network only")


def test_scores_close_to_the_no_image_predictor(tmp_path: Path) -> None:
    toy = toy_study(tmp_path, INNER | {(1e-2,): (9, 9)})
    warning = text(toy, "Close to not looking at all")
    assert "Dice of the myocardium" in warning
    assert "hardly higher: L2 strength 0.01 (0." in warning
    assert "L2 strength 0.001" not in warning


def test_a_region_that_no_network_finds_is_named(tmp_path: Path) -> None:
    def without_scar(reference: np.ndarray, shift: int) -> np.ndarray:
        return moved(np.where(reference == 3, 2, reference), shift)

    toy = toy_study(tmp_path, INNER, scheme=FOUR, answer=without_scar, regions=FOUR_REGIONS)
    warning = text(toy, "Regions not learned")
    assert "the mean Dice of the scar (0.000; without the image 0." in warning
    assert "the blood pool" not in warning
    found = toy_study(tmp_path / "found", INNER, scheme=FOUR, regions=FOUR_REGIONS)
    assert "Regions not learned" not in topics(found)


def test_the_edge_of_the_range_proposes_the_next_value(tmp_path: Path) -> None:
    toy = toy_study(tmp_path)
    assert "smallest L2 strength tested, 0.00005" in text(toy, "Edge of the tested range")
    assert "would be 0.000005 (" in text(toy, "Edge of the tested range")


@pytest.mark.parametrize(
    ("field", "shifts", "proposed"),
    [
        ("l2.strength", {0.1: 3, 0.01: 2, 0.0: 0}, None),  # nothing lies below 0
        ("augmentation.flip", {0.5: 3, 1.0: 0}, None),  # a probability ends at 1
        ("dropout", {0.25: 3, 0.5: 0}, "was not tried."),  # 1 is not allowed, 0.6 would be
        ("depth", {2: 3, 3: 2, 4: 0}, "would be 5 ("),
        ("batch_size", {2: 0, 4: 1}, "would be 1 ("),
        ("normalisation", {"z-score": 0, "zero-centre": 1}, None),  # names have no edge
    ],
)
def test_edges_of_other_settings(
    tmp_path: Path, field: str, shifts: dict[Any, int], proposed: str | None
) -> None:
    toy = toy_study(
        tmp_path, {(v,): (s,) for v, s in shifts.items()}, fields=(field,), baselines=False
    )
    warning = text(toy, "Edge of the tested range")
    assert proposed in warning if proposed else warning == ""


def test_an_unfinished_value_beyond_is_no_edge(tmp_path: Path) -> None:
    toy = toy_study(tmp_path, {(1e-2,): (3,), (1e-3,): (1,), (1e-4,): (2,)})
    for run in toy.home.runs():
        if run.id.startswith("run-0p0001"):
            run.status.unlink()
    assert "Edge of the tested range" not in topics(toy)


def test_one_network_per_value(tmp_path: Path) -> None:
    toy = toy_study(tmp_path, {point: shifts[:1] for point, shifts in INNER.items()})
    assert topics(toy) == ["One network only"]
    assert "values: 0.01; 0.001; 0.0001." in text(toy, "One network only")


def test_networks_that_were_not_computed_alike(tmp_path: Path) -> None:
    toy = toy_study(tmp_path, INNER)
    toy.add_network({"l2.strength": 1e-2}, 1, 2, precision="bfloat16", versions={"torch": "9"})
    assert topics(toy) == ["Not all computed alike"]
    assert "different precisions and software versions" in text(toy, "Not all computed alike")


def test_a_swept_precision_differs_by_will(tmp_path: Path) -> None:
    toy = toy_study(tmp_path, {("float32",): (1, 1), ("bfloat16",): (1, 2)}, fields=("precision",))
    for seed, shift in enumerate((1, 2)):
        toy.add_network({"precision": "bfloat16"}, seed, shift, precision="bfloat16")
    assert "Not all computed alike" not in topics(toy)


def test_the_question_in_words(tmp_path: Path) -> None:
    question = {"region": "blood pool", "metric": "bf_strict"}
    toy = toy_study(tmp_path, {(1e-3,): (1,)}, question=question)
    assert question_words(read_results(toy.folder)) == "strict BF score of the blood pool"


def test_values_that_tie_have_no_edge(tmp_path: Path) -> None:
    tied = {(5e-3,): (2, 2), (5e-4,): (2, 2), (5e-5,): (2, 2)}
    results = read_results(toy_study(tmp_path, tied).folder)
    assert not [c for c in cautions(results) if c.topic == "Edge of the tested range"]
