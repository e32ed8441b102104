"""Starting from another network's weights."""

import shutil
from pathlib import Path

import pytest
import torch
from tests.training.runs import COMPUTER, same_bits, tiny_plan, trained_weights

from myosweep.data.store import Dataset
from myosweep.errors import StudyError
from myosweep.results.layout import StudyFolder
from myosweep.training.initial import content_name, find_weights, is_kept, load_initial
from myosweep.training.plan import build_network
from myosweep.training.run import perform_run


def test_a_training_starts_from_the_weights_that_it_is_given(
    small_dataset: Dataset, tmp_path: Path
) -> None:
    first = tiny_plan(small_dataset, epochs=3)
    pretrained = trained_weights(first, tmp_path / "first")
    place = StudyFolder(tmp_path / "first").run(first.id).path
    name = content_name(find_weights(place))
    assert is_kept(name)
    plain, started = (
        tiny_plan(small_dataset, epochs=1, learning_rate=1e-30, init_from=given)
        for given in ("", name)
    )
    study = StudyFolder(tmp_path / "second")
    study.initial(name).parent.mkdir(parents=True)
    shutil.copy(find_weights(place), study.initial(name))
    found = trained_weights(started, tmp_path / "second")
    assert same_bits(pretrained, found)
    assert not same_bits(trained_weights(plain, tmp_path / "third"), found)


def test_weights_of_another_network_are_refused(small_dataset: Dataset, tmp_path: Path) -> None:
    plan = tiny_plan(small_dataset)
    trained_weights(plan, tmp_path)
    weights = find_weights(StudyFolder(tmp_path).run(plan.id).path)
    other = build_network(tiny_plan(small_dataset, first_filters=3), COMPUTER)
    before = [one.detach().clone() for one in other.parameters()]
    with pytest.raises(StudyError, match="first_filters, depth, norm and the number of regions"):
        load_initial(other, weights)
    assert all(torch.equal(a, b) for a, b in zip(before, other.parameters(), strict=True))


def test_a_place_without_weights_is_named(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"no weights in 'nothing'.*finished run"):
        find_weights(tmp_path / "nothing")


def test_weights_that_are_gone_fail_the_run_with_words(
    small_dataset: Dataset, tmp_path: Path
) -> None:
    plan = tiny_plan(small_dataset, init_from="weights-000000000000")
    with pytest.raises(StudyError, match="cannot be read"):
        perform_run(plan, StudyFolder(tmp_path), COMPUTER)
