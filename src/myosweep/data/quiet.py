"""Silence for the libraries that read files: their warnings could tell names and paths."""

import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

_lock = threading.Lock()
_inside = 0
_silence = ExitStack()


@contextmanager
def quiet() -> Iterator[None]:
    """Ignore Python's warnings until the last thread that asked for silence has left.

    ``warnings.catch_warnings`` alone is not safe in threads: one restores what another set.
    """
    global _inside
    with _lock:
        if _inside == 0:
            _silence.enter_context(warnings.catch_warnings())
            warnings.simplefilter("ignore")
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0:
                _silence.close()
