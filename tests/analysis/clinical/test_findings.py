"""What is concluded of a study's values: from masks whose measures are known, in words too."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from tests.analysis.clinical.cohort import FIVE, THREE, clinical_study, cohort, thicker
from tests.toy import DIVERGED

from myosweep.analysis.clinical.findings import clinical_findings
from myosweep.analysis.clinical.measure import REFERENCE
from myosweep.analysis.clinical.run import Options, measure_study
from myosweep.analysis.clinical.table import write_patients_csv
from myosweep.analysis.clinical.words import conclusion_sentences, size_verdict, warnings
from myosweep.errors import StudyError
from myosweep.results.read import read_results


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


def test_mass_does_not_depend_on_the_value(found):
    mass = found[0].of("myocardium_g")
    assert mass.agreement.sizes.comparisons[0].verdict == "practically equivalent"
    text = told(found[0])
    assert "it does not depend on L2 strength by as much as 5 g" in text
    assert "20 to 35 g between seven core labs" in text


def test_the_conclusion_in_words(found):
    text = told(found[0])
    assert text.startswith(
        "Infarct size: L2 strength 0.005 measures 1.6 % more (95 % interval +0.8"
    )
    assert "L2 strength 0.005 is worse than 0.0005" in text
    mean = found[0].of("infarct_percent").agreement.reference_mean
    assert f"here {0.08 * mean:.1f} to {0.15 * mean:.1f} % of the myocardium" in text
    assert "for new networks and new patients" in text
    assert "exploratory" in text


def test_warnings_are_only_what_there_is_to_warn_of(found):
    assert topics(found[0]) == ["Segments"]
    assert "not AHA-aligned, from 0 degrees" in warnings(found[0])[0][1]


def test_extras(found):
    larger, exact = found[0].extras
    assert (exact.same_class, exact.epi_p95_mm, exact.missed_slices) == (1, 0, 0)
    assert exact.segments_above_50 == exact.reference_segments_above_50
    assert larger.same_class < 1
    assert (larger.false_infarct, larger.without_infarct) == (0, 3)


def test_false_infarct_and_nothing_found(tmp_path):
    findings, _ = concluded(clinical_study(tmp_path, {(5e-3,): (2, DIVERGED), (5e-4,): (0, 0)}))
    false, exact = findings.extras
    assert (false.false_infarct, false.without_infarct) == (1.5, 3)  # one network of two, all 3
    assert exact.false_infarct == 0
    assert false.nothing_found == 10
    assert topics(findings) == ["Segments", "Nothing found"]
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
    assert topics(findings) == ["Unknown spacing"]
    assert findings.of("myocardium_g") is None
    assert findings.segments == ()


def test_networks_without_infarct_are_compared_by_thresholds(tmp_path):
    data = cohort(tmp_path / "data", scheme=THREE)
    toy = clinical_study(
        tmp_path, {(5e-3,): (1, 1), (5e-4,): (0, 0)}, data=data, scheme=THREE, answer=thicker
    )
    findings, _ = concluded(toy, Options(scheme=FIVE))
    text = told(findings)
    assert text.startswith("Infarct size (5 SD above remote, inside each network's own myocardium)")
    assert topics(findings) == ["Infarct by thresholds"]
    assert "Half of the maximum is not taken" in dict(warnings(findings))["Infarct by thresholds"]
    with_zero, _ = concluded(toy, Options(scheme=FIVE, signal_zero=0.0, n_sd=3.0))
    assert with_zero.of("infarct_fwhm_percent") is not None
    assert "3 SD above remote" in told(with_zero)


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
