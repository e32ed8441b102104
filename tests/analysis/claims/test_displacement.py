"""Contour displacement: against geometry and a plain computation, pair by pair."""

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from tests.toy import DIVERGED, SCHEME, Toy, toy_study

from myosweep.analysis.claims import displacement
from myosweep.analysis.claims.displacement import (
    adjacent,
    displacements,
)
from myosweep.analysis.points import points
from myosweep.metrics import contour_lengths_px, outline_lengths_px
from myosweep.results.read import Results, read_masks, read_results

THREE = {(5e-3,): (3, 2, 3), (5e-4,): (1, 1, 2), (5e-5,): (0, 1, 0)}


def plain(results: Results, one: str, other: str, region: str, slices: list[str]) -> float:
    """Mean displacement between two runs, slice by slice without any packing."""
    code = SCHEME.index(region)
    first, second = (read_masks(results.folder.run(run)) for run in (one, other))
    by_patient: dict[str, list[tuple[float, float]]] = {}
    for name in slices:
        masks = [maps[name] == code for maps in (first, second)]
        length = np.mean([contour_lengths_px(mask[None])[0] for mask in masks])
        by_patient.setdefault(name.split("_")[0], []).append(
            (float((masks[0] ^ masks[1]).sum()), float(length))
        )
    sums = [np.sum(pairs, axis=0) for pairs in by_patient.values()]
    return float(np.mean([area / length for area, length in sums]))


def test_a_shift_moves_contours_by_its_mean_over_directions(tmp_path: Path) -> None:
    """A circle that moves by 1 px sideways is displaced by 2 / pi px on average."""
    results = read_results(toy_study(tmp_path, {(1e-3,): (1,), (1e-4,): (0,)}, side=64).folder)
    found = displacements(results, "blood pool")
    assert found is not None
    assert found.between_values_px == pytest.approx(2 / np.pi, rel=0.05)


def test_both_means_agree_with_a_plain_computation(tmp_path: Path) -> None:
    toy = toy_study(tmp_path, THREE)
    results = read_results(toy.folder)
    found = displacements(results, "myocardium")
    assert found is not None
    slices = list(toy.split.part("test"))
    runs = [point.runs for point in points(results)]
    of_step = [
        np.mean([plain(results, a, b, "myocardium", slices) for a, b in zip(*step, strict=True)])
        for step in ((runs[0], runs[1]), (runs[1], runs[2]))
    ]
    assert [step.displacement_px for step in found.steps] == pytest.approx(of_step)
    assert [(step.value, step.other) for step in found.steps] == [
        ("0.005", "0.0005"),
        ("0.0005", "0.00005"),
    ]
    assert found.between_values_px == pytest.approx(np.mean(of_step))
    between = [
        plain(results, of_value[a], of_value[b], "myocardium", slices)
        for of_value in runs
        for a, b in ((0, 1), (0, 2), (1, 2))
    ]
    assert found.between_networks_px == pytest.approx(np.mean(between))
    assert (found.value_pairs, found.network_pairs) == (6, 9)
    assert (found.networks, found.slices) == (3, len(slices))


def test_the_interval_holds_the_ratio_and_says_what_it_covers(tmp_path: Path) -> None:
    found = displacements(read_results(toy_study(tmp_path / "3", THREE).folder), "myocardium")
    assert found is not None
    assert found.estimand == "networks and patients"
    assert found.ratio == pytest.approx(found.between_values_px / found.between_networks_px)
    assert found.low < found.ratio < found.high
    two = displacements(read_results(toy_study(tmp_path / "2").folder), "myocardium")
    assert two is not None
    assert two.estimand == "patients"
    one = displacements(
        read_results(toy_study(tmp_path / "1", {(1e-3,): (1,), (1e-4,): (0,)}).folder), "myocardium"
    )
    assert one is not None
    assert one.estimand == "none"
    assert np.isnan([one.between_networks_px, one.ratio, one.low]).all()
    assert one.network_pairs == 0


def test_a_region_that_one_network_missed_moved_by_its_whole_area(tmp_path: Path) -> None:
    results = read_results(toy_study(tmp_path, {(1e-3,): (DIVERGED,), (1e-4,): (0,)}).folder)
    found = displacements(results, "blood pool")
    assert found is not None
    # area pi r^2 over half of 2 pi r: the radius, which is 0.16 of 32 pixels or one less
    assert found.between_values_px == pytest.approx(0.16 * 32 - 0.5, rel=0.2)


def test_nothing_without_masks_or_without_a_second_value(tmp_path: Path) -> None:
    toy = toy_study(tmp_path / "masks", scoring={"tolerance_px": 1.4})
    for run in toy.home.runs():
        run.masks.unlink()
    assert displacements(read_results(toy.folder), "myocardium") is None
    alone = toy_study(tmp_path / "alone", {(1e-3,): (1, 2)})
    assert displacements(read_results(alone.folder), "myocardium") is None


def test_adjacent_points(tmp_path: Path) -> None:
    mixed = {(5e-5,): (0,), (5e-3,): (0,), (0.0,): (0,), (5e-4,): (0,)}
    found = points(read_results(toy_study(tmp_path / "one", mixed).folder))
    steps = [(found[one].label, found[other].label) for one, other in adjacent(found)]
    assert steps == [("0.005", "0.0005"), ("0.0005", "0.00005"), ("0.00005", "0")]
    grid = {(a, b): (0,) for a in (1e-3, 1e-4) for b in (4, 8)}
    study = toy_study(tmp_path / "grid", grid, fields=("l2.strength", "batch_size"))
    found = points(read_results(study.folder))
    steps = {(found[one].label, found[other].label) for one, other in adjacent(found)}
    assert steps == {
        ("0.001, 4", "0.0001, 4"),
        ("0.001, 8", "0.0001, 8"),
        ("0.001, 8", "0.001, 4"),
        ("0.0001, 8", "0.0001, 4"),
    }
    assert adjacent(()) == ()


def test_chosen_points_alone_are_compared(tmp_path: Path) -> None:
    results = read_results(toy_study(tmp_path).folder)
    found = points(results)
    ends = displacements(results, "myocardium", (found[0], found[2]))
    assert ends is not None
    assert [(step.value, step.other) for step in ends.steps] == [("0.005", "0.00005")]


def test_contours_of_a_disc_are_its_outline_and_a_ring_has_two() -> None:
    y, x = np.mgrid[:64, :64]
    radius = np.hypot(y - 32, x - 32)
    disc, ring = radius < 20, (radius < 20) & (radius >= 10)
    as_map = np.where(disc, 0, 255).astype(np.uint8)[None]
    assert contour_lengths_px(disc[None]) == pytest.approx(outline_lengths_px(as_map, 1)[:, 0])
    inner = contour_lengths_px((radius < 10)[None])
    assert contour_lengths_px(ring[None]) == pytest.approx(contour_lengths_px(disc[None]) + inner)
    assert contour_lengths_px(np.zeros((1, 8, 8), bool)) == 0


def folds_study(folder: Path) -> Toy:
    shifts = {(1e-3,): (2, 1, 2, 2), (1e-4,): (0, 1, 0, 1)}
    replicates = {"design": "folds", "repeats": 2, "folds": 2}
    return toy_study(folder, shifts, replicates=replicates, patients=12)


def test_with_folds_networks_of_different_repeats_are_compared(tmp_path: Path) -> None:
    results = read_results(folds_study(tmp_path).folder)
    found = displacements(results, "myocardium")
    assert found is not None
    # each of 2 networks of a repeat with each of 2 of the other, where they share patients
    assert 0 < found.network_pairs <= 2 * 4
    assert (found.value_pairs, found.networks, found.patients) == (4, 4, 12)


def test_of_many_networks_each_meets_a_few_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shifts = {(1e-3,): (1, 2, 3, 1, 2, 3, 1), (1e-4,): (0, 1, 2, 0, 1, 2, 0)}
    results = read_results(toy_study(tmp_path, shifts).folder)
    every = displacements(results, "myocardium")
    monkeypatch.setattr(displacement, "MOST_OTHERS", 4)
    some = displacements(results, "myocardium")
    assert every is not None
    assert some is not None
    assert (every.network_pairs, some.network_pairs) == (2 * 7 * 6 // 2, 2 * 7 * 4 // 2)
    assert some.between_values_px == every.between_values_px
    assert 0 < some.between_networks_px != every.between_networks_px
    monkeypatch.setattr(displacement, "MOST_OTHERS", 6)
    assert displacements(results, "myocardium") == every


def test_the_record_is_plain(tmp_path: Path) -> None:
    found = displacements(read_results(toy_study(tmp_path, THREE).folder), "myocardium")
    assert found is not None
    for value in asdict(found).values():
        assert type(value) in (str, int, float, tuple)
