"""What torchrun or ``accelerate launch`` told this process: which of how many it is."""

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class Launch:
    """This process among those that were started to do one run after the other together."""

    rank: int = 0
    processes: int = 1
    processes_here: int = 1
    """On this machine."""

    @property
    def is_main(self) -> bool:
        """Whether this is the process that writes and prints."""
        return self.rank == 0


_GIVEN = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


def launch() -> Launch:
    """Read from the environment; a process on its own where the launcher's words are not all there.

    Cluster systems set some of these variables for reasons of their own.
    """
    try:
        rank, processes, _, here = (int(os.environ[name]) for name in _GIVEN[:4])
    except (KeyError, ValueError):
        return Launch()
    return Launch(rank, processes, here) if all(name in os.environ for name in _GIVEN) else Launch()
