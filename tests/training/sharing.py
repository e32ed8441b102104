"""What the tests let two processes do together; torchrun starts this file, see test_together.py.

Every process writes what it met to ``outcomes-RANK.json``.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.training.runs import tiny_plan

import myosweep.training.fit as fit_module
from myosweep.data.store import Dataset, open_dataset
from myosweep.errors import ClaimLost
from myosweep.results.layout import StudyFolder
from myosweep.study.execute import attempt
from myosweep.study.joined import joined
from myosweep.study.resources import Resources
from myosweep.training.device import Computer
from myosweep.training.run import perform_run
from myosweep.training.together import Together

EQUAL: dict[str, dict[str, Any]] = {
    "even": {"batch_size": 4, "dropout": 0.0},
    "odd, dropout": {"batch_size": 5, "dropout": 0.5},
    "decoupled": {"batch_size": 2, "l2__kind": "decoupled", "l2__strength": 0.1},
}
"""Settings by the name of the case; batch 5 gives one process three images and the other two."""
DIVERGING: dict[str, Any] = {"learning_rate": 1e30}
FAILING: dict[str, Any] = {"first_filters": 3}
FULL: dict[str, Any] = {"first_filters": 4}
OVERTAKEN: dict[str, Any] = {"first_filters": 5}


def do_all(dataset: Dataset, folder: Path, together: Together) -> dict[str, Any]:
    """Every case in turn; a failure in one must leave the processes able to do the next."""
    study, computer = StudyFolder(folder), Computer("cpu", "float32", 1, together)
    resources = Resources("cpu", None, 1, together)
    outcomes: dict[str, Any] = {}

    def tried(name: str, values: dict[str, Any], on_epoch: Callable[[Any], None]) -> None:
        status = attempt(tiny_plan(dataset, **values), study, resources, on_epoch=on_epoch)
        outcomes[name] = status and [status.status, status.error]

    for name, values in EQUAL.items():
        status = perform_run(tiny_plan(dataset, epochs=6, **values), study, computer)
        outcomes[name] = status and status.status
    tried("diverging", DIVERGING, lambda _: None)
    with failing_on(1, together):
        tried("one fails", FAILING, lambda _: None)
    tried("disk full", FULL, _no_space)
    run = study.run(tiny_plan(dataset, **OVERTAKEN).id)
    try:
        perform_run(
            tiny_plan(dataset, **OVERTAKEN),
            study,
            computer,
            on_epoch=lambda _: run.claim(2).write_text("{}"),
        )
    except ClaimLost as error:
        outcomes["overtaken"] = str(error)
    return outcomes


class failing_on:  # noqa: N801
    """Meanwhile the third training step fails on one process."""

    def __init__(self, rank: int, together: Together) -> None:
        self._here, self._steps = together.rank == rank, 0

    def __enter__(self) -> None:
        self._loss = fit_module._data_loss
        fit_module._data_loss = self._fail  # type: ignore[assignment]

    def _fail(self, *arguments: Any) -> Any:
        self._steps += 1
        if self._here and self._steps == 3:
            raise ZeroDivisionError("planted")
        return self._loss(*arguments)

    def __exit__(self, *_: object) -> None:
        fit_module._data_loss = self._loss


def _no_space(_: object) -> None:
    raise OSError(28, "No space left on device")


if __name__ == "__main__":
    data, home = open_dataset(sys.argv[1]), Path(sys.argv[2])
    with joined("cpu") as found:
        if len(sys.argv) > 3:
            long = tiny_plan(data, epochs=int(sys.argv[3]))
            perform_run(long, StudyFolder(home), Computer("cpu", "float32", 1, found))
        else:
            text = json.dumps(do_all(data, home, found))
            (home / f"outcomes-{found.rank}.json").write_text(text, encoding="utf-8")
