"""What is concluded of a study's values: from masks whose measures are known, in words too."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from tests.analysis.clinical.cohort import FIVE, THREE, clinical_study, cohort, thicker
from tests.toy import DIVERGED

from myosweep.analysis.clinical.agreement import agreement
from myosweep.analysis.clinical.cautions import warnings
from myosweep.analysis.clinical.findings import clinical_findings
from myosweep.analysis.clinical.measure import REFERENCE
from myosweep.analysis.clinical.run import Options, measure_study
from myosweep.analysis.clinical.table import write_patients_csv
from myosweep.analysis.clinical.words import conclusion_sentences, size_verdict
from myosweep.errors import InputError, StudyError
from myosweep.results.read import read_results
from myosweep.statistics.score_table import ScoreTable


def concluded(toy, options=None):
    results = read_results(toy.folder)
    table, facts = measure_study(results, options)
    return clinical_findings(results, table, facts), table


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """Three networks that mark too much, and twice three that are exact."""
    folder = tmp_path_factory.mktemp("findings")
    return concluded(clinical_study(folder, {(5e-3,): (1, 1, 1), (5e-4,): (0, 0, 0)}))


def told(findings):
    return " ".join(conclusion_sentences(findings, "L2 strength")).replace("\u00a0", " ")


def topics(findings):
    return [topic for topic, _ in warnings(findings)]


def test_bias_and_verdict_by_hand(found):
    findings, table = found
    size = findings.of("infarct_percent")
    rows = table.set_index(["run", "patient"])["infarct_percent"]
    off = (rows["run-0p005-0"] - rows[REFERENCE]).to_numpy()
    larger, exact = size.agreement.values
    assert larger.bias.difference == pytest.approx(off.mean())
    assert larger.sd == pytest.approx(off.std(ddof=1))
    assert exact.bias.difference == exact.sd == 0
    assert (exact.concordance, exact.concordance_low) == (1, 1)
    assert larger.concordance < 1
    assert size_verdict(exact.bias) == "same"
    sizes, errors = (getattr(size.agreement, name).comparisons[0] for name in ("sizes", "errors"))
    assert (sizes.value, sizes.other) == ("0.005", "0.0005")
    assert sizes.difference == pytest.approx(off.mean())
    assert errors.difference == pytest.approx(abs(off).mean())
    assert errors.verdict.startswith("worse")


@pytest.mark.parametrize(("spread", "within"), [(0.01, True), (40.0, False)])
def test_the_bias_is_within_the_margin_only_if_that_is_shown_of_every_value(found, spread, within):
    """The middle value's networks scatter; its bias is the same, or lies between the others'."""
    size = found[0].of("infarct_percent")
    networks = np.array([-spread, spread])[:, None]
    for apart, bias in ((0.0, "+0.1 % at every value"), (0.2, "−0.1 % at v0 and +0.3 % at v2")):
        off = np.stack([np.full((2, 10), 0.1 - apart), 0.1 + np.tile(networks, 10),
                        np.full((2, 10), 0.1 + apart)])  # fmt: skip
        names = (("v0", "v1", "v2"), ("a", "b"), tuple(map(str, range(10))))
        reference = np.linspace(5, 30, 10)
        judged = agreement(ScoreTable(*names, reference + off), reference, 1.0)
        of_all = told(replace(found[0], measures=(replace(size, agreement=judged),)))
        assert f"the bias is {bias}" in of_all
        assert (f"{bias}, within 1 %" in of_all) is within


def test_a_value_without_a_bias_is_not_among_every_value(found):
    size = found[0].of("infarct_percent")
    scores = np.stack([np.full((2, 10), 5.1), np.full((2, 10), 5.1), np.full((2, 10), np.nan)])
    names = (("v0", "v1", "v2"), ("a", "b"), tuple(map(str, range(10))))
    judged = agreement(ScoreTable(*names, scores), np.full(10, 5.0), None)
    of_all = told(replace(found[0], measures=(replace(size, agreement=judged),)))
    assert "+0.1 % at v0 and +0.1 % at v1" in of_all


def test_mass_does_not_depend_on_the_value(found):
    mass = found[0].of("myocardium_g")
    assert mass.agreement.sizes.comparisons[0].verdict == "practically equivalent"
    text = told(found[0])
    assert "L2 strength does not change it by as much as 5 g" in text
    assert "20 to 35 g between seven core labs" in text


def test_the_conclusion_in_words(found):
    text = told(found[0])
    assert text.startswith(
        "Infarct size: larger with L2 strength 0.005 than with 0.0005 by 1.6 % of the myocardium "
        "(95 % interval 0.8 to"
    )
    assert "L2 strength 0.005 is worse than 0.0005" in text
    sizes = found[0].of("infarct_percent").reference
    mean = sizes[sizes > 0].mean()  # a coefficient of variation says nothing of the others
    assert sizes.mean() < mean
    assert f"here {0.08 * mean:.1f} to {0.15 * mean:.1f} % of the myocardium" in text
    assert "for new networks and new patients" in text
    assert "exploratory" in text


def test_limits_of_agreement_have_their_error(found):
    value = found[0].of("infarct_percent").agreement.values[0]
    assert f"(each ± {value.limit_error:.1f})" in told(found[0])


def test_differences_that_go_with_the_size_are_warned_of(found):
    """Networks that find half of each infarct; others that are off by chance, or by too little."""
    size, chance = found[0].of("infarct_percent"), np.random.default_rng(0)
    reference = np.linspace(0, 30, 20)
    names = (("half", "chance", "nearly"), ("a", "b"), tuple(map(str, range(20))))
    off = reference + chance.normal(0, 3, (2, 20))
    scores = np.stack([np.tile(reference / 2, (2, 1)), off, np.tile(0.98 * reference, (2, 1))])
    table = ScoreTable(*names, scores)
    judged = replace(
        size, agreement=agreement(table, reference, 1.0), table=table, reference=reference
    )
    (warning,) = [
        text
        for topic, text in warnings(replace(found[0], measures=(judged,)))
        if topic == "Differences depend on size"
    ]
    assert "infarct size (−1.00 at half)" in warning
    assert "chance" not in warning
    assert "nearly" not in warning


def test_patients_in_several_parts_and_validation_patients_are_warned_of(found):
    shared = replace(found[0], shared=4)
    assert topics(shared)[0] == "Patients in several parts"
    assert "4 patients have slices in more than one" in warnings(shared)[0][1]
    facts = found[0].facts.model_copy(update={"part": "validation"})
    assert topics(replace(found[0], facts=facts))[0] == "Validation patients"


@pytest.mark.parametrize("zero", [255, -1e6])
def test_no_signal_is_no_grey_value_that_makes_all_masks_agree(tmp_path, zero):
    """Half of the way to the maximum would be above, or below, all grey values."""
    toy = clinical_study(tmp_path, SHIFTS)
    with pytest.raises(InputError, match="of no signal in 10 of 10 patients"):
        measure_study(read_results(toy.folder), Options(signal_zero=zero))


def test_warnings_are_only_what_there_is_to_warn_of(found):
    assert topics(found[0]) == ["Segments", "Differences depend on size"]
    assert "not AHA-aligned, from 0 degrees" in warnings(found[0])[0][1]


def test_extras(found):
    larger, exact = found[0].extras
    assert (exact.same_class, exact.epi_p95_mm, exact.missed_slices) == (1, 0, 0)
    assert exact.emidec["dice_infarct"] == 1 > larger.emidec["dice_infarct"]
    assert all(mean == reference for mean, reference in exact.levels)
    assert all(mean > reference for mean, reference in larger.levels)
    assert exact.segments_above_50 == exact.reference_segments_above_50
    assert larger.same_class < 1
    assert (larger.false_infarct, larger.without_infarct) == (0, 3)


def test_false_infarct_and_nothing_found(tmp_path):
    findings, _ = concluded(clinical_study(tmp_path, {(5e-3,): (2, DIVERGED), (5e-4,): (0, 0)}))
    false, exact = findings.extras
    assert (false.false_infarct, false.without_infarct) == (1.5, 3)  # one network of two, all 3
    assert exact.false_infarct == 0
    assert false.nothing_found == 10
    assert (false.endo_pairs, false.epi_pairs, false.pairs) == (10, 10, 20)
    assert (exact.endo_pairs, exact.epi_pairs, exact.pairs) == (20, 20, 20)
    assert topics(findings) == ["Segments", "Differences depend on size", "Nothing found"]
    mass = findings.of("myocardium_g").agreement.values[0]
    assert mass.bias.difference == pytest.approx(-mass.mean)


def test_unknown_spacing_is_told_in_pixels(tmp_path):
    data = cohort(tmp_path / "data", spacing_mm=None, slice_spacing_mm=None)
    findings, _ = concluded(clinical_study(tmp_path, data=data))
    text = told(findings)
    assert "Area of the imaged myocardium (spacing not known): no verdict" in text
    assert "pixels" in text
    for forbidden in (" mm", " g ", " ml", "degree"):
        assert forbidden not in text.replace("5 g cannot", "")
    assert topics(findings) == ["Unknown spacing", "Differences depend on size"]
    assert findings.of("myocardium_g") is None
    assert findings.segments == ()


def test_networks_without_infarct_are_compared_by_thresholds(tmp_path):
    data = cohort(tmp_path / "data", scheme=THREE)
    toy = clinical_study(
        tmp_path, {(5e-3,): (1, 1), (5e-4,): (0, 0)}, data=data, scheme=THREE, answer=thicker
    )
    findings, table = concluded(toy, Options(scheme=FIVE))
    text = told(findings)
    assert text.startswith("Infarct size (5 SD above remote, inside each network's own myocardium)")
    assert topics(findings) == ["Infarct by thresholds", "Differences depend on size"]
    check = findings.thresholds
    reference = table[table["run"] == REFERENCE]
    assert check.manual == pytest.approx(reference["infarct_percent"].mean())
    assert check.found == pytest.approx(reference["infarct_sd_percent"].mean())
    assert check.correlation > 0.9
    assert "Infarct size against the same threshold inside the manual myocardium (mean" in text
    assert "Half of the maximum is not taken" in dict(warnings(findings))["Infarct by thresholds"]
    with_zero, _ = concluded(toy, Options(scheme=FIVE, signal_zero=0.0, n_sd=3.0))
    assert with_zero.of("infarct_fwhm_percent") is not None
    assert "3 SD above remote" in told(with_zero)


def without_cavity(reference, steps):
    """A network of three regions that fills the largest hearts' cavity with myocardium."""
    found = reference.copy()
    for one in found:
        if steps and (one > 0).sum() > 650:
            one[one == 1] = 2
    return found


def test_a_wall_without_remote_is_not_measured_and_one_warning_says_so(tmp_path):
    data = cohort(tmp_path / "data", scheme=THREE)
    toy = clinical_study(tmp_path, SHIFTS, data=data, scheme=THREE, answer=without_cavity)
    findings, table = concluded(toy, Options(scheme=FIVE))
    filled = {name for name in table["patient"] if int(name[1:]) % 3 == 2}
    assert 0 < len(filled) < 10
    run = table[table["run"] == "run-0p005-0"]
    assert set(run.loc[run["infarct_sd_percent"].isna(), "patient"]) == filled
    assert findings.without_remote == tuple(sorted(filled))
    of_remote = [text for topic, text in warnings(findings) if topic == "No remote myocardium"]
    assert len(of_remote) == 1
    assert f"In {len(filled)} of 10 patients (P" in of_remote[0]
    half, exact = findings.of("infarct_sd_percent").agreement.values
    assert (half.patients, exact.patients) == (10 - len(filled), 10)
    assert "nan" not in told(findings)


def test_half_of_the_maximum_in_some_patients_is_said_of_how_many(tmp_path):
    data = cohort(tmp_path / "data", scheme=THREE)
    toy = clinical_study(tmp_path, SHIFTS, data=data, scheme=THREE, answer=thicker)
    results = read_results(toy.folder)
    table, facts = measure_study(results, Options(scheme=FIVE, signal_zero=0.0))
    for unknown, words in (
        (0, None),
        (7, "Half of the maximum is taken in 3 of 10 patients, and is judged on these"),
        (10, "Half of the maximum is not taken: it is not known which grey value"),
    ):
        names = sorted(table["patient"].unique())[:unknown]
        fwhm = table["infarct_fwhm_percent"].mask(table["patient"].isin(names))
        findings = clinical_findings(results, table.assign(infarct_fwhm_percent=fwhm), facts)
        text = dict(warnings(findings))["Infarct by thresholds"]
        assert ("Half of the maximum" in text) is (words is not None)
        assert words is None or words in text
        judged = findings.of("infarct_fwhm_percent")
        assert len(judged.table.patients if judged else ()) == 10 - unknown


def test_one_network_speaks_of_new_patients_only(tmp_path):
    findings, _ = concluded(clinical_study(tmp_path, {(5e-3,): (1,), (5e-4,): (0,)}))
    assert "for new patients, for these very networks only" in told(findings)


def test_networks_that_came_later_are_said(found, tmp_path):
    toy = clinical_study(tmp_path, {(5e-3,): (1, 1), (5e-4,): (0, 0)})
    results = read_results(toy.folder)
    table, facts = measure_study(results)
    older = table[table["run"] != "run-0p0005-1"]
    findings = clinical_findings(results, older, facts)
    assert findings.not_measured == 1
    assert "Networks left out" in topics(findings)
    with pytest.raises(StudyError, match="no network of study 'toy' tested a whole patient"):
        clinical_findings(results, table[table["run"] == REFERENCE], facts)


def test_a_search_is_refused(found, tmp_path):
    toy = clinical_study(tmp_path, {(5e-3,): (1, 1), (5e-4,): (0, 0)})
    results = read_results(toy.folder)
    search = results.study.model_copy(update={"tune": object()})
    with pytest.raises(StudyError, match="is a search"):
        measure_study(replace(results, study=search))


def test_the_csv_names_value_and_seed(found, tmp_path):
    toy = clinical_study(tmp_path, {(5e-3,): (1, 1), (5e-4,): (0, 0)})
    results = read_results(toy.folder)
    table, _ = measure_study(results)
    write_patients_csv(results, table, tmp_path / "p.csv")
    written = pd.read_csv(tmp_path / "p.csv")
    assert len(written) == len(table)
    assert set(written["value"]) == {"reference", "0.005", "0.0005"}
    of_network = written[written["run"] == "run-0p005-1"]
    assert set(of_network["seed"]) == {1}
    np.testing.assert_allclose(written["infarct_percent"], table["infarct_percent"])


SHIFTS = {(5e-3,): (1, 1), (5e-4,): (0, 0)}


def test_segments_of_two_kinds_are_not_mixed(tmp_path):
    """Insertions of half of the patients: the others' sectors are left out of counts."""
    file = tmp_path / "rv.csv"
    lines = [f"P{k:02d},8,13,32,13" for k in range(0, 20, 2)]
    file.write_text("patient,anterior_y,anterior_x,inferior_y,inferior_x\n" + "\n".join(lines))
    findings, table = concluded(clinical_study(tmp_path, SHIFTS), Options(insertions=file))
    aligned = table[table["aha_aligned"].eq(True)]
    assert 0 < findings.facts.aligned < findings.facts.patients
    of_reference = aligned.loc[aligned["run"] == REFERENCE, "segments_above_50"]
    assert findings.extras[0].reference_segments_above_50 == pytest.approx(of_reference.mean())
    assert "They are left out where segments are counted" in dict(warnings(findings))["Segments"]


def test_a_segment_without_a_wall_is_not_in_the_right_class(tmp_path):
    findings, _ = concluded(clinical_study(tmp_path, {(5e-3,): (0, DIVERGED), (5e-4,): (0, 0)}))
    half, exact = findings.extras
    assert (half.same_class, exact.same_class) == (0.5, 1)


def test_patients_without_myocardium_in_the_reference_are_left_out(tmp_path):
    data = cohort(tmp_path / "data", blank=12)
    findings, table = concluded(clinical_study(tmp_path, SHIFTS, data=data))
    blank = {name for name in table["patient"] if int(name[1:]) < 12}
    assert set(findings.blank) == blank
    size = findings.of("infarct_percent")
    assert set(size.table.patients) == set(table["patient"]) - blank
    assert "No myocardium in the reference" in topics(findings)


def test_no_myocardium_at_all_is_an_error(tmp_path):
    toy = clinical_study(tmp_path, SHIFTS, data=cohort(tmp_path / "data", blank=20))
    with pytest.raises(StudyError, match="none of the patients has myocardium in the reference"):
        concluded(toy)


def test_without_any_infarct_there_is_no_concordance_and_no_noise_of_readers(tmp_path):
    data = cohort(tmp_path / "data", scarred=False)
    findings, _ = concluded(clinical_study(tmp_path, {(5e-3,): (2, 2), (5e-4,): (0, 0)}, data=data))
    size = findings.of("infarct_percent")
    assert size.agreement.reference_mean == 0
    assert all(np.isnan(one.concordance) for one in size.agreement.values)
    assert findings.extras[0].false_infarct == findings.extras[0].without_infarct == 10
    text = told(findings)
    assert "larger with L2 strength 0.005" in text
    assert "coefficient of variation" not in text


def test_one_patient(tmp_path):
    """Intervals over networks remain; limits of agreement need several patients."""
    toy = clinical_study(tmp_path, SHIFTS, data=cohort(tmp_path / "data", patients=3))
    findings, _ = concluded(toy)
    assert findings.facts.patients == 1
    value = findings.of("infarct_percent").agreement.values[0]
    assert np.isnan([value.sd, value.limit_error, value.concordance]).all()
    text = told(findings)
    assert "(mean " in text
    assert "limits of agreement" not in text
    assert "nan" not in text
    assert "new networks, for these very patients only" in text


def test_one_value_is_compared_with_the_reference_only(tmp_path):
    findings, _ = concluded(clinical_study(tmp_path, {(5e-4,): (1, 1)}))
    assert "one value, so there is nothing to compare it with" in told(findings)


def test_a_value_that_lacks_a_seed_takes_part(tmp_path):
    findings, _ = concluded(clinical_study(tmp_path, {(5e-3,): (1, 1, 1), (5e-4,): (0, 0)}))
    three, two = findings.of("infarct_percent").agreement.values
    assert (three.networks, two.networks) == (3, 2)
    assert np.isfinite([two.limit_error, two.bias.low, three.bias.low]).all()


def test_folds_count_each_patient_once(tmp_path):
    """Two repeats of two folds: four networks per value, each patient tested by two of them."""
    shifts = {(5e-3,): (2, 2, 2, 2), (5e-4,): (0, 0, 0, 0)}
    replicates = {"design": "folds", "repeats": 2, "folds": 2}
    toy = clinical_study(tmp_path, shifts, replicates=replicates)
    findings, table = concluded(toy)
    counts = read_results(toy.folder).counts
    for run, rows in table[table["run"] != REFERENCE].groupby("run"):
        of_run = counts[counts["run"] == run]
        assert set(of_run["part"]) >= {"validation", "test"}
        assert set(rows["patient"]) == set(of_run.loc[of_run["part"] == "test", "patient"])
    assert findings.facts.patients == 20
    false, exact = findings.extras
    assert (false.false_infarct, false.without_infarct, exact.false_infarct) == (5, 5, 0)
    size = findings.of("infarct_percent").agreement.values[0]
    assert (size.networks, size.patients) == (4, 20)
    assert size.lower < size.bias.difference < size.upper
    assert np.isfinite(size.limit_error)
