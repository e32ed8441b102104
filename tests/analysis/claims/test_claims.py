"""The paper's claims: each ruling on studies and parts made so that it must come out."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats
from tests.toy import toy_study

from myosweep.analysis.claims.paper import Claim, paper_claims
from myosweep.analysis.claims.parts import (
    ClaimPart,
    all_above,
    claim_parts,
    not_all_above,
    ratio_claim,
)
from myosweep.analysis.patient_scores import PatientCounts, patient_counts, score_table
from myosweep.analysis.points import points
from myosweep.results.read import Results, read_results

FALLING = {(5e-3,): (6, 6, 7), (5e-4,): (3, 3, 4), (5e-5,): (0, 1, 0)}
STEADY = {(5e-3,): (4, 4, 4), (5e-4,): (2, 2, 2), (5e-5,): (0, 0, 0)}
RISING = {(5e-3,): (0, 0, 0), (5e-4,): (2, 2, 2), (5e-5,): (4, 4, 4)}
SAME = {(5e-3,): (1, 1, 1), (5e-4,): (1, 1, 1), (5e-5,): (1, 1, 1)}


def margin_of(region: str, metric: str) -> float:
    return 0.02


def judged(results: Results, counts: PatientCounts | None = None) -> dict[str, Claim]:
    found = paper_claims(results, counts or patient_counts(results), margin_of)
    return {one.letter: one for one in found}


def claims_of(folder: Path, shifts: Any = STEADY, **config: Any) -> dict[str, Claim]:
    return judged(read_results(toy_study(folder, shifts, **config).folder))


@pytest.fixture(scope="module")
def steady(tmp_path_factory: pytest.TempPathFactory) -> Results:
    return read_results(toy_study(tmp_path_factory.mktemp("steady"), STEADY).folder)


@pytest.fixture(scope="module")
def far(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """Two values far apart, and six networks of each that are nearly alike."""
    shifts = {(5e-3,): (8, 9, 8, 9, 8, 9), (5e-5,): (0, 1, 0, 1, 0, 1)}
    return read_results(toy_study(tmp_path_factory.mktemp("far"), shifts).folder)


def part(low: float, high: float, wider: float = 0.0, margin: float = 0.02) -> ClaimPart:
    """A difference by its plain interval; the adjusted one is wider on both sides."""
    middle = (low + high) / 2
    adjusted = low - wider, high + wider
    return ClaimPart("myocardium", "iou", "a", "b", middle, low, high, *adjusted, margin, "all")


def test_all_claims_in_the_papers_order(steady: Results) -> None:
    found = judged(steady)
    assert list(found) == ["A", "B", "C", "D1", "D2", "E", "F", "G"]
    assert found["A"].statement == (
        "In region 1 (background) the smallest L2 strength, 0.00005, is best in accuracy, IoU and "
        "BF score."
    )
    assert "region 3 (myocardium)" in found["C"].statement
    assert all(
        one.evidence.endswith("The paper's three values are compared.") for one in found.values()
    )


def test_better_at_every_step_downwards(steady: Results) -> None:
    found = judged(steady)
    rulings = {letter: one.verdict for letter, one in found.items()}
    # best in BF as well contradicts B, which says that another value is better there
    assert rulings["B"] == "contradicted"
    for letter in ("A", "C", "D1", "D2", "E"):
        assert rulings[letter] == "supported", found[letter].evidence
    assert len(found["A"].components) == 2 * 3
    assert len(found["D1"].components) == 2 * 4
    for one in found["C"].components:
        assert (one.value, one.region) == ("0.00005", "myocardium")
        assert one.other in ("0.005", "0.0005")
        assert one.low_all <= one.low <= one.difference <= one.high <= one.high_all
    assert "6 differences lie above 0, each at one-sided 2.5 %" in found["C"].evidence
    assert "Intervals hold for new networks and new patients." in found["C"].evidence


def test_worse_at_every_step_downwards(tmp_path: Path) -> None:
    found = claims_of(tmp_path, RISING)
    for letter in ("A", "B", "C", "D1", "D2", "E"):
        assert found[letter].verdict == "contradicted", found[letter].evidence
    assert "even when all 6 are judged together" in found["C"].evidence


def test_no_difference_at_all(tmp_path: Path) -> None:
    found = claims_of(tmp_path, SAME)
    for letter in ("A", "B", "C", "D1", "D2", "E"):
        assert found[letter].verdict == "no practical difference", found[letter].evidence
    assert found["G"].verdict == "undecided"


def test_a_step_that_does_not_fall_contradicts_the_order(tmp_path: Path) -> None:
    shifts = {(5e-3,): (4, 4, 4), (5e-4,): (1, 1, 1), (5e-5,): (2, 2, 2)}
    found = claims_of(tmp_path, shifts)
    assert found["D2"].verdict == found["E"].verdict == "contradicted"
    steps = [(one.value, one.other, one.difference > 0) for one in found["D2"].components]
    assert steps == [("0.0005", "0.005", True), ("0.00005", "0.0005", False)]


def test_the_area_counts_every_wrong_pixel_once(steady: Results) -> None:
    found, results = judged(steady), steady
    rows = results.counts[results.counts["part"] == "test"]
    wrong = rows.groupby("run", observed=True)["fn"].sum()
    slices = rows["slice"].nunique()
    larger, smaller = (
        np.mean([wrong[run] / slices for run in points(results)[k].runs]) for k in (0, 1)
    )
    first = found["D2"].components[0]
    assert first.difference == pytest.approx(larger - smaller)
    assert first.margin == pytest.approx(0.02 * 32 * 32)
    assert "px per slice" in found["D2"].evidence


def test_validation_accuracy_is_paired_by_network(tmp_path: Path) -> None:
    results = read_results(toy_study(tmp_path, FALLING).folder)
    one = judged(results)["E"]
    accuracy = results.runs.set_index("run")["validation_accuracy"]
    first, second = ([accuracy[run] for run in point.runs] for point in points(results)[:2])
    d = np.subtract(second, first)
    assert one.components[0].difference == pytest.approx(d.mean())
    half = stats.t.ppf(0.975, 2) * d.std(ddof=1) / np.sqrt(3)
    assert one.components[0].low == pytest.approx(d.mean() - half)
    assert one.components[0].holds_for.startswith("new networks, for these very patients only")


def test_one_network_says_that_it_stands_for_itself_only(tmp_path: Path) -> None:
    found = claims_of(tmp_path, {(5e-3,): (4,), (5e-4,): (2,), (5e-5,): (0,)})
    assert found["C"].verdict == "supported"
    assert "Intervals hold for new patients, for these very networks only." in found["C"].evidence
    for letter in ("E", "F", "G"):
        assert found[letter].verdict == "undecided"
    assert found["E"].evidence.startswith("With one network per value")


def test_a_strong_influence_is_a_range_far_beyond_the_seeds_spread(
    far: Results, tmp_path: Path
) -> None:
    found = judged(far)["G"]
    assert found.verdict == "supported", found.evidence
    (ratio,) = found.components
    table = score_table(far, patient_counts(far), "myocardium", "dice", pooled=True)
    of_network = table.scores.mean(2)
    spread = np.sqrt(of_network.var(axis=1, ddof=1).mean())
    assert ratio.difference == pytest.approx(np.ptp(of_network.mean(1)) / (2 * spread))
    assert 1 < ratio.low < ratio.difference < ratio.high
    few = claims_of(tmp_path, FALLING)["G"]
    assert few.components[0].difference > 1
    assert few.verdict == "undecided"


def test_no_influence_beside_a_large_spread(tmp_path: Path) -> None:
    shifts = {(5e-3,): (0, 4, 1, 3, 2, 5), (5e-5,): (0, 4, 1, 3, 2, 5)}
    found = claims_of(tmp_path, shifts)["G"]
    assert found.verdict == "contradicted"
    assert found.components[0].difference == pytest.approx(0, abs=1e-9)


def test_outlines_move_more_between_values_than_between_networks(
    far: Results, tmp_path: Path
) -> None:
    found = judged(far)["F"]
    assert found.verdict == "supported", found.evidence
    near = {(5e-3,): (0, 6, 0, 6, 0, 6), (5e-5,): (1, 6, 0, 6, 0, 6)}
    found = claims_of(tmp_path, near)["F"]
    assert found.components[0].difference < 1
    assert found.verdict in ("contradicted", "undecided")


def test_without_masks_outlines_are_not_measured(tmp_path: Path) -> None:
    toy = toy_study(tmp_path, STEADY, scoring={"tolerance_px": 1.4})
    for run in toy.home.runs():
        run.masks.unlink()
    found = judged(read_results(toy.folder))
    assert found["F"].verdict == "not applicable"
    assert "No masks" in found["F"].evidence
    assert found["C"].verdict == "supported"


def test_the_papers_values_are_used_alone_if_all_were_tested(tmp_path: Path) -> None:
    found = claims_of(tmp_path, {(0.0,): (0, 0, 0), **STEADY, (5e-6,): (9, 9, 9)})
    assert found["C"].verdict == "supported"
    assert "2 other values took no part" in found["C"].evidence
    assert {one.other for one in found["C"].components} == {"0.005", "0.0005"}


def test_other_values_stand_in_and_zero_does_not(tmp_path: Path) -> None:
    found = claims_of(tmp_path, {(0.0,): (6, 6), (1e-2,): (3, 3), (1e-4,): (0, 0)})
    assert found["A"].statement.startswith(
        "In region 1 (background) the smallest L2 strength, 0.0001, is"
    )
    assert "0.0001 is the smallest value tested above 0" in found["A"].evidence
    assert {(one.value, one.other) for one in found["D2"].components} == {("0.0001", "0.01")}
    assert found["D2"].verdict == "supported"


@pytest.mark.parametrize(
    ("shifts", "config", "why"),
    [
        ({(1e-3,): (1,), (1e-4,): (0,)}, {"fields": ("learning_rate",)}, "varies: learning rate"),
        ({(1e-3, 4): (1,), (1e-4, 4): (0,)}, {"fields": ("l2.strength", "batch_size")}, "varies:"),
        ({(0.0,): (1,), (1e-4,): (0,)}, {}, "and 1 has finished"),
        (STEADY, {"settings": {"l2.kind": "decoupled"}}, "decoupled"),
    ],
)
def test_not_applicable(tmp_path: Path, shifts: Any, config: Any, why: str) -> None:
    found = claims_of(tmp_path, shifts, **config)
    assert len(found) == 8
    for one in found.values():
        assert (one.verdict, one.components) == ("not applicable", ())
        assert why in one.evidence
    assert found["A"].statement.startswith("In region 1 the smallest")


def test_two_regions_are_too_few(steady: Results) -> None:
    scheme = dataclasses.replace(steady.scheme, regions=steady.scheme.regions[:2])
    fewer = dataclasses.replace(steady, scheme=scheme)
    found = paper_claims(fewer, patient_counts(steady), margin_of)
    assert {one.evidence for one in found} == {
        "The claims are about three regions, and this study has 2."
    }


def with_bf(
    results: Results, counts: PatientCounts, smallest: float, other: float
) -> PatientCounts:
    """The counts with other BF scores of the blood pool: of the smallest value, and of all else."""
    k, bf = counts.regions.index("blood pool"), counts.bf_sum.copy()
    last = points(results)[-1].runs
    for number, run in enumerate(counts.runs):
        score = smallest if run in last else other
        bf[number, :, k] = counts.bf_slices[number, :, k] * score
    return dataclasses.replace(counts, bf_sum=bf)


@pytest.mark.parametrize(
    ("smallest", "other", "ruling"),
    [(0.5, 0.8, "supported"), (0.8, 0.5, "contradicted"), (0.5, 0.5, "undecided")],
)
def test_best_in_overlap_and_not_in_bf(
    steady: Results, smallest: float, other: float, ruling: str
) -> None:
    found = judged(steady, with_bf(steady, patient_counts(steady), smallest, other))
    assert found["B"].verdict == ruling, found["B"].evidence
    assert len(found["B"].components) == 6


def test_every_part_must_hold() -> None:
    assert all_above("A", (part(0.01, 0.1), part(0.02, 0.1))).verdict == "supported"
    # the adjusted interval reaches below 0, but all must hold and so the plain one counts
    assert all_above("A", (part(0.01, 0.1, 0.05), part(0.02, 0.1, 0.05))).verdict == "supported"
    assert all_above("A", (part(-0.01, 0.1), part(0.02, 0.1))).verdict == "undecided"
    assert all_above("A", ()).verdict == "undecided"


def test_one_part_against_it_needs_the_adjusted_interval() -> None:
    against = part(-0.2, -0.1, wider=0.05)
    assert all_above("A", (part(0.01, 0.1), against)).verdict == "contradicted"
    weak = part(-0.2, -0.01, wider=0.05)
    assert all_above("A", (part(0.01, 0.1), weak)).verdict == "undecided"


def test_equivalence_needs_every_part() -> None:
    small, wide = part(-0.01, 0.015), part(-0.01, 0.025)
    assert all_above("A", (small, small)).verdict == "no practical difference"
    assert all_above("A", (small, wide)).verdict == "undecided"
    real = all_above("A", (part(0.001, 0.01), part(0.002, 0.01)))
    assert real.verdict == "supported"
    assert real.evidence.count("All differences are smaller than their margin.") == 1


def test_only_wanted_parts_can_contradict() -> None:
    against, good = part(-0.2, -0.1), part(0.05, 0.1)
    assert not_all_above("B", (good, against), (good,)).verdict == "undecided"
    assert not_all_above("B", (good, against), (good, against)).verdict == "contradicted"


def test_parts_without_scores_are_not_decided() -> None:
    nothing = np.full((1, 2, 3), np.nan)
    (one,) = claim_parts(nothing, "all", "iou", [("a", "b")], 0.02, 1)
    assert np.isnan([one.difference, one.low, one.high_all]).all()
    assert all_above("A", (one,)).verdict == "undecided"


def test_parts_are_adjusted_by_their_number() -> None:
    d = np.random.default_rng(0).normal(0, 1, (1, 1, 20))
    (one,) = claim_parts(d, "all", "iou", [("a", "b")], 0.02, 4)
    se = d.std(ddof=1) / np.sqrt(20)
    plain, adjusted = stats.t.ppf([1 - 0.05 / 2, 1 - 0.05 / 4 / 2], 19)
    assert one.high - one.low == pytest.approx(2 * plain * se)
    assert one.high_all - one.low_all == pytest.approx(2 * adjusted * se)


@pytest.mark.parametrize(
    ("low", "high", "ruling"),
    [(1.1, 2.0, "supported"), (0.5, 0.9, "contradicted"), (0.9, 1.2, "undecided")],
)
def test_ratios_are_judged_against_one(low: float, high: float, ruling: str) -> None:
    found = ratio_claim("F", "It moves.", "myocardium", ("x", "y"), (1.0, low, high), "all")
    assert found.verdict == ruling
    assert "ratio x over y: 1.00" in found.components[0].words


def test_records_are_plain(tmp_path: Path) -> None:
    for one in claims_of(tmp_path, FALLING).values():
        for row in dataclasses.asdict(one)["components"]:
            assert {type(value) for value in row.values()} <= {str, float}


def test_a_study_in_folds(tmp_path: Path) -> None:
    shifts = {(5e-3,): (6, 6, 6, 6), (5e-5,): (0, 0, 0, 0)}
    replicates = {"design": "folds", "repeats": 2, "folds": 2}
    found = claims_of(tmp_path, shifts, replicates=replicates, patients=12)
    assert found["C"].verdict == "supported", found["C"].evidence
    assert "other training patients" in found["F"].evidence
    assert found["G"].verdict == "undecided"
