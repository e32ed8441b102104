"""What is said and drawn of hyperparameters that matter: the record's words, rows and marks."""

import json
from dataclasses import replace

import numpy as np
import pytest

from myosweep.analysis.importance.shares import (
    Domain,
    Effect,
    Importance,
    Interaction,
    Share,
)
from myosweep.report.figures.importance import MOST_ROWS, draw_importance, importance_figure
from myosweep.report.importance_text import (
    HOW_TO_READ,
    importance_blocks,
    importance_json,
    share_words,
    verdict_words,
)

NOT_KNOWN = Share(np.nan, np.nan, np.nan)
RATE = Effect(
    "learning_rate",
    Share(0.5, 0.4, 0.6),
    Share(0.55, 0.42, 0.63),
    {"Optuna's fANOVA": 0.3, "Optuna's PED-ANOVA": 0.6},
)
L2 = Effect("l2.strength", Share(0.1, 0.01, 0.2), Share(0.2, 0.02, 0.3), {})
FLIP = Effect("augmentation.flip", Share(0.001, 0.0, 0.01), Share(0.004, 0.0, 0.03), {})
FOUND = Importance(
    near_best=False,
    trials=60,
    pruned=4,
    diverged=2,
    left_out=1,
    explained=Share(0.784, 0.61, 0.88),
    effects=(RATE, L2, FLIP),
    interactions=(
        Interaction(("learning_rate", "l2.strength"), Share(0.05, 0.02, 0.09)),
        Interaction(("learning_rate", "augmentation.flip"), Share(0.002, 0.0, 0.01)),
    ),
    together=Share(0.06, 0.03, 0.1),
    fixed=("depth",),
    domains={"learning_rate": Domain("float", 1e-4, 1e-2, log=True)},
)
NOTHING = replace(
    FOUND, explained=NOT_KNOWN, effects=(), interactions=(), together=None, why_not="too few trials"
)


def said(*blocks: object) -> str:
    return str(blocks).replace("\\xa0", " ").replace("\xa0", " ")


def test_what_the_settings_explain_is_said_first() -> None:
    first = importance_blocks(FOUND)[0]
    assert said(first.sentences[0]).startswith(
        "('Settings explain 78 % of the differences between trials (95 % interval 61 to 88 %"
    )
    assert "From 60 trials; 2 diverged and count with score 0; 4 ended early" in said(
        *first.sentences
    )
    assert "1 without a score, or outside of the searched ranges, is left out" in said(
        *first.sentences
    )
    assert "Not varied: depth." in first.sentences


def test_the_table_has_a_row_per_field() -> None:
    first = importance_blocks(FOUND)[0]
    assert first.columns == (
        "hyperparameter",
        "alone",
        "with its interactions",
        "Optuna's PED-ANOVA",
        "Optuna's fANOVA",
        "in words",
    )
    assert [row[0] for row in first.rows] == ["learning rate", "L2 strength", "augmentation flip"]
    assert said(*first.rows[0][1:5]) == said(
        "50 % (40 to 60 %)", "55 % (42 to 63 %)", "60 %", "30 %"
    )
    assert first.rows[1][3:5] == ("–", "–")
    assert [row[5] for row in first.rows] == [
        "matters",
        "not known: too few trials to tell",
        "hardly matters in this range",
    ]


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [(0.05, 0.2, "matters"), (0.0499, 0.06, "not known"), (0.0, 0.0499, "hardly matters")],
)
def test_a_verdict_needs_the_whole_interval(low: float, high: float, words: str) -> None:
    assert verdict_words(replace(RATE, total=Share(0.05, low, high))).startswith(words)


def test_interactions_that_stand_out_are_named() -> None:
    block = importance_blocks(FOUND)[1]
    assert [row[0] for row in block.rows] == ["learning rate and L2 strength"]
    assert said(*block.sentences) == said("All interactions together: 6 % (3 to 10 %).")
    weak = replace(FOUND, interactions=FOUND.interactions[1:])
    assert importance_blocks(weak)[1].sentences[-1] == "No single pair stands out."
    assert importance_blocks(replace(FOUND, interactions=()))[1].sentences == ()


def test_the_trap_and_the_ranges_are_always_told() -> None:
    for found in (FOUND, NOTHING):
        last = importance_blocks(found)[-1]
        assert last.sentences[0] == HOW_TO_READ
        assert last.sentences[1] == "Searched: learning rate 0.0001 to 0.01 (logarithmic)."


def test_without_a_ranking_the_reason_comes_first() -> None:
    blocks = importance_blocks(NOTHING)
    assert blocks[0].sentences[0] == "No ranking: too few trials."
    assert all(not block.rows for block in blocks)
    assert importance_figure(NOTHING) is None


def test_near_the_best_stands_apart() -> None:
    near = replace(FOUND, near_best=True)
    titles = [block.title for block in importance_blocks(FOUND, near)]
    assert titles[0] == "Which hyperparameters matter"
    assert titles[2] == "Which hyperparameters matter among good settings"
    assert "worse three quarters of the trials are ignored" in said(
        importance_blocks(FOUND, near)[2]
    )


def test_json_holds_no_nan() -> None:
    content = json.loads(json.dumps(importance_json(NOTHING), allow_nan=False))
    assert content["explained"] == {"share": None, "low": None, "high": None}
    assert content["why_not"] == "too few trials"
    assert importance_json(FOUND)["effects"][0]["total"]["high"] == 0.63


def test_small_shares_keep_a_decimal() -> None:
    assert said(share_words(Share(0.0094, 0.0004, 0.0099))) == said("0.9 % (0 to 1 %)")
    assert said(share_words(Share(0.014, 0.01, 0.5))) == said("1 % (1 to 50 %)")


def test_the_figure_says_what_the_table_says() -> None:
    record = importance_figure(FOUND)
    assert record is not None
    assert [row.label for row in record.rows] == [
        "learning rate",
        "L2 strength",
        "augmentation flip",
    ]
    assert record.rows[0].total == RATE.total
    assert record.methods == ("Optuna's PED-ANOVA", "Optuna's fANOVA")
    assert record.rows[0].others == (0.6, 0.3)
    assert record.rows[1].others == (None, None)
    assert record.explained == 0.784
    drawing = draw_importance(record)
    assert drawing.name == "importance"
    assert drawing.png.startswith(b"\x89PNG")
    assert "hardly matters in this range" in drawing.svg
    assert "learning rate: 55\xa0% (42 to 63\xa0%), matters" in drawing.alt


def test_many_fields_leave_out_the_smallest() -> None:
    effects = tuple(replace(RATE, path=f"field_{number}") for number in range(MOST_ROWS + 3))
    record = importance_figure(replace(FOUND, effects=effects))
    assert record is not None
    assert (len(record.rows), record.left_out) == (MOST_ROWS, 3)
    near = importance_figure(replace(FOUND, near_best=True))
    assert near is not None
    assert draw_importance(near).name == "importance-near-best"
