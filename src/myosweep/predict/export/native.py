"""The native form: the runs' own weights files, in safetensors, and JSON."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from myosweep.files import write_json
from myosweep.predict.model import FACTS
from myosweep.predict.networks import Networks, weights_name


def write_native(model: Networks, folder: Path) -> Sequence[str]:
    """``model.json``, and each network's weights as they are; gives nothing to tell."""
    for number, path in enumerate(model.files):
        shutil.copyfile(path, folder / weights_name(number))
    write_json(folder / FACTS, model.facts.model_dump(mode="json"))
    return ()
