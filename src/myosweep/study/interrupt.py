"""Being ended politely: what stops a process stops it as Ctrl-C does, so that it tidies up."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def terminable() -> Iterator[None]:
    """Meanwhile SIGTERM (SLURM, ``kill``) and, on Windows, Ctrl-Break raise ``KeyboardInterrupt``.

    Only the first one does, so that nothing disturbs the tidying up. Outside of the main thread,
    where Python allows no such thing, nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = [signal.SIGTERM, *([signal.SIGBREAK] if hasattr(signal, "SIGBREAK") else [])]
    before = {number: signal.signal(number, _interrupt) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt(number: int, frame: FrameType | None) -> None:
    signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt
