"""The import commands from the shell: what they print, refuse, and leave behind."""

from pathlib import Path

import numpy as np
import pytest

from myosweep.data.store import open_dataset
from tests.data.fuzz_kinds import write_dicom, write_nifti, write_png
from tests.test_cli import Shell


@pytest.fixture
def shell(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Shell:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("platformdirs.user_config_path", lambda name: tmp_path / "config" / name)
    return Shell(monkeypatch, capsys)


def test_png_with_named_regions(shell: Shell, tmp_path: Path) -> None:
    write_png(tmp_path / "in")
    words = ["import", "png", "in/images", "in/masks", "out", "--patient", "(P[0-9]+)"]
    assert "the regions are missing" in (shell(*words, code=2), shell.err)[1]
    assert not (tmp_path / "out").exists()
    both = [*words, "--regions", "three", "--region", "a=0"]
    assert "not both" in (shell(*both, code=2), shell.err)[1]
    assert "ends in .toml, got 'four'" in (shell(*words, "--regions", "four", code=2), shell.err)[1]
    (tmp_path / "mine.toml").write_text('[regions]\nrest = [0]\n"all of it" = [1, 2]\n')
    out = shell(*words, "--regions", "mine.toml")
    assert "3 slices of 1 patients" in out.replace("slices         3 of", "3 slices of")
    assert open_dataset(tmp_path / "out").scheme.as_mapping() == {"rest": [0], "all of it": [1, 2]}


def test_nifti(shell: Shell, tmp_path: Path) -> None:
    write_nifti(tmp_path / "in")
    words = "import nifti in/images in/masks out --patient P[0-9] --regions three --apex first"
    assert "9 of 3 patients" in shell(*words.split())
    table = open_dataset(tmp_path / "out").slices
    assert table["level"].tolist() == ["apex", "middle", "base"] * 3
    assert table["slice_spacing_mm"].tolist() == [8.0] * 9
    plain = "import nifti in/images in/masks again --regions three"
    assert "--patient" in (shell(*plain.split(), code=2), shell.err)[1]
    assert "got 4 folders" in (shell("import", "nifti", *"abcd", code=2), shell.err)[1]


def test_dicom(shell: Shell, tmp_path: Path) -> None:
    write_dicom(tmp_path / "in")
    listed = shell(*["import", "dicom", "in/images", "--masks", "in/masks", "--list"])
    assert "2 series in images" in listed
    assert "1 cavity; 2 muscle" in listed
    words = ["import", "dicom", "in/images", "out", "--masks", "in/masks", "--regions", "three"]
    named = ["--structure", "cavity=1", "--structure", "Muscle=2"]
    assert "cavity" in (shell(*words, code=2), shell.err)[1]
    assert "6 of 2 patients" in shell(*words, *named)
    data = open_dataset(tmp_path / "out")
    assert data.slices["patient"].str.fullmatch("P[0-9a-f]{12}").all()
    assert np.unique(data.labels).tolist() == [0, 1, 2]
    assert (tmp_path / "config" / "myosweep").is_dir()
    assert (
        "the dataset folder to make is missing"
        in (
            shell("import", "dicom", "in/images", "--regions", "three", code=2),
            shell.err,
        )[1]
    )


def test_what_was_exported_can_be_imported_as_its_readme_says(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_png(tmp_path / "in")
    words = "import png in/images in/masks out --patient (?P<patient>P[0-9]+)_(?P<slice>[0-9]+)"
    shell(*words.split(), "--regions", "three")
    shell("export", "out", "exported", "--as", "nifti")
    readme = (tmp_path / "exported" / "README.txt").read_text(encoding="utf-8")
    command = next(line.strip() for line in readme.splitlines() if "myosweep import" in line)
    monkeypatch.chdir(tmp_path / "exported")
    import shlex

    shell(*shlex.split(command)[1:])
    again = open_dataset(tmp_path / "exported" / "DATASET")
    assert again.manifest.pixel_hash == open_dataset(tmp_path / "out").manifest.pixel_hash
