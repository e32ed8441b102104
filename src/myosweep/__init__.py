"""myosweep: how much does a training hyperparameter matter, and which value should you take?

The names below are the front door. They load on first use, so that importing myosweep is fast and
rebuilding a report needs no torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from myosweep.analysis.conclude import conclude
    from myosweep.audit import audit_dataset
    from myosweep.data.dicom import import_dicom
    from myosweep.data.export import export_dataset
    from myosweep.data.nifti import import_nifti
    from myosweep.data.phantom_dataset import make_phantom
    from myosweep.data.png import import_png
    from myosweep.data.rules import Rules
    from myosweep.data.segment import import_segment
    from myosweep.data.split import make_split
    from myosweep.data.store import open_dataset
    from myosweep.errors import MyosweepError
    from myosweep.regions import RegionScheme
    from myosweep.report.page import write_report
    from myosweep.results.read import read_results
    from myosweep.study.sweep import run_study

_HOMES = {
    "MyosweepError": "errors",
    "RegionScheme": "regions",
    "Rules": "data.rules",
    "audit_dataset": "audit",
    "conclude": "analysis.conclude",
    "export_dataset": "data.export",
    "import_dicom": "data.dicom",
    "import_nifti": "data.nifti",
    "import_png": "data.png",
    "import_segment": "data.segment",
    "make_phantom": "data.phantom_dataset",
    "make_split": "data.split",
    "open_dataset": "data.store",
    "read_results": "results.read",
    "run_study": "study.sweep",
    "write_report": "report.page",
}

__all__ = [
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


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'myosweep' has no attribute {name!r}")
    return getattr(import_module(f"myosweep.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
