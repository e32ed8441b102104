"""Export: what was written is imported again as the same pixels, whole or not at all."""

import csv
import json
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from myosweep.data.export import Kind, export_dataset, name_pattern
from myosweep.data.export.nifti import region_numbers
from myosweep.data.names import NamePattern, SliceName
from myosweep.data.nifti import import_nifti
from myosweep.data.nifti.layouts import default_scheme
from myosweep.data.normalise import Normaliser
from myosweep.data.png import import_png
from myosweep.data.raster import read_raster
from myosweep.data.rules import Rules
from myosweep.data.store import Dataset, new_dataset, open_dataset
from myosweep.errors import DatasetError
from myosweep.regions import NO_REGION, RegionScheme, read_scheme

SCHEME = RegionScheme.parse(["background=0,5", "blood pool=1", "myocardium=2,3,4"], [7, 300])
PLAIN = RegionScheme.parse(["background=0", "blood pool=1", "myocardium=2"])
KINDS: tuple[Kind, ...] = ("png", "nifti", "nnunet", "paper")
KNOWN = {"site": 'A "north", east', "vendor": "Ü", "level": "base"}
SPACING = {"spacing_mm": 1.4, "slice_spacing_mm": 8.5}


def made(
    folder: Path,
    names: list[tuple[str, str]],
    *,
    scheme: RegionScheme = SCHEME,
    types: tuple[type, type] = (np.uint16, np.uint16),
    padding: int | None = None,
    **row: Any,
) -> Dataset:
    """A dataset of 9 x 7 pixels, in which no two slices are alike and every code is used."""
    rng = np.random.default_rng(0)
    codes = np.array(sorted(scheme.codes), types[1])
    kinds = np.dtype(types[0]), np.dtype(types[1])
    with new_dataset(folder, *kinds, scheme, {"kind": "test"}) as draft:
        draft.padding = padding
        for patient, label in names:
            image = rng.integers(0, np.iinfo(types[0]).max, (9, 7), types[0])
            labels = codes[rng.integers(0, len(codes), (9, 7))]
            draft.append(image, labels, slice=f"{patient}_{label}", patient=patient, **row)
    return open_dataset(folder)


NAMES = [("P2", "000"), ("P2", "001"), ("P2", "002"), ("P10", "000"), ("P10", "001")]


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return made(tmp_path / "dataset", NAMES, **KNOWN, **SPACING)


def import_again(folder: Path, kind: Kind, out: Path) -> Dataset:
    """What the command in README.txt does."""
    table = folder / "slices.csv"
    if kind in ("png", "paper"):
        words = shlex.split((folder / "README.txt").read_text(encoding="utf-8"))
        pattern = words[words.index("--patient") + 1]
        scheme = read_scheme(folder / "regions.toml")
        images, masks = folder / "images", folder / "masks"
        return import_png(images, masks, out, patient=pattern, scheme=scheme, table=table)
    if kind == "nifti":
        rules = Rules(read_scheme(folder / "regions.toml"), table=table)
        images, masks = folder / "images", folder / "masks"
        return import_nifti(images, masks, out, rules=rules, patient=".+")[0]
    scheme_ = default_scheme("nnunet", folder)
    assert scheme_ is not None
    rules = Rules(scheme_, table=table)
    return import_nifti(folder, None, out, rules=rules, layout="nnunet")[0]


@pytest.mark.parametrize("kind", ["png", "nifti"])
@pytest.mark.parametrize("types", [(np.uint8, np.uint8), (np.uint16, np.uint8), (np.uint16,) * 2])
@pytest.mark.parametrize("known", [{}, KNOWN, {**KNOWN, **SPACING}])
def test_an_import_gives_the_same_pixels_and_descriptions(
    tmp_path: Path, kind: Kind, types: tuple[type, type], known: dict[str, Any]
) -> None:
    scheme = SCHEME if types[1] == np.uint16 else PLAIN
    dataset = made(tmp_path / "dataset", NAMES, scheme=scheme, types=types, **known)
    findings = export_dataset(dataset, tmp_path / "out", kind)
    assert (findings.kind, findings.slices, findings.patients) == (kind, 5, 2)
    again = import_again(tmp_path / "out", kind, tmp_path / "again")
    assert again.manifest.pixel_hash == dataset.manifest.pixel_hash
    assert again.scheme == dataset.scheme
    columns = ["slice", "patient", *KNOWN, *SPACING]
    assert again.slices[columns].equals(dataset.slices[columns])


@pytest.mark.parametrize("kind", ["png", "nifti"])
def test_stacks_and_places_come_back_and_volumes_that_mix_them_are_told(
    tmp_path: Path, kind: Kind
) -> None:
    plain = made(tmp_path / "dataset", NAMES, scheme=PLAIN, **SPACING)
    numbers = {"stack": [1, 1, 2, 1, 1], "place": [2, 4, 1, 1, 3]}
    table = plain.slices.assign(**numbers).astype(dict.fromkeys(numbers, "Int64"))
    findings = export_dataset(replace(plain, slices=table), tmp_path / "out", kind)
    told = [warning for warning in findings.warnings if "stack and place" in warning]
    assert [warning.split(":")[0] for warning in told] == (
        [
            "Of 1 patients (such as P2) several stacks follow each other in one volume",
            "Of 1 patients (such as P10) slices are missing between others, and the volume closes "
            "up",
        ]
        if kind == "nifti"
        else []
    )
    again = import_again(tmp_path / "out", kind, tmp_path / "again").slices
    assert {name: again[name].tolist() for name in numbers} == numbers


def test_nnunet_gets_the_same_images_and_regions(tmp_path: Path, dataset: Dataset) -> None:
    findings = export_dataset(dataset, tmp_path / "out", "nnunet")
    content = json.loads((tmp_path / "out" / "dataset.json").read_text())
    assert content == {
        "channel_names": {"0": "LGE"},
        "labels": {"background": 0, "blood pool": 1, "myocardium": 2, "ignore": 3},
        "numTraining": 2,
        "file_ending": ".nii.gz",
    }
    assert sorted(path.name for path in (tmp_path / "out" / "imagesTr").iterdir()) == [
        "P10_0000.nii.gz",
        "P2_0000.nii.gz",
    ]
    mask = nib.load(tmp_path / "out" / "labelsTr" / "P2.nii.gz")
    assert mask.get_data_dtype() == np.uint8
    assert set(np.unique(mask.dataobj)) == {0, 1, 2, 3}
    assert "background 0, blood pool 1, myocardium 2, ignore 3" in findings.warnings[0]
    again = import_again(tmp_path / "out", "nnunet", tmp_path / "again")
    np.testing.assert_array_equal(again.images, dataset.images)
    expected = dataset.reference(dataset.scheme)
    np.testing.assert_array_equal(again.reference(again.scheme), expected)
    assert (expected == NO_REGION).any()


@pytest.mark.parametrize(
    ("definitions", "labels", "numbers"),
    [
        (["background=3", "a=1,2", "b=0"], {"background": 0, "a": 1, "b": 2}, [0, 1, 2]),
        (["a=1,2", "background=3", "b=0"], {"a": 1, "background": 0, "b": 2}, [1, 0, 2]),
        (["nothing=1", "a=0"], {"background": 0, "a": 1}, [0, 1]),
    ],
)
def test_nnunets_numbers(
    definitions: list[str], labels: dict[str, int], numbers: list[int]
) -> None:
    found, table = region_numbers(RegionScheme.parse(definitions))
    assert list(found.items()) == list(labels.items())
    assert table[: len(numbers)].tolist() == numbers
    found, table = region_numbers(RegionScheme.parse(definitions, [9]))
    assert (found["ignore"], table[NO_REGION]) == (len(numbers), len(numbers))


def test_a_region_called_ignore_is_refused_for_nnunet(tmp_path: Path) -> None:
    scheme = RegionScheme.parse(["background=0", "ignore=1"])
    dataset = made(tmp_path / "dataset", NAMES, scheme=scheme)
    with pytest.raises(DatasetError, match="nnU-Net leaves out what is called 'ignore'"):
        export_dataset(dataset, tmp_path / "out", "nnunet")
    assert not (tmp_path / "out").exists()


def test_a_volume_holds_columns_rows_and_slices(tmp_path: Path, dataset: Dataset) -> None:
    export_dataset(dataset, tmp_path / "out", "nifti")
    volume = nib.load(tmp_path / "out" / "images" / "P10.nii.gz")
    assert volume.shape == (7, 9, 2)
    assert np.asarray(volume.dataobj)[4, 6, 1] == dataset.images[4, 6, 4]
    assert volume.header.get_zooms() == pytest.approx((1.4, 1.4, 8.5))
    assert volume.header.get_xyzt_units()[0] == "mm"
    codes = (volume.header["qform_code"], volume.header["sform_code"])
    assert codes == (0, 0), "nobody knows how the patient lies"


@pytest.mark.parametrize("kind", ["nifti", "nnunet"])
def test_a_spacing_that_is_not_known_or_not_one_is_no_spacing(tmp_path: Path, kind: Kind) -> None:
    half = made(tmp_path / "half", NAMES, spacing_mm=1.4)
    findings = export_dataset(half, tmp_path / "out", kind)
    assert findings.warnings[-1] == (
        "Of 2 patients (such as P2) the spacing of pixels or slices is not known: their volumes "
        "say 1 mm and no unit, which means nothing; slices.csv has what is known."
    )
    folder = "images/P2" if kind == "nifti" else "imagesTr/P2_0000"
    header = nib.load(tmp_path / "out" / f"{folder}.nii.gz").header
    assert (header.get_zooms(), header.get_xyzt_units()[0]) == ((1, 1, 1), "unknown")
    again = import_again(tmp_path / "out", kind, tmp_path / "again")
    assert set(again.slices["spacing_mm"]) == {1.4}
    assert again.slices["slice_spacing_mm"].isna().all()
    table = half.slices.assign(spacing_mm=[1.4, 1.5, 1.4, 1.6, 1.6], slice_spacing_mm=8.0)
    findings = export_dataset(replace(half, slices=table), tmp_path / "out2", kind)
    assert findings.warnings[-1].startswith("Of 1 patients (such as P2) the slices have different")
    header = nib.load(tmp_path / "out2" / f"{folder}.nii.gz").header
    assert header.get_zooms() == (1, 1, 1)


def test_more_slices_than_pixels_stay_slices(tmp_path: Path) -> None:
    dataset = made(tmp_path / "dataset", [("P1", f"{number:03d}") for number in range(12)])
    export_dataset(dataset, tmp_path / "out", "nifti")
    again = import_again(tmp_path / "out", "nifti", tmp_path / "again")
    assert again.manifest.pixel_hash == dataset.manifest.pixel_hash


@pytest.mark.parametrize("types", [(np.uint8, np.uint8), (np.uint16, np.uint8)])
def test_the_papers_masks_are_white_grey_and_black(
    tmp_path: Path, types: tuple[type, type]
) -> None:
    dataset = made(tmp_path / "dataset", NAMES, scheme=PLAIN, types=types)
    findings = export_dataset(dataset, tmp_path / "out", "paper")
    mask = read_raster(tmp_path / "out" / "masks" / "P2_001.png", labels=True)
    expected = np.array([255, 128, 0], np.uint8)[dataset.labels[1]]
    np.testing.assert_array_equal(mask, expected)
    image = read_raster(tmp_path / "out" / "images" / "P2_001.png")
    assert image.dtype == np.uint8
    again = import_again(tmp_path / "out", "paper", tmp_path / "again")
    np.testing.assert_array_equal(again.reference(again.scheme), dataset.reference(dataset.scheme))
    if types[0] == np.uint8:
        np.testing.assert_array_equal(again.images, dataset.images)
        assert findings.warnings == ()
    else:
        low, high = np.percentile(dataset.images, (0.1, 99.9), method="inverted_cdf")
        grey = Normaliser("zero-centre", float(low), float(high)).grey(dataset.images[1])
        np.testing.assert_array_equal(image, np.rint(grey).astype(np.uint8))
        assert f"{low:.0f} became 0 and {high:.0f} became 255" in findings.warnings[0]
        assert findings.warnings[0] in (tmp_path / "out" / "README.txt").read_text()


@pytest.mark.parametrize(
    ("scheme", "message"),
    [
        (["background=0", "myocardium=1", "blood pool=2"], "the dataset's 'background', 'myocar"),
        (["background=0", "blood pool=1"], "import the data again with --regions three"),
        (["lung=0", "blood pool=1", "myocardium=2"], "the paper's regions are 'background', 'bl"),
    ],
)
def test_other_regions_than_the_papers_are_refused(
    tmp_path: Path, scheme: list[str], message: str
) -> None:
    dataset = made(tmp_path / "dataset", NAMES, scheme=RegionScheme.parse(scheme))
    with pytest.raises(DatasetError, match=message):
        export_dataset(dataset, tmp_path / "out", "paper")
    assert [path.name for path in tmp_path.iterdir()] == ["dataset"], "nothing half-made is left"


def test_ignored_pixels_have_no_grey_level_in_the_paper(tmp_path: Path, dataset: Dataset) -> None:
    with pytest.raises(DatasetError, match="no grey level for ignored pixels"):
        export_dataset(dataset, tmp_path / "out", "paper")
    assert not (tmp_path / "out").exists()


def test_the_table_and_readme_tell_what_there_is(tmp_path: Path, dataset: Dataset) -> None:
    calls: list[tuple[int, int]] = []
    findings = export_dataset(dataset, tmp_path / "out", "png", lambda *done: calls.append(done))
    assert calls == [(number, 5) for number in range(1, 6)]
    assert findings.command == (
        'myosweep import png images masks DATASET --patient "^(?P<patient>.+)_(?P<slice>[^_]+)$" '
        "--regions regions.toml --table slices.csv"
    )
    text = (tmp_path / "out" / "README.txt").read_text()
    assert text.startswith("5 slices of 2 patients")
    assert f"\n    {findings.command}\n" in text
    assert str(tmp_path) not in text
    with (tmp_path / "out" / "slices.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert rows[3] == {
        "slice": "P10_000",
        "patient": "P10",
        **KNOWN,
        "spacing_mm": "1.4",
        "slice_spacing_mm": "8.5",
    }
    with Image.open(tmp_path / "out" / "images" / "P10_000.png") as image:
        assert image.mode.startswith("I;16")


def test_what_the_user_must_mind_is_said(tmp_path: Path) -> None:
    names = [("P10", "000"), ("P2", "000")]
    dataset = made(tmp_path / "dataset", names, padding=7)
    twice = dataset.slices.assign(image_hash="same")
    findings = export_dataset(replace(dataset, slices=twice), tmp_path / "out", "png")
    assert findings.command.endswith(" --allow-duplicates")
    stated = dataset.manifest.model_copy(update={"source": {"licence": "CC BY 4.0"}})
    licensed = export_dataset(replace(dataset, manifest=stated), tmp_path / "licensed", "png")
    assert licensed.command.endswith(' --licence "CC BY 4.0"')
    assert [warning[:30] for warning in findings.warnings] == [
        "An import takes patients and s",
        "Pixels beyond the source image",
    ]


def test_a_patient_without_any_region_is_told(tmp_path: Path) -> None:
    dataset = made(tmp_path / "dataset", NAMES, scheme=PLAIN)
    labels = np.array(dataset.labels)
    labels[:3] = 0
    findings = export_dataset(replace(dataset, labels=labels), tmp_path / "out", "nnunet")
    told = [warning for warning in findings.warnings if "has no region in any slice" in warning]
    assert len(told) == 1
    assert "'P2'" in told[0]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("patient", "fault"),
    [
        ("../x", "holds '/'"),
        ("a\\b", r"holds '\\\\'"),
        ("a:b", "holds ':'"),
        ("a\nb", r"holds '\\n'"),
        (".a", "begins or ends with a dot or a space"),
        (" a", "begins or ends with a dot or a space"),
        ("aux.b", "is reserved on Windows"),
        ("x" * 200, "is longer than 150 bytes"),
    ],
)
def test_names_that_no_file_may_have_are_refused(
    tmp_path: Path, kind: Kind, patient: str, fault: str
) -> None:
    dataset = made(tmp_path / "dataset", [(patient, "000")], scheme=PLAIN)
    with pytest.raises(DatasetError, match=f"is no safe file name: it {fault}; import the data"):
        export_dataset(dataset, tmp_path / "out", kind)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("patient", ["CON", "lpt1", "a.", "a "])
def test_names_that_no_volume_may_have_are_refused(tmp_path: Path, patient: str) -> None:
    dataset = made(tmp_path / "dataset", [(patient, "000")], scheme=PLAIN)
    with pytest.raises(DatasetError, match="is no safe file name"):
        export_dataset(dataset, tmp_path / "out", "nifti")


@pytest.mark.parametrize("patient", ["Müller 7", "a+b", "-a"])
def test_nnunets_names_are_plain(tmp_path: Path, patient: str) -> None:
    dataset = made(tmp_path / "dataset", [(patient, "000")], scheme=PLAIN)
    export_dataset(dataset, tmp_path / "nifti", "nifti")
    with pytest.raises(DatasetError, match="it holds characters that nnU-Net does not expect"):
        export_dataset(dataset, tmp_path / "out", "nnunet")


def test_names_that_differ_by_case_alone_are_refused(tmp_path: Path) -> None:
    dataset = made(tmp_path / "dataset", [("Ä1", "0"), ("a\u03081", "0"), ("P1", "0")])
    with pytest.raises(DatasetError, match="are one file name on Windows and macOS") as caught:
        export_dataset(dataset, tmp_path / "out", "nifti")
    assert len(caught.value.problems) == 1


@pytest.mark.parametrize("names", [NAMES, [("Case_N_1", "000"), ("Case_N", "1")], [("P1", "a_b")]])
def test_patients_and_slices_are_found_in_file_names(names: list[tuple[str, str]]) -> None:
    slices = [SliceName(*name) for name in names]
    found, unmatched = NamePattern(name_pattern(slices)).read(one.key for one in slices)
    assert (sorted(found.values()), unmatched) == (sorted(slices), [])


def test_names_that_cannot_be_told_apart_are_refused() -> None:
    with pytest.raises(DatasetError, match="nobody can tell patient from slice"):
        name_pattern([SliceName("a_b", "c_d"), SliceName("P1", "0")])


@pytest.mark.parametrize("kind", KINDS)
def test_a_folder_in_the_way_is_not_touched(tmp_path: Path, dataset: Dataset, kind: Kind) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    with pytest.raises(DatasetError, match="'out' exists already"):
        export_dataset(dataset, tmp_path / "out", kind)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine.txt"]


def test_an_interrupted_export_leaves_nothing(tmp_path: Path, dataset: Dataset) -> None:
    def interrupt(done: int, total: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    for kind in ("png", "nifti", "nnunet"):
        with pytest.raises(KeyboardInterrupt):
            export_dataset(dataset, tmp_path / "out", kind, interrupt)
    assert [path.name for path in tmp_path.iterdir()] == ["dataset"]
