"""Studies and a server over them for all tests of the web app."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.predict.conftest import Trained, make_trained
from tests.serve.running import Running, running
from tests.toy import PAPER, Toy, toy_study

from myosweep.config import study_config
from myosweep.data.store import Dataset


@pytest.fixture(scope="session")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Toy:
    """A finished study; tests do not change it."""
    return toy_study(tmp_path_factory.mktemp("served") / "one", PAPER)


@pytest.fixture(scope="session")
def studies(shown: Toy) -> Path:
    """A folder with two studies, and a folder that is none."""
    home = shown.folder.parent.parent / "results"
    home.mkdir()
    (home / "notes").mkdir()
    (home / "first").symlink_to(shown.folder)
    other = toy_study(home.parent / "two", {(5e-3,): (3,), (5e-5,): (1,)}, data=shown.data)
    (home / "second").symlink_to(other.folder)
    return home


@pytest.fixture(scope="session")
def server(studies: Path) -> Iterator[Running]:
    """A server over both studies; tests look at it alone."""
    with running(studies) as found:
        yield found


@pytest.fixture(scope="session")
def trained(small_dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study with one tiny network that was really trained."""
    from myosweep.study.sweep import run_study

    config = study_config(
        {
            "name": "trained",
            "dataset": str(small_dataset.folder),
            "split": {"fractions": [0.5, 0.17, 0.33]},
            "settings": {"first_filters": 2, "depth": 2, "epochs": 1, "precision": "float32"},
            "sweep": {"l2.strength": [5e-4]},
            "replicates": {"seeds": 1},
        }
    )
    folder = tmp_path_factory.mktemp("trained") / "trained"
    run_study(config, folder)
    return folder


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """A study of two values with two drawn networks each; tests look at it alone."""
    return make_trained(tmp_path_factory.mktemp("drawn"))
