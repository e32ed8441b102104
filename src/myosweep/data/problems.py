"""Problems are collected, so that one error tells all of them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from myosweep.errors import DatasetError


def raise_problems(problems: Sequence[str]) -> None:
    """Raise all of them as one error, if there are any."""
    if problems:
        raise DatasetError(problems, "nothing was imported")


@contextmanager
def collecting(problems: list[str], subject: str = "") -> Iterator[None]:
    """Add what is raised to ``problems``, each with its subject, and go on."""
    try:
        yield
    except DatasetError as error:
        problems += [f"{subject}{problem}" for problem in error.problems]
