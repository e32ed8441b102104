"""What tests of studies share: runs without the report, which takes longer than tiny runs do."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def without_report() -> Iterator[None]:
    """Where a study's runs are the point: meanwhile no study writes its report."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(
            "myosweep.study.sweep.write_report", lambda folder, *_: folder / "report.html"
        )
        yield


@pytest.fixture
def no_report() -> Iterator[None]:
    with without_report():
        yield
