"""Settings that cannot act are named before the study starts."""

import re
from pathlib import Path
from typing import Any

import pytest
from tests.training.runs import TINY

from myosweep.config import study_config
from myosweep.data.store import Dataset
from myosweep.study.inert import inert_settings
from myosweep.study.open import open_study


def told(dataset: Dataset, folder: Path, settings: dict[str, Any], sweep: dict[str, Any]) -> str:
    content = {
        "name": "inert",
        "dataset": str(dataset.folder),
        "split": {"fractions": [0.5, 0.17, 0.33]},
        "settings": {**TINY, **settings},
        "sweep": sweep,
    }
    study = open_study(study_config(content), folder / "study", write=False)
    return "\n".join(inert_settings(study))


CASES: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"l2.strength": 0}, {"l2.kind": ["penalty", "l1"]}, "l2.kind is swept, .* l2.strength is 0"),
    ({"labels.strength": 2}, {}, "labels.strength is set, .* labels.noise is 'none'"),
    ({}, {"labels.noise": ["jitter", "polygons"]}, "labels.noise is swept, .*strength is 0"),
    ({}, {"images.parts": ["training", "all"]}, "images.parts is swept, .*noise is 'none'"),
    ({}, {"l2.learned.rate": [0.1, 0.2]}, "l2.learned.rate is swept, .*not 'learned'"),
    (
        {"l2.kind": "decoupled", "l2.time_scale_epochs": 5},
        {"l2.strength": [0.1, 1]},
        "l2.strength is swept, .*time_scale_epochs takes its place",
    ),
    ({"l2.kind": "decoupled"}, {"l2.strength": [5e-3, 10.0]}, "decoupled l2.strength 0.005 takes "),
    (
        {"labels.noise": "dilation"},
        {"labels.strength": [0.5, 1.0]},
        "'dilation' of strength 0.5 changes no mask",
    ),
    (
        {"labels.noise": "swapped"},
        {"labels.strength": [0.01, 1.0]},
        "'swapped' of strength 0.01 changes no mask",
    ),
]


@pytest.mark.parametrize(("settings", "sweep", "words"), CASES)
def test_a_setting_without_effect_is_named(
    settings: dict[str, Any],
    sweep: dict[str, Any],
    words: str,
    small_dataset: Dataset,
    tmp_path: Path,
) -> None:
    found = told(small_dataset, tmp_path, settings, sweep)
    assert re.search(words, found), found
    assert "\n" not in found


@pytest.mark.parametrize(
    ("settings", "sweep"),
    [
        ({}, {"l2.strength": [0, 5e-3]}),
        ({}, {"l2.kind": ["penalty", "l1"]}),
        ({"l2.strength": 1.0}, {"l2.kind": ["penalty", "l1"]}),
        ({"labels.noise": "jitter"}, {"labels.strength": [0.0, 2.0]}),
        ({"labels.strength": 2.0}, {"labels.noise": ["none", "jitter"]}),
        ({"l2.kind": "decoupled"}, {"l2.time_scale_epochs": [1.0, 3.0]}),
    ],
)
def test_what_acts_somewhere_is_not_named(
    settings: dict[str, Any], sweep: dict[str, Any], small_dataset: Dataset, tmp_path: Path
) -> None:
    assert told(small_dataset, tmp_path, settings, sweep) == ""
