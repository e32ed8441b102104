"""The newcomer's study: phantoms instead of patients, a small network, the paper's sweep."""

import tomllib
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

from myosweep.config import study_config
from myosweep.data.phantom_dataset import make_phantom
from myosweep.study.open import Study, open_study

PATIENTS, SIZE_PX = 24, 64


def open_demo(
    folder: Path | str,
    *,
    device: str = "auto",
    progress: Callable[[int, int], None] | None = None,
) -> Study:
    """Make the demo's phantoms, unless they are there, and open its study.

    Args:
        folder: gets the dataset in ``dataset`` and the study beside it.
        progress: called with patients made and patients in all.
    """
    folder = Path(folder)
    dataset = folder / "dataset"
    if not dataset.exists():
        make_phantom(dataset, patients=PATIENTS, seed=0, size=SIZE_PX, progress=progress)
    content = tomllib.loads(files("myosweep.study").joinpath("demo.toml").read_text("utf-8"))
    return open_study(study_config(content, "the demo"), folder, device=device, dataset=dataset)
