"""Import of Segment files, whole: pixels, table, privacy, damage."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.data.segment_files import (
    CONTAINERS,
    PATHS,
    SECRETS,
    Write,
    cine,
    contours,
    ellipse,
    scar,
    stack,
    write_v7,
    write_v73,
)

from myosweep.data.patient_key import patient_code, read_key
from myosweep.data.rules import Rules
from myosweep.data.segment import import_segment
from myosweep.data.segment.choice import list_segment
from myosweep.data.segment.stacks import SegmentFindings, find_segment_stacks
from myosweep.data.store import Dataset
from myosweep.errors import ConfigError, DatasetError
from myosweep.regions import named_scheme

FIVE = named_scheme("five")
CENTRE = 30.0, 36.0

write_each = pytest.mark.parametrize("write", CONTAINERS.values(), ids=CONTAINERS)


def load(root: Path, *paths: Path, **options: Any) -> tuple[Dataset, SegmentFindings]:
    known: dict[str, Any] = {"rules": Rules(FIVE), "key_file": root / "key"} | options
    return import_segment(list(paths) or [root / "in"], root / "out" / "dataset", **known)


def refusal(root: Path, **options: Any) -> DatasetError:
    """The one error of an import; it must leave nothing behind and tell no secret."""
    with pytest.raises(DatasetError) as caught:
        load(root, **options)
    assert not list((root / "out").glob("*"))
    assert "SECRET" not in str(caught.value)
    assert str(root) not in str(caught.value)
    return caught.value


def heart(slices: int = 6, **fields: Any) -> dict[str, Any]:
    """Ellipses that shrink towards the apex, on 64 x 72 pixels; the last slice has none."""
    endo, epi = (
        {at: ellipse(CENTRE, (radii[0] - at, radii[1] - at)) for at in range(slices - 1)}
        for radii in ((11.0, 13.0), (17.0, 20.0))
    )
    image = np.random.default_rng(0).random((64, 72, 1, slices)).astype(np.float32)
    known = {"IM": image, "XSize": 64, "YSize": 72, "IntensityScaling": 500} | fields
    return stack(slices, **contours("Endo", endo, slices), **contours("Epi", epi, slices), **known)


def inside(radii_yx: tuple[float, float], grow: float) -> np.ndarray:
    y, x = np.mgrid[:64, :72]
    away = ((y - CENTRE[0]) / (radii_yx[0] + grow)) ** 2
    return away + ((x - CENTRE[1]) / (radii_yx[1] + grow)) ** 2 <= 1


@write_each
def test_a_heart_is_imported_as_it_was_drawn(tmp_path: Path, write: Write) -> None:
    (tmp_path / "in").mkdir()
    fields = heart()
    write(tmp_path / "in" / "a.mat", [cine(), fields])
    dataset, findings = load(tmp_path)
    assert (len(dataset), findings.uncontoured, findings.incomplete) == (5, 1, 0)
    for at in range(5):
        endo, epi = (11.0 - at, 13.0 - at), (17.0 - at, 20.0 - at)
        blood, whole = dataset.labels[at] == 1, dataset.labels[at] > 0
        for mask, radii in ((blood, endo), (whole, epi)):
            assert not (mask & ~inside(radii, 0.7)).any()
            assert not (inside(radii, -0.7) & ~mask).any()
        assert set(np.unique(dataset.labels[at])) == {0, 1, 2}
    rows = dataset.slices
    assert rows["level"].tolist() == ["base", "middle", "middle", "middle", "apex"]
    assert rows["spacing_mm"].tolist() == [1.5] * 5
    assert rows["slice_spacing_mm"].tolist() == [10] * 5
    assert rows["vendor"].tolist() == ["Siemens"] * 5
    code = patient_code(SECRETS["ID"], read_key(tmp_path / "key"))
    assert rows["slice"].tolist() == [f"{code}_{at:03d}" for at in range(5)]
    values = dataset.images * rows["signal_slope"].iloc[0] + rows["signal_offset"].iloc[0]
    np.testing.assert_allclose(
        values, np.moveaxis(fields["IM"][:, :, 0, :5], 2, 0) * 500, atol=5e-3
    )
    assert dataset.manifest.source == {
        "kind": "Segment",
        "patient_pattern": None,
        "stack": None,
        "uncontoured": "leave-out",
        "files": 1,
        "uncontoured_slices": 1,
        "incomplete_slices": 0,
        "crop": None,
        "crop_around": None,
    }


def test_a_crop_follows_the_contours(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    write_v7(tmp_path / "in" / "a.mat", [heart()])
    dataset, _ = load(tmp_path, rules=Rules(FIVE, crop=48, crop_around="masks"))
    assert dataset.images.shape == (5, 48, 48)
    first = dataset.slices.iloc[0]  # the largest outline holds the rows 14..46, columns 17..56
    assert (first["crop_top"], first["crop_left"]) == (6, 13)


def test_background_on_demand(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    write_v73(tmp_path / "in" / "a.mat", [heart()])
    dataset, _ = load(tmp_path, uncontoured="background")
    assert [bool(labels.any()) for labels in dataset.labels] == [True] * 5 + [False]


def test_files_of_one_patient_are_numbered_on(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for number in (1, 2):
        image = np.random.default_rng(number).random((64, 72, 1, 3))
        write_v7(tmp_path / "in" / f"P1-{number}.mat", [heart(3, IM=image)])
    dataset, findings = load(tmp_path, patient=r"P\d+", key_file=None)
    assert dataset.slices["slice"].tolist() == [f"P1_{at:03d}" for at in range(4)]
    assert [one.file for one in findings.chosen] == ["P1-1.mat", "P1-2.mat"]
    assert dataset.slices["stack"].tolist() == [1, 1, 2, 2]


def test_slices_keep_their_number_where_others_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    write_v7(tmp_path / "in" / "a.mat", [stack(slices=6, drawn=(1, 2, 4))])
    dataset, _ = load(tmp_path)
    assert dataset.slices["slice"].str[-3:].tolist() == ["000", "001", "002"]
    assert dataset.slices["place"].tolist() == [2, 3, 5]
    assert dataset.slices["stack"].tolist() == [1, 1, 1]


# Privacy


@write_each
def test_nothing_identifying_is_in_the_dataset(tmp_path: Path, write: Write) -> None:
    (tmp_path / "in").mkdir()
    more = {"SeriesDescription": "SECRETSERIES", "Scanner": "SECRETSCANNER"}
    write(tmp_path / "in" / "a.mat", [heart(**more)])
    dataset, findings = load(tmp_path)
    files = [path for path in dataset.folder.rglob("*") if path.is_file()]
    assert len(files) == 4
    for path in files:
        content = path.read_bytes()
        for secret in (b"SECRET", b"ANNA", b"4711", b"19610203", b"a.mat"):
            assert secret not in content
            assert secret.decode().encode("utf-16-le") not in content
    problems: list[str] = []
    assert "SECRET" not in repr(findings) + repr(list_segment([tmp_path / "in"], problems))
    assert problems == []


@write_each
def test_nothing_identifying_is_in_errors(tmp_path: Path, write: Write) -> None:
    (tmp_path / "in").mkdir()
    assert PATHS["FileName"].count("SECRET")
    for number, fields in enumerate(
        [heart(ZSize=3), heart(Scar=scar(2)), heart(IM=np.full((64, 72, 1, 6), np.nan)), cine()]
    ):
        write(tmp_path / "in" / f"{number}.mat", [fields])
    error = refusal(tmp_path)
    assert len(error.problems) == 4
    assert [problem[:12] for problem in sorted(error.problems)] == [
        f"file '{number}.mat'" for number in range(4)
    ]


# Damage


@write_each
def test_a_file_cut_at_each_tenth_leaves_nothing_behind(tmp_path: Path, write: Write) -> None:
    (tmp_path / "in").mkdir()
    path = write(tmp_path / "in" / "a.mat", [heart()])
    content = path.read_bytes()
    for tenth in range(10):
        path.write_bytes(content[: len(content) * tenth // 10])
        assert len(refusal(tmp_path).problems) == 1


@write_each
def test_a_file_that_changes_before_it_is_read_is_refused(tmp_path: Path, write: Write) -> None:
    (tmp_path / "in").mkdir()
    path = write(tmp_path / "in" / "a.mat", [heart()])
    findings = find_segment_stacks(
        [path],
        scheme=FIVE,
        patient=None,
        key=b"k" * 32,
        stack=None,
        uncontoured="leave-out",
        problems=[],
    )
    write(path, [heart(5)])
    with pytest.raises(DatasetError, match="has changed since it was found"):
        findings.stacks[0].read()
    path.unlink()
    with pytest.raises(DatasetError, match="cannot be read"):
        findings.stacks[0].read()


@pytest.mark.parametrize(
    "name", ["..mat", "a b'\"\n.mat", "-rf.mat", "%s{0}.mat", "é\u202e.mat", "[bold]x.mat"]
)
def test_hostile_names_are_told_safely(tmp_path: Path, name: str) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / name).write_bytes(b"x")
    (problem,) = refusal(tmp_path).problems
    if name.startswith("."):
        assert problem == "folder 'in' holds no .mat or .seg file; give files of Segment"
    else:
        assert problem.startswith(f"file {name!r} ")
        assert problem.isprintable()


def test_a_taken_folder_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "out" / "dataset").mkdir(parents=True)
    (tmp_path / "out" / "dataset" / "mine").touch()
    with pytest.raises(DatasetError, match="exists already"):
        load(tmp_path)


def test_a_wrong_pattern_is_told_before_files_are_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is not a regular expression"):
        load(tmp_path, patient="(")


def test_no_key_is_made_where_a_pattern_names_the_patients(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    write_v7(tmp_path / "in" / "P1.mat", [heart()])
    load(tmp_path, patient="P1")
    assert not (tmp_path / "key").exists()
