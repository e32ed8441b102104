"""The table of clinical measures: every row by hand from masks that are known."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from tests.analysis.clinical.cohort import (
    FIVE,
    THREE,
    VOXEL_G,
    WITHOUT_INFARCT,
    clinical_study,
    cohort,
    heart,
    thicker,
)

from myosweep.analysis.clinical.cautions import warnings
from myosweep.analysis.clinical.findings import clinical_findings
from myosweep.analysis.clinical.measure import REFERENCE
from myosweep.analysis.clinical.run import Options, measure_study
from myosweep.data.store import open_dataset
from myosweep.errors import InputError, StudyError
from myosweep.results.clinical import read_clinical, write_clinical
from myosweep.results.layout import StudyFolder
from myosweep.results.read import read_results

FEW = {(5e-3,): (1, 1), (5e-4,): (0, 0)}


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    return clinical_study(tmp_path_factory.mktemp("clinical"))


@pytest.fixture(scope="module")
def measured(toy):
    return measure_study(read_results(toy.folder))


def of_run(table, name):
    return table[table["run"] == name].set_index("patient")


def test_a_row_for_each_run_and_patient(toy, measured):
    table, facts = measured
    patients = {key.split("_")[0] for key in toy.split.test}
    assert len(patients) == 10
    runs = {REFERENCE, *read_results(toy.folder).networks["run"]}
    assert set(table.groupby("run")["patient"].agg(set).map(frozenset)) == {frozenset(patients)}
    assert set(table["run"]) == runs
    assert len(table) == len(runs) * 10
    assert (facts.part, facts.patients, facts.spacing_known) == ("test", 10, 10)
    assert (facts.gaps, facts.partial, facts.several_spacings) == ((), (), ())
    assert (facts.tells_infarct, facts.n_sd, facts.oval) == (True, None, 0)


def test_the_reference_by_hand(measured):
    reference = of_run(measured[0], REFERENCE)
    for patient, row in reference.iterrows():
        codes = heart(int(patient[1:]))
        pixels = {code: 3 * int((codes == code).sum()) for code in range(5)}
        wall, scar = pixels[2] + pixels[3] + pixels[4], pixels[3] + pixels[4]
        assert row["myocardium_g"] == pytest.approx(wall * VOXEL_G)
        assert row["cavity_ml"] == pytest.approx(pixels[1] * VOXEL_G / 1.05)
        assert row["infarct_g"] == pytest.approx(scar * VOXEL_G)
        assert row["infarct_percent"] == pytest.approx(100 * scar / wall)
        assert row["infarct_percent_apex"] == pytest.approx(100 * scar / wall)
        assert row["no_reflow_percent"] == pytest.approx(100 * pixels[4] / wall)
        assert bool(row["aha_aligned"]) is False


def test_an_exact_network_measures_what_the_reference_does(measured):
    table = measured[0]
    exact, reference = of_run(table, "run-0p0005-1"), of_run(table, REFERENCE)
    same = [name for name in reference if name.endswith(("_px", "_g", "_percent", "_ml"))]
    same = [name for name in same if not name.startswith("false")]
    pd.testing.assert_frame_equal(exact[same], reference[same])
    assert (exact[["endo_p95_mm", "epi_p95_mm"]] == 0).all(axis=None)
    assert (exact["emidec_dice_myocardium"] == 1).all()
    assert (exact["emidec_hausdorff_official"] == 0).all()


def test_false_infarct_is_told_in_patients_without(measured):
    table = measured[0]
    none, false = (of_run(table, f"run-{name}") for name in ("0p005-0", "0p005-2"))
    without = [name for name in false.index if int(name[1:]) % 4 == WITHOUT_INFARCT]
    assert without
    assert (false.loc[without, "false_infarct_g"] > 0).all()
    assert (none.loc[without, "false_infarct_px"] == 0).all()
    assert false.drop(index=without)["false_infarct_px"].isna().all()


def test_a_larger_infarct_is_seen_and_mass_is_the_same(measured):
    table = measured[0]
    larger, reference = of_run(table, "run-0p005-0"), of_run(table, REFERENCE)
    scarred = reference.index[reference["infarct_px"] > 0]
    assert (
        larger.loc[scarred, "infarct_percent"] > reference.loc[scarred, "infarct_percent"]
    ).all()
    assert (larger["myocardium_g"] == reference["myocardium_g"]).all()
    assert (larger["segments_above_50"] >= reference["segments_above_50"]).all()


def test_the_table_is_kept_in_the_study(toy, measured):
    folder = StudyFolder(toy.folder)
    write_clinical(folder, *measured)
    table, facts = read_clinical(folder)
    assert facts == measured[1]
    pd.testing.assert_frame_equal(table, measured[0].reset_index(drop=True), check_dtype=False)
    folder.clinical.write_bytes(b"nonsense")
    with pytest.raises(StudyError, match="clinical measures in clinical/ are damaged"):
        read_clinical(folder)
    folder.clinical.with_name("about.json").unlink()
    assert read_clinical(folder) is None


def test_unknown_spacing_gives_pixels_and_shares_only(tmp_path):
    unknown = {"spacing_mm": None, "slice_spacing_mm": None}
    toy = clinical_study(tmp_path, data=cohort(tmp_path / "data", **unknown))
    table, facts = measure_study(read_results(toy.folder))
    assert (facts.spacing_known, facts.in_plane_known, facts.aligned) == (0, 0, 0)
    assert (table["myocardium_px"] > 0).all()
    assert table[["myocardium_g", "infarct_g", "cavity_ml"]].isna().all(axis=None)
    assert table["infarct_percent"].notna().all()
    forbidden = ("_mm", "transmurality", "segments", "emidec")
    assert not [name for name in table if any(word in name for word in forbidden)]


def test_in_plane_spacing_alone_gives_lengths_but_no_volumes(tmp_path):
    toy = clinical_study(tmp_path, data=cohort(tmp_path / "data", slice_spacing_mm=None))
    table, facts = measure_study(read_results(toy.folder))
    assert (facts.in_plane_known, facts.spacing_known) == (10, 0)
    assert table["myocardium_g"].isna().all()
    assert "epi_mean_mm" in table
    assert "emidec_dice_myocardium" not in table


def test_insertions_and_levels_give_aha_segments(tmp_path):
    file = tmp_path / "rv.csv"
    lines = [f"P{k:02d},8,13,32,13" for k in range(20)]
    file.write_text("patient,anterior_y,anterior_x,inferior_y,inferior_x\n" + "\n".join(lines))
    toy = clinical_study(tmp_path)
    table, facts = measure_study(read_results(toy.folder), Options(insertions=file))
    assert facts.aligned == 10
    assert table["aha_aligned"].all()
    reference = of_run(table, REFERENCE)
    scarred = reference[reference["infarct_px"] > 0]
    # the infarct is on the image's right, and the septum on its left: lateral, not septal
    assert (scarred[["transmurality_5", "transmurality_6"]].to_numpy() > 20).all()
    assert (scarred[["transmurality_2", "transmurality_3"]] == 0).all(axis=None)


def test_three_regions_are_measured_by_thresholds(tmp_path):
    data = cohort(tmp_path / "data", scheme=THREE)
    shifts = {(5e-3,): (1, 1), (5e-4,): (0, 0)}
    toy = clinical_study(tmp_path, shifts, data=data, scheme=THREE, answer=thicker)
    table, facts = measure_study(read_results(toy.folder), Options(scheme=FIVE))
    assert (facts.n_sd, facts.half_maximum, facts.tells_infarct) == (5.0, False, True)
    reference, exact = of_run(table, REFERENCE), of_run(table, "run-0p0005-0")
    np.testing.assert_array_equal(exact["infarct_sd_percent"], reference["infarct_sd_percent"])
    manual = reference["infarct_percent"] - reference["no_reflow_percent"]
    assert (abs(reference["infarct_sd_percent"] - manual) < 1).all()
    assert exact["infarct_percent"].isna().all()
    assert table["infarct_fwhm_percent"].isna().all()
    thick = of_run(table, "run-0p005-0")
    assert (thick["epi_mean_mm"] > 1.5).all()
    table, facts = measure_study(read_results(toy.folder), Options(scheme=FIVE, signal_zero=0.0))
    assert facts.half_maximum
    assert table["infarct_fwhm_percent"].notna().all()


def test_a_split_by_slice_has_partial_stacks(tmp_path):
    toy = clinical_study(tmp_path)
    results = read_results(toy.folder)
    counts = results.counts[~results.counts["slice"].str.endswith("_000")]
    results = replace(results, counts=counts)
    _, facts = measure_study(results)
    assert len(facts.partial) == 10


def test_one_stack_is_measured_of_patients_who_have_two(shell, tmp_path):
    folder = cohort(tmp_path / "data", patients=8).folder
    table = pd.read_parquet(folder / "slices.parquet")
    table["stack"], table["place"] = [1, 1, 2] * 8, [1, 3, 1] * 8
    table.to_parquet(folder / "slices.parquet")
    toy = clinical_study(tmp_path, FEW, data=open_dataset(folder))
    results = read_results(toy.folder)
    shell("clinical", toy.folder, code=2)
    assert "several stacks of slices" in shell.err
    measured, facts = measure_study(results, Options(stack=1))
    patients = tuple(sorted(measured["patient"].unique()))
    assert (facts.several_stacks, facts.stack, facts.gaps) == (patients, 1, patients)
    assert facts.partial == ()
    reference = of_run(measured, REFERENCE)
    for patient, row in reference.iterrows():
        codes = heart(int(patient[1:]))
        assert row["myocardium_g"] == pytest.approx(2 * np.isin(codes, [2, 3, 4]).sum() * VOXEL_G)
    networks = measured[measured["run"] != REFERENCE]
    assert networks[["emidec_hausdorff_mm", "emidec_hausdorff_official"]].isna().all(axis=None)
    assert networks["emidec_dice_myocardium"].notna().all()
    said = dict(warnings(clinical_findings(results, measured, facts)))
    assert "stack 1 was measured" in said["Several stacks"]
    assert "missing between others" in said["Incomplete stacks"]
    assert "Conclusion" in shell("clinical", toy.folder, "--stack", "2")


def test_older_imports_of_segment_and_dicom_are_told(tmp_path):
    folder = cohort(tmp_path / "data", patients=8).folder
    manifest = folder / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"toy"', '"DICOM"'))
    results = read_results(clinical_study(tmp_path, FEW, data=open_dataset(folder)).folder)
    table, facts = measure_study(results)
    assert not facts.places_known
    said = dict(warnings(clinical_findings(results, table, facts)))
    assert said["Older import"].startswith("The dataset was imported by an older myosweep")


def test_regions_with_other_names_are_said_and_named(toy):
    results = read_results(toy.folder)
    strange = type(FIVE).parse(["back=0", "hole=1", "muscle=2,3,4"])
    with pytest.raises(InputError, match="need the cavity"):
        measure_study(results, Options(scheme=strange))
    named = {"hole": "cavity", "muscle": "myocardium"}
    table, facts = measure_study(results, Options(scheme=strange, named=named))
    assert not facts.tells_infarct
    assert of_run(table, REFERENCE)["infarct_percent"].isna().all()
    wrong = r"no region 'musscle' to be named .* 'blood pool', .* 'back', 'hole', 'muscle'"
    with pytest.raises(InputError, match=wrong):
        measure_study(results, Options(scheme=strange, named={**named, "musscle": "infarct"}))


def test_stretched_hearts_are_counted(tmp_path):
    data = cohort(tmp_path / "data", stretch=1.5)
    _, facts = measure_study(read_results(clinical_study(tmp_path, data=data).folder))
    assert facts.oval == facts.patients == 10
