"""The life of a run: same bits after kill -9 or pollution, once for all; failure is a result."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from tests.training.runs import COMPUTER, same_bits, tiny_plan, trained_weights

from myosweep.data.split import PARTS
from myosweep.data.store import Dataset
from myosweep.model.weights import read_tensors
from myosweep.regions import NO_REGION
from myosweep.results.layout import StudyFolder
from myosweep.results.read import read_counts, read_history, read_masks
from myosweep.training.claim import take_claim
from myosweep.training.fit import predict_regions
from myosweep.training.plan import answering, build_network
from myosweep.training.run import perform_run

WORKER = """
import sys
from pathlib import Path
from myosweep.data.store import open_dataset
from myosweep.results.layout import StudyFolder
from myosweep.training.run import perform_run
from tests.training.runs import COMPUTER, tiny_plan
plan = tiny_plan(open_dataset(sys.argv[1]), epochs=int(sys.argv[3]))
print(perform_run(plan, StudyFolder(Path(sys.argv[2])), COMPUTER) is not None, flush=True)
"""


def start_worker(dataset: Dataset, folder: Path, epochs: int) -> "subprocess.Popen[str]":
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", WORKER, str(dataset.folder), str(folder), str(epochs)]
    return subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True)


def test_killed_in_the_middle_of_an_epoch_it_ends_with_the_same_bits(
    small_dataset: Dataset, tmp_path: Path
) -> None:
    epochs = 40
    plan = tiny_plan(small_dataset, epochs=epochs)
    whole = trained_weights(plan, tmp_path / "whole")
    run = StudyFolder(tmp_path / "killed").run(plan.id)
    worker = start_worker(small_dataset, tmp_path / "killed", epochs)
    while not run.checkpoint.exists():
        assert worker.poll() is None, "the worker ended before it could be killed"
        time.sleep(0.005)
    time.sleep(0.03)
    worker.send_signal(signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
    worker.communicate()
    done = len(read_history(run))
    assert run.read_status() is None
    assert 0 < done < epochs, "the kill must fall between the first and the last epoch"
    continued = trained_weights(plan, tmp_path / "killed")
    assert same_bits(whole, continued)
    histories = [
        read_history(StudyFolder(tmp_path / name).run(plan.id)) for name in ("whole", "killed")
    ]
    pd.testing.assert_frame_equal(*histories, check_exact=True)


@pytest.mark.long
def test_two_processes_do_one_run_once(small_dataset: Dataset, tmp_path: Path) -> None:
    workers = [start_worker(small_dataset, tmp_path, 60) for _ in range(2)]
    answers = sorted(worker.communicate(timeout=120)[0].strip() for worker in workers)
    assert [worker.returncode for worker in workers] == [0, 0]
    assert answers == ["False", "True"]


def test_a_run_that_was_done_between_look_and_claim_is_left(
    small_dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process is faster: it ends the run before this one, which saw it open, has it."""
    plan, study = tiny_plan(small_dataset, epochs=1), StudyFolder(tmp_path)
    run, before = study.run(plan.id), []

    def late(folder, *others):  # type: ignore[no-untyped-def]
        monkeypatch.undo()
        assert perform_run(plan, study, COMPUTER) is not None
        before.append(run.status.read_bytes())
        return take_claim(folder, *others)

    monkeypatch.setattr("myosweep.training.run.take_claim", late)
    assert perform_run(plan, study, COMPUTER) is None
    assert len(run.claims) == 2
    assert before == [run.status.read_bytes()]


def test_polluted_global_randomness_changes_nothing(small_dataset: Dataset, tmp_path: Path) -> None:
    plan = tiny_plan(small_dataset)
    clean = trained_weights(plan, tmp_path / "clean")
    random.seed(3)
    np.random.seed(3)
    torch.manual_seed(3)
    polluted = trained_weights(plan, tmp_path / "polluted")
    assert same_bits(clean, polluted)


def test_a_complete_run_is_not_done_again(small_dataset: Dataset, tmp_path: Path) -> None:
    plan, study = tiny_plan(small_dataset), StudyFolder(tmp_path)
    assert perform_run(plan, study, COMPUTER) is not None
    assert perform_run(plan, study, COMPUTER) is None


def test_decoupled_decay_has_no_ratio_to_the_gradients(
    small_dataset: Dataset, tmp_path: Path
) -> None:
    plan = tiny_plan(small_dataset, l2__kind="decoupled")
    status = perform_run(plan, StudyFolder(tmp_path), COMPUTER)
    assert status is not None
    assert status.largest_l2_ratio is None


def test_what_a_run_leaves(small_dataset: Dataset, tmp_path: Path) -> None:
    plan = tiny_plan(small_dataset)
    weights = trained_weights(plan, tmp_path)
    run = StudyFolder(tmp_path).run(plan.id)
    status = run.read_status()
    assert status is not None
    assert (status.status, status.epochs_done, status.threads) == ("complete", 3, 1)
    history = read_history(run)
    assert list(history["epoch"]) == [1, 2, 3]
    assert history["validation_accuracy"].iloc[-1] == status.validation_accuracy
    ratios = history["l2_gradient_norm"] / history["data_gradient_norm"]
    assert status.largest_l2_ratio == pytest.approx(ratios.max())
    counts = read_counts(run)
    slices = sum(len(plan.split.part(part)) for part in PARTS)
    assert len(counts) == slices * 3
    pixels = counts[["tp", "fp", "fn", "tn"]].sum(axis=1)
    assert set(pixels) == {32 * 32}
    assert not run.checkpoint.exists()
    network = build_network(plan, COMPUTER)
    network.load_state_dict(weights)
    predicted = np.concatenate(
        [maps for _, maps in predict_regions(network, plan.samples()["test"], COMPUTER)]
    )
    masks = read_masks(run)
    assert set(masks) == {*plan.split.validation, *plan.split.test}
    assert all(
        np.array_equal(masks[key], one) for key, one in zip(plan.split.test, predicted, strict=True)
    )


def test_validation_accuracy_is_that_of_the_counts(small_dataset: Dataset, tmp_path: Path) -> None:
    plan = tiny_plan(small_dataset)
    trained_weights(plan, tmp_path)
    run = StudyFolder(tmp_path).run(plan.id)
    counts = read_counts(run).query("part == 'validation'")
    accuracy = counts["tp"].sum() / (counts["tp"] + counts["fn"]).sum()
    status = run.read_status()
    assert status is not None
    assert status.validation_accuracy == pytest.approx(accuracy, abs=1e-12)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_diverged_run_is_a_result(small_dataset: Dataset, tmp_path: Path) -> None:
    plan = tiny_plan(small_dataset, learning_rate=1e30)
    study = StudyFolder(tmp_path)
    status = perform_run(plan, study, COMPUTER)
    assert status is not None
    assert status.status == "diverged"
    assert status.whole
    run = study.run(plan.id)
    counts = read_counts(run)
    assert counts["tp"].sum() == 0
    assert counts["fp"].sum() == 0
    assert all((mask == NO_REGION).all() for mask in read_masks(run).values())
    assert read_tensors(run.weights)[0]


def test_what_cannot_work_is_said_before(small_dataset: Dataset) -> None:
    plan = tiny_plan(small_dataset, depth=6, batch_size=1000)
    depth, batch = plan.problems()
    assert "multiples of 64, the dataset has 32 x 32" in depth
    assert "batch_size is 1000" in batch
    assert not tiny_plan(small_dataset).problems()


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_diverged_run_that_was_killed_before_its_end_is_not_trained_on(
    small_dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import myosweep.training.run as run_module

    plan, study = tiny_plan(small_dataset, learning_rate=1e30, epochs=5), StudyFolder(tmp_path)
    run = study.run(plan.id)
    with monkeypatch.context() as patched:
        patched.setattr(run_module, "write_run_scores", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            perform_run(plan, study, COMPUTER)
    before = len(read_history(run))
    assert before < 5
    status = perform_run(plan, study, COMPUTER)
    assert status is not None
    assert (status.status, status.epochs_done) == ("diverged", before)


def test_copies_change_scores_and_not_the_training(small_dataset: Dataset, tmp_path: Path) -> None:
    plans = [tiny_plan(small_dataset, test_time_averaging=copies) for copies in (1, 8)]
    one, other = (trained_weights(plan, tmp_path) for plan in plans)
    assert same_bits(one, other)
    runs = [StudyFolder(tmp_path).run(plan.id) for plan in plans]
    assert read_history(runs[0]).equals(read_history(runs[1]))
    single, averaged = map(read_masks, runs)
    assert any((single[key] != averaged[key]).any() for key in single)
    network = build_network(plans[1], COMPUTER)
    network.load_state_dict(other)
    answers = answering(network, plans[1].settings)
    pairs = predict_regions(answers, plans[1].samples()["test"], COMPUTER)
    predicted = np.concatenate([maps for _, maps in pairs])
    for key, expected in zip(plans[1].split.test, predicted, strict=True):
        assert np.array_equal(averaged[key], expected)


def test_a_cycle_of_the_learning_rate_goes_on_where_it_was(
    small_dataset: Dataset, tmp_path: Path
) -> None:
    plan = tiny_plan(small_dataset, schedule="one-cycle", epochs=4)
    whole = trained_weights(plan, tmp_path / "whole")
    study = StudyFolder(tmp_path / "stopped")
    perform_run(plan, study, COMPUTER, stops=lambda progress: progress.epochs_done == 2)
    assert study.run(plan.id).checkpoint.exists()
    assert same_bits(whole, trained_weights(plan, tmp_path / "stopped"))
