"""What a study may use of this machine, and what one run gets of it."""

from dataclasses import dataclass

from myosweep.training.device import Computer, processor_count, resolve_device, resolve_precision
from myosweep.training.together import ALONE, Together


@dataclass(frozen=True)
class Resources:
    """What a study may use of this machine."""

    device: str = "auto"
    jobs: int | None = None
    threads: int | None = None
    together: Together = ALONE
    """The processes that do one run after the other together."""

    @property
    def jobs_at_once(self) -> int:
        """Runs at a time: as asked; by default one, which keeps memory low and results early."""
        return self.jobs or 1

    def computer(self, precision: str) -> Computer:
        """The share of the machine that one run gets."""
        threads = self.threads or max(1, processor_count() // self.jobs_at_once)
        device = resolve_device(self.device)
        return Computer(device, resolve_precision(precision, device), threads, self.together)
