"""The names that users import: pinned, lazy, and all there."""

import subprocess
import sys

import pytest

import myosweep

NAMES = [
    "MyosweepError",
    "RegionScheme",
    "Rules",
    "audit_dataset",
    "conclude",
    "export_dataset",
    "import_dicom",
    "import_nifti",
    "import_png",
    "import_segment",
    "make_phantom",
    "make_split",
    "open_dataset",
    "read_results",
    "run_study",
    "write_report",
]


def test_the_front_door_has_these_names() -> None:
    assert myosweep.__all__ == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_each_name_opens(name: str) -> None:
    assert getattr(myosweep, name).__doc__


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'unet'"):
        myosweep.unet  # noqa: B018


def test_importing_myosweep_loads_nothing_heavy() -> None:
    code = "import sys, myosweep; assert not {'torch', 'numpy', 'pandas'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
