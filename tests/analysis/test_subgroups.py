"""Levels, sites and vendors: which differences, which intervals, and what is too small."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from tests.toy import toy_study

from myosweep.analysis.patient_scores import patient_counts, score_table
from myosweep.analysis.question import Asked
from myosweep.analysis.subgroups import Subgroup, subgroup_differences
from myosweep.results.read import Results, read_results
from myosweep.statistics.score_table import ScoreTable

ASKED = Asked("myocardium", "dice", "reference", "0.0005", None, None, True)
SHIFTS = {(5e-3,): (3, 2, 3), (5e-4,): (1, 1, 2), (5e-5,): (0, 1, 0)}
WIDE = {"fractions": [0.3, 0.2, 0.5]}


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """15 of 30 patients in the test part; nothing is known about any slice.

    Toy patients are alike but for their place, so that some pixels are missed here by chance.
    """
    folder = tmp_path_factory.mktemp("subgroups")
    results = read_results(toy_study(folder, SHIFTS, patients=30, split=WIDE).folder)
    counts = results.counts
    missed = np.random.default_rng(0).integers(0, 40, len(counts)).clip(0, counts["tp"])
    changed = counts.assign(tp=counts["tp"] - missed, fn=counts["fn"] + missed)
    return dataclasses.replace(results, counts=changed)


def described(results: Results, **columns: np.ndarray) -> Results:
    made = {name: pd.array(list(column), dtype="string") for name, column in columns.items()}
    return dataclasses.replace(results, counts=results.counts.assign(**made))


def patient_numbers(results: Results) -> np.ndarray:
    tested = results.counts["part"] == "test"
    names = sorted(results.counts.loc[tested, "patient"].astype(str).unique())
    place = {name: number for number, name in enumerate(names)}
    return results.counts["patient"].astype(str).map(place).fillna(0).to_numpy(int)


def table_of(results: Results) -> ScoreTable:
    return score_table(results, patient_counts(results), ASKED.region, ASKED.metric)


def found(results: Results, asked: Asked = ASKED) -> tuple[Subgroup, ...]:
    return subgroup_differences(results, asked, table_of(results))


def test_nothing_is_known_so_nothing_is_said(plain: Results) -> None:
    assert found(plain) == ()
    one_site = described(plain, site=np.full(len(plain.counts), "Lund"))
    assert found(one_site) == ()


def test_levels_are_compared_within_patients(plain: Results) -> None:
    level = np.where(plain.counts["slice"].astype(str).str.endswith("0"), "apex", "base")
    results = described(plain, level=level)
    (one,) = found(results)
    assert (one.factor, one.groups, one.left_out) == ("level", ("base", "apex"), 0)
    assert [(d.group, d.value, d.other) for d in one.differences] == [
        ("base", "0.005", "0.0005"),
        ("base", "0.00005", "0.0005"),
        ("apex", "0.005", "0.0005"),
        ("apex", "0.00005", "0.0005"),
    ]
    # two levels of two pairs, and one interaction of each pair
    assert one.each_level == pytest.approx(0.05 / 6)
    assert one.estimand == "networks and patients"
    tables = {}
    for name in ("base", "apex"):
        only = dataclasses.replace(results, counts=results.counts[level == name])
        tables[name] = table_of(only)
    means = {name: table.scores[0] - table.scores[1] for name, table in tables.items()}
    assert one.differences[0].difference == pytest.approx(means["base"].mean())
    assert one.differences[0].patients == 15
    first = one.interactions[0]
    assert (first.group, first.other_group, first.patients) == ("base", "apex", 15)
    assert first.difference == pytest.approx(means["base"].mean() - means["apex"].mean())
    assert first.low < first.difference < first.high
    assert one.over_sites == ()


def test_an_interaction_of_levels_is_paired(plain: Results) -> None:
    """One network: the interval is that of the paired t test, at the level of the family."""
    level = np.where(plain.counts["slice"].astype(str).str.endswith("0"), "apex", "base")
    results = described(plain, level=level)
    keep = plain.networks.loc[plain.networks["seed"] == 0, "run"]
    results = dataclasses.replace(
        results,
        runs=results.runs[results.runs["run"].isin(keep)],
        counts=results.counts[results.counts["run"].isin(keep)],
    )
    (one,) = found(results)
    assert one.estimand == "patients"
    d = []
    for name in ("base", "apex"):
        table = table_of(
            dataclasses.replace(results, counts=results.counts[results.counts["level"] == name])
        )
        d.append(table.scores[0, 0] - table.scores[1, 0])
    interval = stats.ttest_1samp(d[0] - d[1], 0).confidence_interval(1 - one.each_level)
    assert (one.interactions[0].low, one.interactions[0].high) == (
        pytest.approx(interval.low),
        pytest.approx(interval.high),
    )


def test_slices_without_a_level_are_counted(plain: Results) -> None:
    name = plain.counts["slice"].astype(str)
    level = np.where(name.str.endswith("0"), "apex", "base").astype(object)
    level[patient_numbers(plain) < 5] = None
    (one,) = found(described(plain, level=level))
    assert {d.patients for d in one.differences} == {10}
    assert one.left_out == 10


def test_vendors_are_compared_between_patients(plain: Results) -> None:
    number = patient_numbers(plain)
    results = described(plain, vendor=np.where(number < 6, "A", "B"))
    (one,) = found(results)
    assert (one.factor, one.groups) == ("vendor", ("A", "B"))
    table = table_of(results)
    d = table.scores[0] - table.scores[1]
    assert one.differences[0].difference == pytest.approx(d[:, :6].mean())
    assert [x.patients for x in one.differences] == [6, 6, 9, 9]
    first = one.interactions[0]
    assert first.patients == 15
    assert first.difference == pytest.approx(d[:, :6].mean() - d[:, 6:].mean())
    assert first.low < first.difference < first.high


def test_between_patients_one_network_is_welchs_test(plain: Results) -> None:
    number = patient_numbers(plain)
    results = described(plain, vendor=np.where(number < 6, "A", "B"))
    keep = plain.networks.loc[plain.networks["seed"] == 1, "run"]
    results = dataclasses.replace(
        results,
        runs=results.runs[results.runs["run"].isin(keep)],
        counts=results.counts[results.counts["run"].isin(keep)],
    )
    (one,) = found(results)
    table = table_of(results)
    d = table.scores[0, 0] - table.scores[1, 0]
    welch = stats.ttest_ind(d[:6], d[6:], equal_var=False)
    interval = welch.confidence_interval(1 - one.each_level)
    assert (one.interactions[0].low, one.interactions[0].high) == (
        pytest.approx(interval.low),
        pytest.approx(interval.high),
    )


def test_groups_that_are_too_small_say_so(plain: Results) -> None:
    number = patient_numbers(plain)
    (one,) = found(described(plain, vendor=np.where(number < 2, "small", "large")))
    small = [d for d in one.differences if d.group == "small"]
    assert len(small) == 2
    for d in small:
        assert d.note == "fewer than 3 patients: no interval"
        assert np.isnan([d.low, d.high]).all()
        assert np.isfinite(d.difference)
    for crossed in one.interactions:
        assert crossed.note == "fewer than 3 patients in one of the groups: no interval"
        assert np.isnan(crossed.low)
    # what has no interval takes part in no family
    assert one.each_level == pytest.approx(0.05 / 2)


def test_patients_of_no_site_or_of_two_are_left_out(plain: Results) -> None:
    number = patient_numbers(plain)
    site = np.where(number < 6, "Lund", "Umeå").astype(object)
    site[number == 14] = None
    both = (number == 13) & plain.counts["slice"].astype(str).str.endswith("0").to_numpy()
    site[both] = "Lund"
    (one,) = found(described(plain, site=site))
    assert one.left_out == 2
    assert [d.patients for d in one.differences] == [6, 6, 7, 7]


def test_an_interval_over_sites_needs_five(plain: Results) -> None:
    number = patient_numbers(plain)
    few, five = (found(described(plain, site=(number % k).astype(str)))[0] for k in (4, 5))
    assert few.factor == "site"
    for over in few.over_sites:
        assert (over.sites, over.note) == (4, "fewer than 5 sites: no interval over sites")
        assert np.isnan(over.low)
    table = table_of(plain)
    d = (table.scores[0] - table.scores[1]).mean(0)
    by_site = [d[k::5].mean() for k in range(5)]
    assert five.over_sites[0].sites == 5
    assert five.over_sites[0].difference == pytest.approx(np.mean(by_site))
    assert five.over_sites[0].low < np.mean(by_site) < five.over_sites[0].high


def test_without_a_reference_all_pairs_are_compared(plain: Results) -> None:
    number = patient_numbers(plain)
    results = described(plain, vendor=np.where(number < 6, "A", "B"))
    (one,) = found(results, dataclasses.replace(ASKED, family="pairs", reference=None))
    assert len({(d.value, d.other) for d in one.differences}) == 3


def test_all_regions_together(plain: Results) -> None:
    level = np.where(plain.counts["slice"].astype(str).str.endswith("0"), "apex", "middle")
    results = described(plain, level=level)
    asked = dataclasses.replace(ASKED, region="all", metric="global_accuracy")
    table = score_table(results, patient_counts(results), "all", "global_accuracy")
    (one,) = subgroup_differences(results, asked, table)
    assert one.groups == ("middle", "apex")


def test_the_record_is_plain(plain: Results) -> None:
    (one,) = found(described(plain, site=(patient_numbers(plain) % 5).astype(str)))
    content = dataclasses.asdict(one)
    for key in ("differences", "interactions", "over_sites"):
        for row in content[key]:
            assert {type(value) for value in row.values()} <= {str, int, float}
