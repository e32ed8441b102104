"""Axes of a sweep: order, names, and which level is the clean one."""

from pathlib import Path

from tests.toy import toy_study

from myosweep.analysis.axes import axes, axes_of
from myosweep.analysis.points import Point
from myosweep.results.read import read_results


def point(**values: object) -> Point:
    items = tuple((path.replace("__", "."), value) for path, value in values.items())
    return Point(0, 1, items, str(items), (), ())  # type: ignore[arg-type]


NOISE = ("labels.noise", "labels.strength")


def test_shares_of_patients_are_ordered_and_all_patients_are_clean() -> None:
    found = [point(data__fraction=share) for share in (1.0, 0.125, 0.5)]
    (axis,) = axes_of(found, [("data.fraction",)], {})
    assert [name.replace("\u00a0", " ") for name in axis.labels] == ["12.5 %", "50 %", "100 %"]
    assert (axis.words, axis.is_size, axis.is_circumstance) == (
        "share of training patients", True, True,
    )  # fmt: skip
    assert axis.clean == 2


def test_values_that_go_together_are_one_level_in_the_sweeps_order() -> None:
    levels = [("jitter", 2.0), ("none", 0.0), ("swapped", 0.1)]
    found = [point(labels__noise=kind, labels__strength=size) for kind, size in levels]
    (axis,) = axes_of(found, [NOISE], {})
    assert axis.labels == ("jitter 2", "no errors", "swapped 0.1")
    assert (axis.words, axis.clean, axis.is_circumstance) == ("label errors", 1, True)


def test_a_strength_alone_takes_its_kind_from_the_settings() -> None:
    found = [point(images__strength=size) for size in (2.0, 1.0, 4.0)]
    fixed = {"images.noise": "resolution", "images.parts": "all"}
    (axis,) = axes_of(found, [("images.strength",)], fixed)
    assert axis.labels == ("no errors", "resolution 2 in all parts", "resolution 4 in all parts")
    assert axis.clean == 0  # once as coarse is as it was


def test_levels_that_would_share_a_name_keep_their_values() -> None:
    levels = [("none", 0.0), ("jitter", 0.0), ("jitter", 1.0)]
    found = [point(labels__noise=kind, labels__strength=size) for kind, size in levels]
    (axis,) = axes_of(found, [NOISE], {})
    assert axis.labels == ("none, 0", "jitter, 0", "jitter, 1")


def test_a_hyperparameter_has_no_clean_level() -> None:
    (axis,) = axes_of([point(l2__strength=0.0)], [("l2.strength",)], {})
    assert (axis.clean, axis.is_circumstance, axis.words) == (None, False, "L2 strength")
    mixed = axes_of([], [("labels.noise", "l2.strength")], {})[0]
    assert not mixed.is_circumstance


def test_axes_of_a_study_know_what_its_settings_fix(tmp_path: Path) -> None:
    toy = toy_study(
        tmp_path,
        {(0.0,): (1,), (2.0,): (3,)},
        fields=("labels.strength",),
        patients=5,
        settings={"labels.noise": "dilation"},
    )
    (axis,) = axes(read_results(toy.folder))
    assert axis.labels == ("no errors", "dilation 2")
