"""myosweep: how much does a training hyperparameter matter, and which value should you take?

The names below are the front door. They load on first use, so that importing myosweep is fast and
rebuilding a report needs no torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from myosweep.analysis.conclude import conclude
    from myosweep.config import L2, RunSettings, StudyConfig, read_study_config
    from myosweep.data.phantom_dataset import make_phantom
    from myosweep.data.png import import_png
    from myosweep.data.split import make_split
    from myosweep.data.store import open_dataset
    from myosweep.errors import MyosweepError
    from myosweep.metrics import bf_score
    from myosweep.model.unet import UNet
    from myosweep.regions import RegionScheme
    from myosweep.report.page import write_report
    from myosweep.results.read import read_results
    from myosweep.study.sweep import run_study

_HOMES = {
    "L2": "config",
    "MyosweepError": "errors",
    "RegionScheme": "regions",
    "RunSettings": "config",
    "StudyConfig": "config",
    "UNet": "model.unet",
    "bf_score": "metrics",
    "conclude": "analysis.conclude",
    "import_png": "data.png",
    "make_phantom": "data.phantom_dataset",
    "make_split": "data.split",
    "open_dataset": "data.store",
    "read_results": "results.read",
    "read_study_config": "config",
    "run_study": "study.sweep",
    "write_report": "report.page",
}

__all__ = [
    "L2",
    "MyosweepError",
    "RegionScheme",
    "RunSettings",
    "StudyConfig",
    "UNet",
    "bf_score",
    "conclude",
    "import_png",
    "make_phantom",
    "make_split",
    "open_dataset",
    "read_results",
    "read_study_config",
    "run_study",
    "write_report",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'myosweep' has no attribute {name!r}")
    return getattr(import_module(f"myosweep.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
