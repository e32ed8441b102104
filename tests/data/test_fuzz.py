"""A hundred damaged files of every kind; an hour: python -m tests.data.fuzz --seconds 3600."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.data.fuzz import Kind, attempt, damage, fuzz
from tests.data.fuzz_kinds import KINDS

from myosweep.data.store import open_dataset
from myosweep.errors import DatasetError

assert KINDS


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_the_good_folder_is_imported(kind: Kind, tmp_path: Path) -> None:
    kind.write(tmp_path / "in")
    kind.load(tmp_path / "in", tmp_path / "out")
    assert len(open_dataset(tmp_path / "out")) >= 2


@pytest.mark.parametrize("attempts", [25, pytest.param(3000, marks=pytest.mark.long)])
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_damaged_files_give_a_dataset_or_one_clear_error(kind: Kind, attempts: int) -> None:
    outcomes, finds = fuzz([kind], range(attempts))
    assert not finds, finds
    assert outcomes.total() == attempts
    assert outcomes[f"{kind.name}: refused"] > attempts / 10, outcomes


def test_damage_is_repeatable_and_bites() -> None:
    good = bytes(range(256)) * 20
    made = [damage(good, random.Random(seed)) for seed in range(50)]
    assert made == [damage(good, random.Random(seed)) for seed in range(50)]
    assert sum(one != good for one in made) > 45
    assert isinstance(damage(b"", random.Random(1)), bytes)


@pytest.mark.parametrize(
    ("load", "message"),
    [
        (lambda folder, out: 1 / 0, "ZeroDivisionError"),
        (lambda folder, out: _refuse(out.mkdir), "left"),
        (lambda folder, out: _refuse(lambda: None, str(folder)), "absolute path"),
    ],
)
def test_what_is_not_handled_is_found(
    tmp_path: Path, load: Callable[[Path, Path], object], message: str
) -> None:
    kind = Kind("faulty", lambda folder: None, load)
    (tmp_path / "good").mkdir()
    (tmp_path / "good" / "file").write_bytes(b"content")
    (tmp_path / "try").mkdir()
    _, find = attempt(kind, tmp_path / "good", tmp_path / "try", 0)
    assert find is not None
    assert message in find.what


def _refuse(before: Callable[[], object], text: str = "no") -> None:
    before()
    raise DatasetError(text)
