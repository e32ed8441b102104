"""The ledger of looks: written once per look, read back, never silently lost."""

from pathlib import Path

import pytest

from myosweep.errors import StudyError
from myosweep.results.layout import StudyFolder
from myosweep.results.ledger import Look, log_look, read_looks


def test_looks_are_kept_in_order_and_once(tmp_path: Path) -> None:
    folder = StudyFolder(tmp_path)
    assert read_looks(folder) == ()
    first, second = Look(3, ("0", "0.001"), 0.00135), Look(10, ("0", "0.001"), 0.04865)
    for look in (first, second, first):
        log_look(folder, look)
    assert read_looks(folder) == (first, second)
    assert len(folder.looks.read_text("utf-8").splitlines()) == 2


@pytest.mark.parametrize("content", ["no json\n", '{"networks": 3}\n', "[1]\n"])
def test_a_damaged_ledger_is_not_taken_for_an_empty_one(tmp_path: Path, content: str) -> None:
    (tmp_path / "looks.jsonl").write_text(content, encoding="utf-8")
    with pytest.raises(StudyError, match=r"looks\.jsonl is damaged; .* do not remove it"):
        read_looks(StudyFolder(tmp_path))
