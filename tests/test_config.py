"""Study files and settings: clear errors, exact round trips, run ids that never change."""

from pathlib import Path
from typing import Any

import pytest

from myosweep.config import (
    PRESETS,
    RunSettings,
    StudyConfig,
    describe_settings,
    preset_reasons,
    preset_settings,
    read_study_config,
    run_id,
    settings_from_paths,
    study_config,
    write_study_config,
)
from myosweep.errors import ConfigError
from myosweep.regions import RegionScheme

SCHEME = RegionScheme.parse(["background=0", "blood pool=1", "myocardium=2,3,4"])
ROOT = Path(__file__).parents[1]
MINIMAL: dict[str, Any] = {"name": "mine", "dataset": "data/mine"}

RUNS: list[tuple[dict[str, Any], int, RegionScheme]] = [
    ({}, 0, SCHEME),
    ({}, 1, SCHEME),
    ({"l2.strength": 5e-3}, 0, SCHEME),
    ({"l2.strength": 0.0}, 0, SCHEME),
    ({"l2.kind": "decoupled", "l2.strength": 5e-5}, 2, SCHEME),
    ({"first_filters": 16, "normalisation": "z-score", "shuffle": "every-epoch"}, 0, SCHEME),
    ({"precision": "bfloat16"}, 0, SCHEME),
    ({"augmentation.flip": 0.0, "augmentation.shift_px": 4.0}, 0, SCHEME),
    ({"learning_rate": 3e-4, "batch_size": 8, "epochs": 100, "depth": 3}, 7, SCHEME),
    ({}, 0, RegionScheme.parse(["background=255", "blood pool=128", "myocardium=0"])),
]
GOLDEN = [
    "28b34323bb938f3d",
    "dc9910001a3c581c",
    "dc56a9e5a17499c0",
    "bd146eff76d2fa11",
    "1e7e99011bde060f",
    "282b8cbf5babeb67",
    "63c8dc03ce3ca1ad",
    "d682ea5db741fa0a",
    "dd4e03ef722ccf56",
    "164189cfaf192893",
]


def ids() -> list[str]:
    return [
        run_id(settings_from_paths(values), seed, "pixels", "split", scheme)
        for values, seed, scheme in RUNS
    ]


def test_run_ids_never_change() -> None:
    assert ids() == GOLDEN


def test_a_value_that_is_the_default_changes_no_id() -> None:
    plain = run_id(RunSettings(), 0, "pixels", "split", SCHEME)
    said = settings_from_paths({"l2.strength": 1e-4, "learning_rate": 1e-4, "depth": 4})
    assert run_id(said, 0, "pixels", "split", SCHEME) == plain


@pytest.mark.parametrize(
    "other", [("pixelz", "split", 0), ("pixels", "splat", 0), ("pixels", "split", 1)]
)
def test_pixels_split_and_seed_are_in_the_id(other: tuple[str, str, int]) -> None:
    pixels, split, seed = other
    plain = run_id(RunSettings(), 0, "pixels", "split", SCHEME)
    assert run_id(RunSettings(), seed, pixels, split, SCHEME) != plain


def test_auto_precision_has_no_id() -> None:
    with pytest.raises(ConfigError, match="resolve it to float32 or bfloat16"):
        run_id(settings_from_paths({"precision": "auto"}), 0, "pixels", "split", SCHEME)


def test_presets_have_matlabs_regularisation() -> None:
    for name in PRESETS:
        settings = preset_settings(name)
        assert settings.l2.strength == 1e-4
        assert settings.l2.kind == "penalty"
        assert settings.learning_rate == (4e-4 if name == "strong" else 1e-4)


@pytest.mark.parametrize("preset", PRESETS)
def test_every_difference_of_a_preset_has_its_reason(preset: str) -> None:
    reasons = preset_reasons(preset)
    assert all(reasons)
    differing = {row.path for row in describe_settings() if row.paper != getattr(row, preset)}
    assert differing == {path for paths in reasons.values() for path in paths}


def test_the_strong_preset_is_what_the_search_could_find_at_the_cost_of_the_default() -> None:
    search = read_study_config(ROOT / "studies" / "emidec-tune-strong.toml")
    strong, default = PRESETS["strong"], PRESETS["default"]
    assert strong.items() >= default.items()
    assert strong.keys() - default.keys() <= search.space.keys()


def test_every_setting_is_described() -> None:
    assert all(row.meaning for row in describe_settings())


def test_the_published_study_file_reads() -> None:
    study = read_study_config(ROOT / "studies" / "emidec-l2.toml")
    assert study.sweep["l2.strength"] == (0, 5e-6, 5e-5, 1e-4, 5e-4, 1e-3, 5e-3)
    assert [member.seed for member in study.replicates.members] == list(range(10))
    assert {settings.first_filters for _, settings in study.points()} == {16}


def test_seeds_are_counted_or_listed() -> None:
    for seeds, expected in ((2, [0, 1]), ([3, 1], [3, 1])):
        members = study_config({**MINIMAL, "replicates": {"seeds": seeds}}).replicates.members
        assert [member.seed for member in members] == expected
        assert {member.split_name for member in members} == {"split"}
        assert members[0].words == f"seed {expected[0]}"


def test_every_fold_of_every_repeat_is_a_network_with_a_seed_of_its_own() -> None:
    folds = {"design": "folds", "repeats": 2, "folds": 3}
    members = study_config({**MINIMAL, "replicates": folds}).replicates.members
    assert members == (
        (0, 1, 1), (1, 1, 2), (2, 1, 3),
        (3, 2, 1), (4, 2, 2), (5, 2, 3),
    )  # fmt: skip
    assert members[4].split_name == "repeat-2-fold-2"
    assert members[4].words == "seed 4, repeat 2, fold 2"


def test_more_repeats_leave_the_first_networks_as_they_are() -> None:
    few, more = (
        study_config(
            {**MINIMAL, "replicates": {"design": "folds", "repeats": repeats}}
        ).replicates.members
        for repeats in (1, 3)
    )
    assert (len(few), len(more)) == (5, 15)
    assert more[:5] == few


def test_the_largest_number_of_networks_is_as_planned_or_as_fixed() -> None:
    assert study_config(MINIMAL).replicates.largest == 3
    folds = {"design": "folds", "repeats": 1, "max_replicates": 20}
    assert study_config({**MINIMAL, "replicates": folds}).replicates.largest == 20


def test_several_fields_give_their_grid() -> None:
    sweep = {"l2.strength": [0, 1e-4], "learning_rate": [1e-3, 1e-4, 1e-5]}
    points = [point for point, _ in study_config({**MINIMAL, "sweep": sweep}).points()]
    assert len(points) == 6
    assert points[0] == {"l2.strength": 0.0, "learning_rate": 1e-3}
    assert points[-1] == {"l2.strength": 1e-4, "learning_rate": 1e-5}


def test_settings_may_be_nested_or_dotted() -> None:
    nested = study_config({**MINIMAL, "settings": {"l2": {"strength": 0.5}, "depth": 3}})
    dotted = study_config({**MINIMAL, "settings": {"l2.strength": 0.5, "depth": 3}})
    assert nested == dotted


def test_a_study_reads_back_as_written(tmp_path: Path) -> None:
    study = study_config(
        {
            **MINIMAL,
            "settings": {"l2.kind": "decoupled", "precision": "float32"},
            "sweep": {"l2.strength": [5e-3, 0], "shuffle": ["once", "every-epoch"]},
            "regions": {"rest": [0, 1], "myocardium": [2, 3, 4]},
            "replicates": {"seeds": [3, 1]},
            "scoring": {"tolerance_px": 2.0},
        }
    )
    write_study_config(study, tmp_path / "study.toml")
    assert read_study_config(tmp_path / "study.toml") == study


def test_a_study_with_folds_reads_back_as_written(tmp_path: Path) -> None:
    study = study_config(
        {
            **MINIMAL,
            "split": {"seed": 4},
            "replicates": {
                "design": "folds",
                "repeats": 3,
                "folds": 4,
                "validation": 0.2,
                "max_replicates": 12,
            },
            "question": {"family": "reference", "reference": 1e-4, "margin": 0.01},
        }
    )
    write_study_config(study, tmp_path / "study.toml")
    assert read_study_config(tmp_path / "study.toml") == study


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"setings": {}}, "unknown key 'setings'; did you mean 'settings'"),
    ({"settings": {"l2.strenght": 1}}, "unknown key 'l2.strenght'; did you mean 'l2.strength'"),
    ({"settings": {"l2": {"strenght": 1}}}, "did you mean 'l2.strength'"),
    ({"sweep": {"learning_rte": [1]}}, "did you mean 'learning_rate'"),
    ({"question": {"metrik": "dice"}}, "unknown key 'metrik'; did you mean 'metric'"),
    ({"sweep": {"l2.strength": [-1.0]}}, "l2.strength: is a finite number, 0 or larger, got -1.0"),
    ({"sweep": {"l2.strength": []}}, "sweep 'l2.strength' has no values"),
    ({"sweep": {"depth": [3, 3]}}, "has a value twice"),
    ({"sweep": {"depth": [3]}, "settings": {"depth": 4}}, "under .settings. and .sweep."),
    ({"split": {"fractions": [0.5, 0.5, 0.5]}}, "add up to 1, got"),
    ({"split": {"fractions": [1.0, 0.0, 0.0]}}, "above 0"),
    ({"replicates": {"seeds": 0}}, "at least one seed"),
    ({"replicates": {"seeds": "three"}}, "replicates.seeds: is how many networks .* or .0, 1, 2."),
    ({"sweep": {"l2.strength": 5e-3}}, "sweep.l2.strength: is a list, got 0.005; write .0.005."),
    ({"sweep": {"l2.strength": ["5e-3", 5e-3]}}, "two values of the sweep are the same"),
    ({"split": {"fractions": [0.5, 0.5]}}, "split.fractions has too few values"),
    ({"settings": {"preset": "paper"}}, "stands at the top of the study file"),
    ({"replicates": {"seeds": [1, 1]}}, "each seed stands once"),
    (
        {"replicates": {"design": "folds", "seeds": 5}},
        "seeds are not chosen with folds, got 5; .*; remove seeds and set repeats and folds",
    ),
    ({"replicates": {"design": "folds", "folds": 1}}, "replicates.folds: .* equal to 2, got 1"),
    ({"replicates": {"design": "folds", "repeats": 0}}, "replicates.repeats: .* equal to 1, got 0"),
    ({"replicates": {"design": "folds", "validation": 1}}, "replicates.validation: .*than 1, got"),
    ({"replicates": {"design": "fold"}}, "replicates.design: .*'fold'"),
    ({"replicates": {"repeat": 2}}, "unknown key 'repeat'; did you mean 'repeats'"),
    ({"replicates": {"max_replicates": 0}}, "replicates.max_replicates: .* equal to 1, got 0"),
    (
        {"replicates": {"design": "folds"}, "split": {"fractions": [0.5, 0.2, 0.3]}},
        "divided by folds, and of .split. only seed counts; remove by, fractions and file",
    ),
    ({"replicates": {"design": "folds"}, "split": {"by": "slice"}}, "only seed counts; remove by"),
    ({"replicates": {"design": "folds"}, "split": {"file": "a.json"}}, "only seed counts; remove"),
    (
        {"replicates": {"design": "folds"}, "split": {"by": "slice"}, "sweep": {"depth": []}},
        "sweep 'depth' has no values.*\n- with replicates.design = 'folds'",
    ),
    ({"name": "two words"}, "name: "),
    ({"question": {"metric": "jaccard"}}, "question.metric: .*'jaccard'"),
    ({"settings": {"learning_rate": float("nan")}}, "learning_rate: "),
]


@pytest.mark.parametrize(("content", "message"), WRONG)
def test_a_wrong_study_says_what_and_how(content: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        study_config({**MINIMAL, **content})


def test_every_problem_is_listed_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        study_config({"name": "a b", "splt": {}, "preset": "papr"})
    assert len(caught.value.problems) == 4  # name, dataset missing, unknown key, preset


def test_settings_are_looked_at_whatever_else_is_wrong() -> None:
    wrong = {
        "preset": "strnog",
        "split": {"fractions": [0.5, 0.2, 0.9]},
        "settings": {"epochz": 3, "batch_size": 0},
        "sweep": {"l2.strenght": [1, 2], "learning_rate": [-1.0, 2.0, -3.0]},
    }
    with pytest.raises(ConfigError) as caught:
        study_config({**MINIMAL, **wrong})
    said = "; ".join(caught.value.problems)
    assert len(caught.value.problems) == 7
    for part in (
        "strnog",
        "add up to 1",
        "epochz",
        "batch_size",
        "l2.strenght",
        "got -1.0",
        "got -3.0",
    ):
        assert part in said


def test_missing_and_broken_files(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no study file 'no\.toml'"):
        read_study_config(tmp_path / "no.toml")
    (tmp_path / "bad.toml").write_text("name = ", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"bad\.toml is not readable TOML"):
        read_study_config(tmp_path / "bad.toml")


def test_the_studys_regions_keep_the_datasets_ignored_codes() -> None:
    imported = RegionScheme.from_mapping({"background": [0], "heart": [1, 2]}, ignored=[255])
    study: StudyConfig = study_config({**MINIMAL, "regions": {"a": [0, 1], "b": [2]}})
    assert study.scheme(imported) == RegionScheme.from_mapping({"a": [0, 1], "b": [2]}, [255])
    assert study_config(MINIMAL).scheme(imported) is imported


TOGETHER: dict[str, Any] = {
    **MINIMAL,
    "sweep": {
        "labels.noise, labels.strength": [["none", 0], ["jitter", 2], ["jitter", 4]],
        "l2.strength": [5e-3, 5e-4],
    },
}


def test_values_that_go_together_are_one_axis(tmp_path: Path) -> None:
    study = study_config(TOGETHER)
    assert study.fields == ("labels.noise", "labels.strength", "l2.strength")
    points = [tuple(point.values()) for point, _ in study.points()]
    assert points[:3] == [("none", 0.0, 5e-3), ("none", 0.0, 5e-4), ("jitter", 2.0, 5e-3)]
    assert len(points) == 6
    assert study.swept("labels.strength") == (0.0, 2.0, 4.0)
    write_study_config(study, tmp_path / "study.toml")
    assert read_study_config(tmp_path / "study.toml") == study


@pytest.mark.parametrize(
    ("sweep", "message"),
    [
        ({"labels.noise, labels.strength": [["jitter", 2], ["jitter"]]}, "a list of 2, got"),
        ({"labels.noise, labels.strength": ["jitter"]}, "a list of 2, got"),
        ({"depth, dropout": [[1, 0.5]], "depth": [1, 2]}, "a field stands twice"),
        ({"depth, dropoud": [[1, 0.5]]}, "unknown key 'dropoud'; did you mean 'dropout'"),
    ],
)
def test_values_that_do_not_go_together_are_refused(sweep: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        study_config({**MINIMAL, "sweep": sweep})


NAMED = {
    **TOGETHER,
    "names": {
        "labels.noise, labels.strength": {"title": "masks", "levels": ["as drawn", "", "bad"]}
    },
}


def test_values_may_have_names(tmp_path: Path) -> None:
    study = study_config(NAMED)
    assert study.level_names("labels.noise, labels.strength") == {
        ("none", 0): "as drawn",
        ("jitter", 4): "bad",
    }
    assert study.level_names("l2.strength") == {}
    write_study_config(study, tmp_path / "study.toml")
    assert read_study_config(tmp_path / "study.toml") == study


@pytest.mark.parametrize(
    ("levels", "message"),
    [
        (["as drawn", "bad"], "has 2 levels for 3 values; give one for each"),
        (["as drawn", "bad", "bad"], "each level has a name of its own"),
        (["as drawn", "bad, a little", "bad"], "names and title have no commas"),
        (["as drawn", " ", "bad"], "each level has a name of its own"),
    ],
)
def test_names_that_do_not_fit_are_refused(levels: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        study_config({**TOGETHER, "names": {"labels.noise, labels.strength": {"levels": levels}}})
    with pytest.raises(ConfigError, match=r"names 'dropout' is no key of \[sweep\]"):
        study_config({**TOGETHER, "names": {"dropout": {"levels": levels}}})


def test_a_name_is_not_another_value() -> None:
    """Its own value it may be, in any spelling."""
    strength = {"l2.strength": {"levels": ["5e-3", "little"]}}
    assert study_config({**TOGETHER, "names": strength}).level_names("l2.strength")[(5e-3,)]
    strength = {"l2.strength": {"levels": ["5e-4", "little"]}}
    with pytest.raises(ConfigError, match="'5e-4' is another of its values; give another name"):
        study_config({**TOGETHER, "names": strength})
