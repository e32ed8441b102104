"""How far a study is: looks at a toy study, without training."""

from pathlib import Path

import pytest
from tests.toy import toy_study

from myosweep.errors import StudyError
from myosweep.results.layout import RunFolder
from myosweep.study import state as state_module
from myosweep.study.state import study_state


def test_whole_runs_are_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    toy = toy_study(tmp_path, {(1e-3,): (1, 2), (1e-4,): (0,)})
    first = study_state(toy.folder)
    assert (first.done, first.count("waiting")) == (3, 1)
    read: list[str] = []
    look_at = state_module._run_state

    def noted(run: RunFolder) -> object:
        read.append(run.id)
        return look_at(run)

    monkeypatch.setattr(state_module, "_run_state", noted)
    added = toy.add_network({"l2.strength": 1e-4}, 1, 0)
    again = study_state(toy.folder, first)
    assert (again.done, again.count("waiting")) == (4, 0)
    assert set(again.runs) > {run for run in first.runs if run.id}
    baselines = {run.id for run in toy.home.runs() if run.id.startswith("baseline")}
    assert set(read) == {added.id} | baselines
    assert study_state(toy.folder) == again


def test_a_lost_run_is_waiting_again(tmp_path: Path) -> None:
    toy = toy_study(tmp_path, {(1e-3,): (1, 2)}, baselines=False)
    first = study_state(toy.folder)
    run = toy.home.run(first.runs[0].id)
    run.path.rename(tmp_path / "elsewhere")
    assert study_state(toy.folder, first).count("waiting") == 1
    with pytest.raises(StudyError, match="study folder"):
        study_state(tmp_path / "nowhere", first)


def test_words_among_numbers_have_their_place(tmp_path: Path) -> None:
    toy = toy_study(tmp_path, {("learned",): (1,), (1e-3,): (1,), (1e-4,): (0,)}, baselines=False)
    labels = [run.label for run in study_state(toy.folder).runs]
    assert labels == ["0p0001-0", "0p001-0", "learned-0"]
