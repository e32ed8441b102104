"""The sentences: one wording per verdict, the estimand always named, nothing left out."""

from dataclasses import replace
from math import inf, nan
from typing import Any, get_args

import numpy as np
import pytest

from myosweep.analysis.number_words import decimals_of, margin_words
from myosweep.analysis.sentences import (
    comparison_sentence,
    cost_sentence,
    degenerate_sentences,
    quotable,
    scope_sentence,
    second_look_sentences,
    sets_sentences,
    verdict_heading,
)
from myosweep.statistics.answer import Answer, answer
from myosweep.statistics.decide import Cost
from myosweep.statistics.score_table import Estimand, ScoreTable
from myosweep.statistics.verdicts import Comparison, Verdict


def table(
    networks: int = 5,
    patients: int = 8,
    means: tuple[float, ...] = (0.80, 0.81, 0.65),
    noise: float = 0.02,
    **more: Any,
) -> ScoreTable:
    """Scores around a mean per value, with noise from cell to cell."""
    rng = np.random.default_rng(0)
    shape = (len(means), networks, patients)
    scores = np.array(means)[:, None, None] + noise * rng.standard_normal(shape)
    return ScoreTable(
        ("0", "0.0001", "0.005")[: len(means)],
        tuple(f"seed {n}" for n in range(networks)),
        tuple(f"P{p}" for p in range(patients)),
        scores,
        **more,
    )


def shown(**changes: Any) -> Answer:
    """An answer with three comparisons and a margin of 0.021, changed as wished."""
    changes = {"margin": 0.021, **changes}
    return replace(answer(table(), 0.021), **changes)


def one_comparison(verdict: Verdict, *numbers: float, **more: Any) -> Comparison:
    difference, low, high = numbers
    return Comparison("0.005", "0.0001", difference, low, high, 0.0031, verdict, **more)


def plainly(text: str) -> str:
    return text.replace("\u00a0", " ")


def said(comparison: Comparison, **changes: Any) -> str:
    words = ("Dice of the myocardium", "L2 strength")
    return plainly(comparison_sentence(comparison, shown(**changes), *words))


ALONE: dict[str, Any] = {"comparisons": ()}
WORSE = one_comparison("worse", -0.151, -0.182, -0.12)

WORDINGS: list[tuple[Comparison, str]] = [
    (
        WORSE,
        "L2 strength 0.005 is worse than 0.0001: Dice of the myocardium lower by 0.151 (interval "
        "0.120 to 0.182, 95 % together; p = 0.003), more than the margin of 0.021.",
    ),
    (
        one_comparison("better", 0.03, 0.025, 0.035),
        "L2 strength 0.005 is better than 0.0001: Dice of the myocardium higher by 0.030 (interval "
        "0.025 to 0.035, 95 % together; p = 0.003), more than the margin of 0.021.",
    ),
    (
        one_comparison("better, size uncertain", 0.03, 0.00004, 0.06),
        "L2 strength 0.005 is better than 0.0001, but by how much is uncertain: Dice of the "
        "myocardium higher by 0.030 (interval 0.00004 to 0.060, 95 % together; p = 0.003), which "
        "may be less or more than the margin of 0.021.",
    ),
    (
        one_comparison("worse, size uncertain", -0.03, -0.06, -0.001),
        "L2 strength 0.005 is worse than 0.0001, but by how much is uncertain: Dice of the "
        "myocardium lower by 0.030 (interval 0.001 to 0.060, 95 % together; p = 0.003), which "
        "may be less or more than the margin of 0.021.",
    ),
    (
        one_comparison("practically equivalent", 0.002, -0.01, 0.014),
        "L2 strength 0.005 and 0.0001 are practically equivalent: Dice of the myocardium differs "
        "by +0.002 (interval −0.010 to +0.014, 95 % together), all within the margin of 0.021.",
    ),
    (
        one_comparison("practically equivalent", -0.008, -0.014, -0.002, negligible_but_real=True),
        "L2 strength 0.005 and 0.0001 are practically equivalent: a real but negligible "
        "difference, Dice of the myocardium lower by 0.008 (interval 0.002 to 0.014, 95 % "
        "together; p = 0.003), less than the margin of 0.021.",
    ),
    (
        one_comparison("not worse", 0.02, -0.01, 0.05),
        "L2 strength 0.005 is not worse than 0.0001 by the margin of 0.021 or more; whether it is "
        "better is undecided: Dice of the myocardium differs by +0.020 (interval −0.010 to "
        "+0.050, 95 % together).",
    ),
    (
        one_comparison("not better", -0.02, -0.05, 0.01),
        "L2 strength 0.005 is not better than 0.0001 by the margin of 0.021 or more; whether it "
        "is worse is undecided: Dice of the myocardium differs by −0.020 (interval −0.050 to "
        "+0.010, 95 % together).",
    ),
    (
        one_comparison("undecided", -0.01, -0.05, 0.03),
        "L2 strength 0.005 against 0.0001 is undecided: Dice of the myocardium differs by −0.010 "
        "(interval −0.050 to +0.030, 95 % together); it may be better or worse by more than the "
        "margin of 0.021.",
    ),
    (
        one_comparison("not known", -0.01, nan, nan),
        "L2 strength 0.005 against 0.0001: Dice of the myocardium differs by −0.010, but without "
        "an interval nothing can be concluded from that.",
    ),
]


@pytest.mark.parametrize(("comparison", "wanted"), WORDINGS)
def test_each_verdict_has_its_wording(comparison: Comparison, wanted: str) -> None:
    assert said(comparison) == wanted


def test_no_verdict_is_forgotten() -> None:
    assert {comparison.verdict for comparison, _ in WORDINGS} == set(get_args(Verdict))


def test_one_comparison_alone_has_a_plain_interval() -> None:
    assert "lower by 0.151 (95 % interval 0.120 to 0.182; p = 0.003)" in said(WORSE, **ALONE)
    assert "(99.4 % interval 0.120" in said(WORSE, level=0.00625, **ALONE)


def test_a_difference_is_also_a_shift_of_the_contour() -> None:
    moved = replace(WORSE, shift_px=-1.82, shift_mm=-2.49)
    assert said(moved).endswith("0.021; that is like moving the contour by 1.8 pixels (2.5 mm).")
    assert said(replace(moved, shift_mm=None)).endswith("the contour by 1.8 pixels.")
    assert "contour" not in said(replace(moved, shift_px=nan))
    assert "by less than 0.01 pixels" in said(replace(moved, shift_px=0.001))


def test_values_without_a_common_score_cannot_be_compared() -> None:
    text = said(one_comparison("not known", nan, nan, nan))
    assert text.startswith("L2 strength 0.005 cannot be compared with 0.0001: no network")


def test_a_score_of_which_less_is_better_keeps_its_own_direction() -> None:
    farther = one_comparison("worse", 3.1, 2.0, 4.2)
    text = plainly(comparison_sentence(farther, shown(margin=1.0), "distance (mm)"))
    assert text.startswith("0.005 is worse than 0.0001: distance (mm) higher by 3.100 (interval")


BEST: list[tuple[Comparison, str]] = [
    (
        Comparison("A", "the best of the others", -0.15, -0.18, 0.0, nan, "worse, size uncertain"),
        "A is not the best: Dice lower than with the best of the others by 0.150, at most by 0.180 "
        "(95 % together).",
    ),
    (
        Comparison("A", "the best of the others", -0.01, -0.015, 0.0, nan, "worse, size uncertain"),
        "A is not the best: Dice lower than with the best of the others by 0.010, at most by 0.015 "
        "(95 % together), which is less than the margin of 0.021.",
    ),
    (
        Comparison("A", "the best of the others", 0.05, 0.0, 0.08, nan, "better, size uncertain"),
        "A is the best: Dice higher than with the best of the others by 0.050, at most by 0.080 "
        "(95 % together).",
    ),
    (
        Comparison("A", "the best of the others", 0.0, -0.01, 0.01, nan, "practically equivalent"),
        "A may or may not be the best, and is practically as good: Dice differs by 0.000 (interval "
        "−0.010 to +0.010, 95 % together), all within the margin of 0.021.",
    ),
    (
        Comparison("A", "the best of the others", 0.0, -0.05, 0.05, nan, "undecided"),
        "Whether A is the best is undecided: Dice differs by 0.000 (interval −0.050 to +0.050, "
        "95 % together).",
    ),
]


@pytest.mark.parametrize(("comparison", "wanted"), BEST)
def test_comparisons_with_the_best(comparison: Comparison, wanted: str) -> None:
    assert plainly(comparison_sentence(comparison, shown(family="best"), "Dice")) == wanted


@pytest.mark.parametrize("family", ["pairs", "best"])
def test_every_real_answer_can_be_said(family: Any) -> None:
    judged = answer(table(), 0.02, family=family)
    texts = [comparison_sentence(one, judged) for one in judged.comparisons]
    assert len(texts) == 3
    assert all(text.endswith(".") and "nan" not in text for text in texts)


@pytest.mark.parametrize(
    ("margin", "mean", "decimals"),
    [(0.021, 0.8, 3), (0.0024, 0.97, 4), (0.1, 0.8, 3), (1.0, 9.0, 1), (2.0, 81.0, 1)],
)
def test_decimals_follow_the_margin(margin: float, mean: float, decimals: int) -> None:
    values = tuple(replace(one, mean=mean) for one in shown().values)
    assert decimals_of(shown(margin=margin, values=values)) == decimals


def test_a_chosen_margin_stands_as_it_was_chosen() -> None:
    assert margin_words(shown(margin=0.02)) == "0.02"
    assert margin_words(shown(margin=0.0125)) == "0.0125"
    assert margin_words(shown(margin=0.0210744)) == "0.021"


SCOPES: list[tuple[Estimand, str]] = [
    ("networks and patients", "hold for new networks and new patients: the intervals cover"),
    ("patients", "for these very networks only: another training run could turn them round"),
    ("networks", "for these very patients only: other patients could turn them round"),
    ("none", "nothing is concluded about new networks or new patients"),
]
assert {estimand for estimand, _ in SCOPES} == set(get_args(Estimand))


@pytest.mark.parametrize(("estimand", "wanted"), SCOPES)
@pytest.mark.parametrize("design", ["seeds", "folds", None])
def test_the_estimand_is_named_in_every_case(estimand: Any, wanted: str, design: Any) -> None:
    text = scope_sentence(shown(estimand=estimand, networks=5, patients=16), design)
    assert wanted in text
    covers_networks = "networks" in estimand
    assert ("All networks learned from the same" in text) == (design == "seeds" and covers_networks)
    assert ("overlapping" in text) == (design == "folds" and covers_networks)


def test_the_two_sets_are_explained_and_apart() -> None:
    found = sets_sentences(shown(may_be_best=("0", "0.0001"), good_enough=("0.0001",)))
    first, second = map(plainly, found)
    assert first.startswith("May be the best: 0 and 0.0001. The others are ruled out (95 %")
    assert second.startswith("Shown to be good enough: 0.0001, short of the best value by less")


def test_sets_that_say_nothing() -> None:
    first, second = sets_sentences(shown(may_be_best=("0", "0.0001", "0.005"), good_enough=()))
    assert first == "May be the best: every value; the scores rule none out."
    assert second.startswith("Shown to be good enough: none.")
    assert "none is shown" in sets_sentences(shown(estimand="none"))[0]
    assert sets_sentences(shown(highest=None)) == ()


def cost(**changes: Any) -> Cost:
    facts = {
        "value": "0.005", "other": "0.0001", "networks": 5, "even": (12.0, 40.0),
        "likely": (20.0, inf), "chance": 0.312, "decidable": True, "expected_even": 20.0,
        "expected_likely": 38.0, **changes,
    }  # fmt: skip
    return Cost(**facts)


def test_what_a_decision_costs() -> None:
    assert plainly(cost_sentence(cost())) == (
        "To decide between 0.005 and 0.0001, about 20 (12 to 40) networks per value would be "
        "needed for an even chance, about 38 (20 to more than 1000) for 80 %; with the 5 that "
        "there are the chance was about 31 %."
    )
    assert "about 12 networks" in cost_sentence(cost(even=(12.0, 12.0), expected_even=12.0))
    assert "15 to more than 1000 for" in cost_sentence(
        cost(likely=(15.0, inf), expected_likely=inf)
    )
    assert "more than 1000 for 80" in cost_sentence(cost(likely=(inf, inf), expected_likely=inf))


def test_what_cannot_be_decided_with_these_patients() -> None:
    never = cost(even=(inf, inf), likely=(inf, inf), decidable=False, expected_even=inf)
    assert cost_sentence(never) == (
        "Not decidable with these patients between 0.005 and 0.0001: they differ too much from "
        "each other; more patients are needed."
    )
    hardly = replace(never, even=(7.0, inf))
    assert cost_sentence(hardly).endswith("At the very best, 7 networks per value would be enough.")


def headed(*verdicts: tuple[str, str, Verdict], **changes: Any) -> str:
    comparisons = tuple(
        Comparison(value, other, 0.1, 0.05, 0.15, 0.01, verdict)
        for value, other, verdict in verdicts
    )
    return verdict_heading(shown(comparisons=comparisons, **changes))


def test_headings_against_a_reference() -> None:
    reference: dict[str, Any] = {"family": "reference", "reference": "0"}
    assert (
        headed(("0.0001", "0", "undecided"), ("0.005", "0", "worse, size uncertain"), **reference)
        == "Worse than 0: 0.005; undecided: 0.0001"
    )
    assert (
        headed(("0.0001", "0", "better"), ("0.005", "0", "practically equivalent"), **reference)
        == "Better than 0: 0.0001; practically equivalent to 0: 0.005"
    )
    both: Verdict = "practically equivalent"
    assert (
        headed(("0.0001", "0", both), ("0.005", "0", both), **reference)
        == "Practically equivalent: 0, 0.0001 and 0.005"
    )
    assert (
        headed(("0.0001", "0", "undecided"), ("0.005", "0", "not worse"), **reference)
        == "No value is shown to differ from 0, or to be equivalent to it"
    )


def test_headings_of_pairs() -> None:
    pairs = (("0.0001", "0"), ("0.005", "0"), ("0.005", "0.0001"))

    def of(*verdicts: Verdict) -> str:
        return headed(*((*pair, verdict) for pair, verdict in zip(pairs, verdicts, strict=True)))

    assert of("better", "undecided", "worse") == "0.0001 is the best of the values tested"
    assert of("undecided", "worse", "undecided") == "0.005 is worse than 0"
    assert of("undecided", "worse", "not worse") == "0.005 is worse than 0"
    assert of("undecided", "worse", "worse") == "0.005 is worse than 0; 0.005 is worse than 0.0001"
    assert of(*3 * ("undecided",)) == "No value is shown to be better than another"
    assert of(*3 * ("not known",)) == "Nothing can be concluded from these scores"


def test_headings_about_the_best() -> None:
    best = "the best of the others"
    assert (
        headed(
            ("0", best, "undecided"),
            ("0.0001", best, "undecided"),
            ("0.005", best, "worse, size uncertain"),
            family="best",
        )
        == "The best is one of 0 or 0.0001"
    )
    assert (
        headed(("0", best, "better, size uncertain"), ("0.005", best, "worse"), family="best")
        == "0 is the best of the values tested"
    )


def test_second_looks_say_what_they_are_worth() -> None:
    few = second_look_sentences(answer(table(networks=3), 0.02))
    assert "cannot give a sign-flip test below p = 0.25" in few[0]
    assert len(few) == 1 + 3
    assert "for these patients only: p = 0.25" in few[-1]
    assert "bootstrap" not in few[-1]
    folds = table(networks=8, design="folds", test_to_training=1 / 3)
    many = second_look_sentences(answer(folds, 0.02))
    assert "sign-flip test below" not in many[0]
    assert "cautious 95 % interval for networks that learned" in plainly(many[1])
    assert "two-way bootstrap 95 % interval: " in plainly(many[1])
    assert second_look_sentences(answer(table(networks=1), 0.02)) == ()


# what is out of the ordinary ------------------------------------------------------------------


def lacking(of: ScoreTable) -> str:
    return " ".join(degenerate_sentences(of, answer(of, 0.02)))


def without(of: ScoreTable, *places: tuple[Any, ...]) -> ScoreTable:
    scores = of.scores.copy()
    for place in places:
        scores[place] = nan
    return replace(of, scores=scores)


def test_a_whole_table_lacks_nothing() -> None:
    assert lacking(table()) == ""


def test_one_network_or_one_patient() -> None:
    assert lacking(table(networks=1)).startswith("Each value has one network: ")
    assert lacking(table(patients=1)).startswith("There is one patient with all values")
    assert "Networks are not told apart" in lacking(table(networks=1, networks_known=False))
    assert "Patients are not told apart" in lacking(table(patients=1, patients_known=False))


def test_missing_scores_are_counted() -> None:
    text = lacking(without(table(), (0, 1, 2), (2, 4, 3)))
    assert text.startswith("2 of 120 scores (one per value, network and patient) are missing")


def test_values_with_fewer_networks_are_named() -> None:
    text = lacking(without(table(), (2, slice(1, None))))
    assert "The values have 1 to 5 networks; 0.005 the fewest." in text
    assert "nothing about new networks" in text
    assert "nothing about" not in lacking(without(table(), (2, slice(3, None))))


def test_parts_of_the_patients_are_no_missing_scores() -> None:
    of = table(networks=4, patients=8)
    cells = np.arange(8)[None, :] % 4 == np.arange(4)[:, None]
    of = replace(of, scores=np.where(cells, of.scores, nan))
    text = lacking(of)
    assert "a part of the patients (2 of 8), as in cross-validation" in text
    assert "missing" not in text
    assert lacking(replace(of, design="folds", test_to_training=1 / 3)) == ""


def test_nothing_defined() -> None:
    text = lacking(without(table(), (slice(None),)))
    assert text == "No score is defined: there is nothing to compare."


def test_a_value_without_scores() -> None:
    of = without(table(), (1,))
    rest = replace(of, values=("0", "0.005"), scores=of.scores[[0, 2]])
    text = " ".join(degenerate_sentences(of, answer(rest, 0.02)))
    assert text == "0.0001 has no score and could not take part."


def test_values_that_meet_nowhere() -> None:
    of = without(table(), (0, slice(0, 3)), (1, slice(3, None)))
    assert "scored on the same patient with 0 and 0.0001: they cannot" in lacking(of)


def test_identical_and_constant_scores() -> None:
    of = table()
    scores = of.scores.copy()
    scores[1] = scores[0]
    assert "0.0001 and 0 have exactly the same scores" in lacking(replace(of, scores=scores))
    flat = replace(of, scores=np.full_like(scores, 0.5))
    assert "Every score is 0.500: nothing tells the values apart." in lacking(flat)
    steps = np.zeros_like(scores) + np.array([0.25, 0.5, 0.75])[:, None, None]
    assert "0.005 and 0 differ by the same amount" in lacking(replace(of, scores=steps))


def test_a_paragraph_to_quote_names_everything() -> None:
    of = table()
    text = plainly(quotable(of, answer(of, 0.02), "Dice", "L2 strength", margin_assumed=True))
    for words in (
        "Comparison of Dice between 3 values of L2 strength (0, 0.0001, 0.005), from 5 networks "
        "per value and 8 patients.",
        "The 95 % intervals hold for all comparisons together",
        "networks and patients as two crossed random factors",
        "(margin) was assumed to be 0.02.",
        "L2 strength 0.005 is worse than 0.0001: Dice lower by",
        "hold for new networks and new patients",
    ):
        assert words in text
    alone = table(networks=1, patients=1, networks_known=False, patients_known=False)
    text = quotable(alone, answer(alone, 0.02))
    assert "(0, 0.0001, 0.005). No interval can be given." in text
    assert "1 network" not in text
