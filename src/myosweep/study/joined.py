"""Connecting the processes that torchrun or ``accelerate launch`` started on a study."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec

import torch

from myosweep.errors import ConfigError
from myosweep.launch import launch
from myosweep.training.device import resolve_device
from myosweep.training.together import ALONE, SeveralProcesses, Together


@contextmanager
def joined(device: str, single: Mapping[str, bool] | None = None) -> Iterator[Together]:
    """The processes that were started together, connected while inside.

    Args:
        device: as the user asked for it.
        single: what only a process on its own can do, by its name, and whether it was asked for.

    Raises:
        ConfigError: if these processes cannot work together; on each of them.
        PartnerLost: if one of them ended.
    """
    if launch().processes == 1:
        yield ALONE
        return
    together = SeveralProcesses(_checked(device, single or {}))
    try:
        with together.failing_as_one():
            yield together
            together.everyones(None)  # nobody leaves before all have done their part
    finally:
        together.leave()


def _checked(device: str, single: Mapping[str, bool]) -> str:
    """The device; raise one ``ConfigError`` if processes started together cannot do this."""
    here = launch()
    problems = [
        f"{here.processes} processes were started to do one run after the other together, and "
        f"{name} needs a single one; leave out {name}, or start myosweep without torchrun"
        for name, wanted in single.items()
        if wanted
    ]
    if (device := resolve_device(device)) == "mps":
        problems.append(
            "several processes share a run on cpu or cuda, not on mps; add --device cpu"
        )
    if device == "cuda" and here.processes_here > torch.cuda.device_count():
        problems.append(
            f"{here.processes_here} processes were started here, one per GPU, but there are "
            f"{torch.cuda.device_count()} GPUs; start as many processes as GPUs"
        )
    if find_spec("accelerate") is None:
        problems.append(
            "several processes for one run need Accelerate, which is not installed: "
            "pip install 'myosweep[distributed]'; or start myosweep without torchrun"
        )
    if problems:
        raise ConfigError(problems, "these processes cannot work together")
    return device
