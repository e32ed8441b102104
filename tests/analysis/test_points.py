"""The points of a sweep: order, labels, values that are not in the study file."""

from pathlib import Path

from tests.toy import toy_study

from myosweep.analysis.axes import axes
from myosweep.analysis.points import (
    fields_in_words,
    format_value,
    point_labels,
    points,
    swept_in_words,
)
from myosweep.analysis.question import ask
from myosweep.config import LevelNames, study_config, write_study_config
from myosweep.results.read import read_results


def test_points_stand_in_the_sweeps_order(tmp_path: Path) -> None:
    results = read_results(toy_study(tmp_path).folder)
    assert point_labels(results) == ("0.005", "0.0005", "0.00005")
    first = points(results)[0]
    assert first.words == "L2 strength 0.005"
    assert (first.position, first.of, first.seeds) == (0, 3, (0, 1))


def test_points_without_networks_are_left_out_but_keep_their_place(tmp_path: Path) -> None:
    toy = toy_study(tmp_path)
    for run in toy.home.runs():
        if run.id.startswith("run-0p0005"):
            run.status.unlink()
    found = points(read_results(toy.folder))
    assert [(point.label, point.position, point.of) for point in found] == [
        ("0.005", 0, 3),
        ("0.00005", 2, 3),
    ]


def test_values_that_are_not_in_the_sweep_come_last_by_size(tmp_path: Path) -> None:
    toy = toy_study(tmp_path)
    toy.add_network({"l2.strength": 0.1}, 0, 1)
    toy.add_network({"l2.strength": 0.0}, 0, 1)
    labels = point_labels(read_results(toy.folder))
    assert labels == ("0.005", "0.0005", "0.00005", "0", "0.1")


def test_two_fields_make_a_grid(tmp_path: Path) -> None:
    shifts = {(0.001, 2): (1,), (0.001, 4): (2,), (0.0, 2): (0,), (0.0, 4): (1,)}
    toy = toy_study(tmp_path, shifts, fields=("l2.strength", "batch_size"))
    found = points(read_results(toy.folder))
    assert [point.label for point in found] == ["0.001, 2", "0.001, 4", "0, 2", "0, 4"]
    assert found[1].words == "L2 strength 0.001, batch size 4"
    assert found[1].values == (("l2.strength", 0.001), ("batch_size", 4))


def test_a_study_without_a_sweep_has_one_point(tmp_path: Path) -> None:
    results = read_results(toy_study(tmp_path, {(): (1, 2)}, fields=()).folder)
    (point,) = points(results)
    assert (point.words, point.seeds) == ("the study's settings", (0, 1))
    assert fields_in_words(results.fields) == "setting"


def test_values_with_names_are_called_by_them(tmp_path: Path) -> None:
    """Without a name a value stands for itself; who asks may say either."""
    key = "labels.noise, labels.strength"
    shifts = {("none", 0.0, 0.01): (1,), ("jitter", 2.0, 0.01): (2,), ("jitter", 4.0, 0.01): (3,)}
    fields = ("labels.noise", "labels.strength", "l2.strength")
    toy = toy_study(tmp_path, shifts, fields=fields)
    names = LevelNames(title="masks", levels=("as drawn", "", "bad"))
    levels = tuple(point[:2] for point in shifts)
    config = toy.config.model_copy(
        update={"sweep": {key: levels, "l2.strength": (0.01,)}, "names": {key: names}}
    )
    write_study_config(study_config(config.model_dump(mode="json")), toy.home.study)
    results = read_results(toy.folder)
    assert point_labels(results) == ("as drawn, 0.01", "jitter, 2, 0.01", "bad, 0.01")
    assert points(results)[2].words == "masks bad, L2 strength 0.01"
    assert swept_in_words(results.study, results.fields) == "masks, L2 strength"
    assert axes(results)[0].words == "masks"
    assert axes(results)[0].labels == ("as drawn", "jitter 2", "bad")
    for said in ("bad, 0.01", "jitter, 4, 0.01", "jitter, 4.0, 1e-2"):
        assert ask(results, reference=said).reference == "bad, 0.01"


def test_values_read_as_people_write_them() -> None:
    values = [0.0, 1.0, 1e-4, 3e-9, "z-score", 16, False, None]
    assert [format_value(value) for value in values] == [
        "0", "1", "0.0001", "3e-9", "z-score", "16", "no", "not known",
    ]  # fmt: skip
