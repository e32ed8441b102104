"""The benchmarks still run: each with so little work that its figures mean nothing."""

import csv
import json
import os
import re
import subprocess
import sys
import warnings
from argparse import Namespace
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from myosweep.analysis.importance.shares import importance
from myosweep.analysis.tuning.race import start_race
from myosweep.config import Choice, Range, study_config
from myosweep.data.phantom_dataset import make_phantom
from myosweep.statistics.score_table import ScoreTable
from myosweep.study.open import open_study
from myosweep.study.resources import Resources
from myosweep.study.sweep import run_study
from myosweep.study.tune.run import run_tuning
from myosweep.study.tune.tuning import open_tuning
from tests.predict.conftest import make_trained
from tests.toy import toy_study

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"


def needs(package: str) -> pytest.MarkDecorator:
    missing = find_spec(package) is None
    return pytest.mark.skipif(
        missing, reason=f"this benchmark compares with {package}; pip install '.[dev]'"
    )


NNUNET = BENCHMARKS.parent / ".venv-nnunet" / ("Scripts" if os.name == "nt" else "bin")
needs_nnunet = pytest.mark.skipif(
    not NNUNET.exists(), reason="nnU-Net is not there, which takes minutes to install; make nnunet"
)
LITTLE = "--phantoms 4 --first-filters 4 --rounds 1 --seconds 0.01 --warm-up 0 --threads 1"


def run(script: str, *arguments: str, codes: tuple[int, ...] = (0,)) -> str:
    """A benchmark in its own process."""
    command = [sys.executable, str(BENCHMARKS / script), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode in codes, done.stderr
    return done.stdout


@pytest.fixture
def run_here(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., str]:
    """A benchmark whose work needs no process of its own, or that starts them itself."""

    def perform(script: str, *arguments: str) -> str:
        monkeypatch.syspath_prepend(str(BENCHMARKS))
        monkeypatch.setattr(sys, "argv", [script, *arguments])
        with warnings.catch_warnings():
            warnings.simplefilter("default")
            import_module(script.removesuffix(".py")).main()
        return capsys.readouterr().out

    return perform


@pytest.mark.long
@needs("monai")
def test_training_prints_every_loop_and_ratio() -> None:
    output = run("training.py", *LITTLE.split(), "--without-nnunet", "--json")
    assert "PHANTOMS, not on EMIDEC: no --data was given" in output
    assert "nnU-Net takes no part: --without-nnunet was given" in output
    facts = json.loads(output.splitlines()[-1])
    assert facts["data"] == "phantoms"
    assert list(facts["first_filters"]) == ["4"]
    found = facts["first_filters"]["4"]
    speeds = found["images_per_s"]
    assert all(len(rounds) == 1 and rounds[0] > 0 for rounds in speeds.values())
    kinds = {"MONAI": 4, "plain PyTorch, float32": 2, "plain PyTorch, bfloat16": 2}
    for kind, loops in kinds.items():
        peers = {loop: rounds[0] for loop, rounds in speeds.items() if loop.startswith(kind)}
        assert len(peers) == loops
        fastest = max(peers, key=lambda loop: peers[loop])
        ratio = found["ratios"]["myosweep, float32"][fastest]["median"]
        assert ratio == pytest.approx(speeds["myosweep, float32"][0] / peers[fastest])


@pytest.mark.long
@needs_nnunet
def test_nnunet_is_judged_on_the_same_patients(tmp_path: Path) -> None:
    make_phantom(tmp_path / "data", patients=10, seed=0, size=64)
    own = {"first_filters": 2, "depth": 2, "epochs": 1, "precision": "float32"}
    content = {"name": "ours", "dataset": str(tmp_path / "data"), "settings": own}
    content["replicates"] = {"seeds": 1}
    config = study_config({**content, "split": {"fractions": [0.5, 0.2, 0.3]}})
    run_study(config, tmp_path / "ours", jobs=1)
    given = (str(tmp_path / "ours"), "--out", str(tmp_path / "theirs"), "--minutes", "0.02")
    output = run("against_nnunet.py", *given)
    assert "seed 0: " in output
    assert "Differences in dice" in output
    with (tmp_path / "theirs" / "scores.csv").open() as file:
        rows = [*csv.DictReader(file)]
    judged = {
        name: {row["patient"] for row in rows if row["method"] == name}
        for name in ("myosweep", "nnU-Net")
    }
    assert len(judged["myosweep"]) == 3
    assert judged["nnU-Net"] == judged["myosweep"]


@pytest.mark.long
@needs("monai")
@needs_nnunet
def test_training_takes_turns_with_nnunet() -> None:
    output = run("training.py", *LITTLE.split(), "--json")
    assert "near ours: patches of [128, 128], mini-batches of 4, features [4, 8, 16, 32, 64]" in (
        output
    )
    found = json.loads(output.splitlines()[-1])["first_filters"]["4"]
    theirs = ("nnU-Net, as it plans", "nnU-Net, network near ours")
    assert all(found["images_per_s"][loop][0] > 0 for loop in theirs)
    assert all(ratios.keys() >= set(theirs) for ratios in found["ratios"].values())


@pytest.mark.long
@needs("monai")
def test_the_peers_network_must_be_ours(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    loops, common = import_module("loops"), import_module("common")
    plan = loops.make_plan(common.open_slices(None, 4, tmp_path)[1], 2, "float32")
    loops.check_same_network(plan)
    without_upsampling = lambda self, x: self.last(self.encoder[0](x))  # noqa: E731
    monkeypatch.setattr(loops.PlainUNet, "forward", without_upsampling)
    with pytest.raises(SystemExit, match="the peers train another network"):
        loops.check_same_network(plan)


@pytest.mark.long
@needs("monai")
def test_peak_counts_the_step_and_shares_it_out() -> None:
    found = json.loads(run("peak.py", *LITTLE.split(), *PEAK).splitlines()[-1])["found"]
    assert {one["precision"] for one in found} >= {"float32"}
    assert all(sum(one["profile"].values()) == pytest.approx(1, abs=0.2) for one in found)
    assert all(one["profile"]["convolution backward"] > 0 for one in found)
    for one in found:
        assert one["gflop_per_step"] == pytest.approx(GFLOP_OF_4_FILTERS)
        step, peak = (one["gflop_per_s"][name][0] for name in ("step", "peak"))
        assert one["share_of_peak"]["step"] == pytest.approx(step / peak)


PEAK = ("--sides", "64", "--profiled", "1", "--json")
GFLOP_OF_4_FILTERS = 1.1403264
"""Reckoned by hand: height x width x kernel x channels in x filters of each layer, three ways."""


@pytest.mark.long
def test_memory_prints_every_task(run_here: Callable[..., str]) -> None:
    sizes = "--presets default --first-filters 2 --patients 4 --scored 4 --imported 20 --threads 1"
    lines = run_here("memory.py", *sizes.split()).splitlines()
    peaks = [float(line.split()[-2]) for line in lines if line.startswith(("run, ", "scoring"))]
    assert len(peaks) == 3
    assert all(50 < peak < 2500 for peak in peaks)
    assert lines[-1].startswith(f"largest run: {max(peaks[:2]):.0f} MB, under the target")


@pytest.mark.long
def test_startup_times_every_command(run_here: Callable[..., str]) -> None:
    output = run_here("startup.py", "--repeats", "1")
    for words in ("python -c pass", "import myosweep", "myosweep --help", "status", "summary"):
        assert any(words in line for line in output.splitlines())


@pytest.mark.long
def test_serve_prints_how_long_viewers_wait() -> None:
    few = ("--viewers", "3", "--views", "2", "--slices", "28", "--networks", "1")
    output = run("serve.py", *few, codes=(0, 1))  # whether in time depends on the machine
    assert re.search(r"3 viewers, 6 slice views: median \d+ ms", output)


@pytest.mark.long
def test_fifty_viewers_have_their_slices_within_300_ms() -> None:
    output = run("serve.py")
    assert "50 viewers, 1000 slice views" in output
    assert "under the target of 300 ms for 95 %" in output


@pytest.mark.long
def test_everything_keeps_what_is_printed_and_says_what_failed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    everything = import_module("everything")
    assert all((BENCHMARKS / f"{one.name}.py").exists() for one in everything.SECTIONS)
    given = Namespace(data=None, output=tmp_path)
    boundary = everything.Section("boundary", "Boundary", ("--help",), takes_data=True)
    assert everything.perform(boundary, given)
    assert "Boundary scores, side by side" in (tmp_path / "boundary.txt").read_text("utf-8")
    assert not everything.perform(everything.Section("startup", "", ("--repeats", "0")), given)
    assert "must be at least 1, got 0" in capsys.readouterr().out


@needs("monai")
@needs("surface_distance")
def test_boundary_prints_the_peers(run_here: Callable[..., str]) -> None:
    output = run_here("boundary.py", "--slices", "2", "--rounds", "1", "--seconds", "0")
    for peer in ("monai", "surface-distance"):
        assert any(
            line.split()[0] == peer and "times ours" in line
            for line in output.splitlines()
            if line.strip()
        )


@pytest.mark.long
def test_prediction_prints_rate_and_memory_of_each_kind(run_here: Callable[..., str]) -> None:
    kinds = ("float32", "onnx")
    output = run_here("predict.py", "--slices", "60", "--first-filters", "2", "--models", *kinds)
    for name in kinds:
        assert re.search(rf"{name} +6 .*\n *{name} +60 ", output)
        assert re.search(rf"{name}: -?[\d.]+ slices per second; .* per further slice", output)


@pytest.mark.long
def test_heart_search_prints_what_is_found(tmp_path: Path, run_here: Callable[..., str]) -> None:
    """By a network that has learned nothing."""
    place = make_trained(tmp_path / "toy").runs[0].path
    output = run_here("heart_search.py", str(place), "--patients", "2", "--fields", "64")
    assert re.search(r"phantoms of 64 x 64 +2 +[\d.]+% ", output)
    assert re.search(r"phantoms of 64 x 64, cut +4 +[\d.]+% .* of \d\n", output)


@pytest.mark.long
def test_import_prints_rate_and_memory(run_here: Callable[..., str]) -> None:
    output = run_here("import_png.py", "--slices", "20", "60")
    lines = [line.split() for line in output.splitlines()]
    rows = {words[0]: words for words in lines if words and words[0] in ("20", "60")}
    assert all(float(number) > 0 for words in rows.values() for number in words)
    assert set(rows) == {"20", "60"}
    assert "memory per further slice" in output


@pytest.mark.long
def test_misplaced_masks_prints_what_is_found(run_here: Callable[..., str]) -> None:
    output = run_here("misplaced_masks.py", "--phantoms", "16", "--rounds", "1")
    assert "masks swapped between two patients\n  found at the audit's limits" in output
    assert output.count("false alarms, untouched") == 3
    assert "mask of one slice from another patient" in output


@pytest.mark.long
def test_scale_prints_costs_and_growth(run_here: Callable[..., str]) -> None:
    little = "--runs 7 14 --slices-of-runs 35 --slices 35 --steps status split --json"
    output = run_here("scale.py", *little.split())
    found = json.loads(output.splitlines()[-1])
    taken = [(one["step"], one["size"]) for one in found["runs"]]
    assert taken == [("status", 7), ("status", 14)]
    assert [(one["step"], one["size"]) for one in found["slices"]] == [("split", 35)]
    costs = [*found["runs"], *found["slices"]]
    assert all(0 < c["seconds"] < c["process_seconds"] and c["peak_mb"] > 10 for c in costs)
    assert output.count("per 10 times as many") == 1


@pytest.mark.long
@needs("optuna")
def test_race_errors_prints_a_row_per_case() -> None:
    rows = run("race_errors.py", "--races", "2").splitlines()
    assert rows[0].split()[:3] == ["candidates", "networks", "spread"]
    assert [row.split()[:3] for row in rows[1:]] == [
        ["2", "5", "0.045"], ["2", "7", "0.045"], ["5", "7", "0.045"],
        ["8", "7", "0.045"], ["5", "7", "0.02"],
    ]  # fmt: skip
    assert all(row.count(" ± ") == 2 for row in rows[1:])


@pytest.mark.long
@needs("sklearn")
def test_the_trap_of_shares_prints_its_tables_and_draws(tmp_path: Path) -> None:
    output = run("importance_trap.py", "--repeats", "1", "--trials", "30", "--out", str(tmp_path))
    assert output.count("| learning rate |") == 5
    assert output.count("pure noise ranked") == 2
    assert (tmp_path / "importance-trap.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.long
@needs("optuna")
def test_searches_crowd_where_scores_are_good_and_shares_widen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    trap = import_module("importance_trap")
    truth = trap.true_shares(trap.SPACE)
    assert sum(truth.values()) == pytest.approx(1)  # the function has no triple interaction
    width, spread = {}, {}
    for sampler in ("random", "TPE"):
        trials = trap.searched(trap.SPACE, sampler, 60, 0)
        spread[sampler] = np.std([np.log10(one.values["learning_rate"]) for one in trials.rows])
        found = next(one for one in importance(trials).effects if one.path == "learning_rate").total
        assert found.low <= trap.total("learning_rate", truth) <= found.high
        width[sampler] = found.high - found.low
    assert spread["TPE"] < 0.7 * spread["random"]
    assert width["TPE"] > width["random"]


def replays(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, str(BENCHMARKS / "tuning_replays.py"), str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=600)


@needs("optuna")
@pytest.mark.long
def test_replays_of_a_search_train_the_networks_that_a_race_needs(tmp_path: Path) -> None:
    data = make_phantom(tmp_path / "data", patients=9, seed=1, size=32)
    space = {
        "learning_rate": {"low": 1e-5, "high": 1e-2, "log": True},
        "dropout": {"low": 0, "high": 0.6},
        "l2.kind": ["penalty", "decoupled"],
        "l2.strength": {"low": 1e-6, "high": 1e-2, "log": True, "when": {"l2.kind": "penalty"}},
    }
    config = study_config(
        {
            "name": "random",
            "dataset": str(data.folder),
            "split": {"fractions": [0.34, 0.33, 0.33]},
            "settings": {"first_filters": 4, "depth": 2, "epochs": 5, "learning_rate": 1e-5},
            "tune": {
                "sampler": "random",
                "pruner": "none",
                "trials": 8,
                "budget": "8runs",
                "race_share": 0.01,
                "space": space,
            },
        }
    )
    folder = tmp_path / "study"
    study = open_study(config, folder, device="cpu")
    run_tuning(open_tuning(study), Resources("cpu", threads=1))
    before = len(list(folder.glob("runs/*/weights.safetensors")))
    record = tmp_path / "record.json"
    assert replays(folder, "--replays", "0", "--record", str(record)).returncode == 0
    asked = replays(folder, "--replays", "2", "--budget", "14")
    assert asked.returncode == 1
    assert "needs networks: default seed 1, trial" in asked.stderr
    done = replays(folder, "--replays", "2", "--budget", "14", "--train")
    assert done.returncode == 0, done.stderr
    again = replays(folder, "--replays", "2", "--budget", "14")
    assert again.stdout.splitlines()[-3:] == done.stdout.splitlines()[-3:]
    assert [line[:9] for line in again.stdout.splitlines()[1:3]] == ["replay 0:", "replay 1:"]
    assert "replays what is recommended is shown to be worse than the default" in again.stdout
    trained = len(list(folder.glob("runs/*/weights.safetensors"))) - before
    assert trained == done.stdout.count(" ...\n")
    further = ("--train", "--folder", str(tmp_path / "further"), "--data", str(data.folder))
    from_file = replays(record, "--replays", "2", "--budget", "14", *further)
    assert from_file.stdout == done.stdout
    assert trained >= 6  # two contenders, three networks until the first look


def test_replays_of_a_grid_reach_its_answer(tmp_path: Path, run_here: Callable[..., str]) -> None:
    shifts = {(1e-5,): (2, 2, 2, 2), (1e-4,): (1, 1, 1, 2), (1e-2,): (4, 4, 4, 5)}
    grid = toy_study(tmp_path / "toy", shifts).folder
    output = run_here("tuning_replays.py", str(grid), "--replays", "2", "--budget", "9")
    lines = [line for line in output.splitlines() if line.startswith("replay ")]
    assert len(lines) == 2
    assert all("takes 0.0001: as the grid, within the margin" in line for line in lines)


@pytest.mark.long
def test_a_folder_that_is_no_study_is_one_clear_error(tmp_path: Path) -> None:
    said = replays(tmp_path)
    assert said.returncode == 2
    assert said.stderr.count("\n") == 1
    assert "no study" in said.stderr


def test_what_is_recorded_of_a_search_reads_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    library = import_module("recorded")
    scores = np.array([[[0.5, 0.25], [0.125, 1]], [[0.75, 0], [np.nan, np.nan]]])
    table = ScoreTable(("default", "trial 1"), ("seed 0", "seed 1"), ("a", "b"), scores)
    space = {
        "l2.kind": Choice(values=("penalty", "decoupled")),
        "l2.strength": Range(low=1e-6, high=1e-2, log=True, when={"l2.kind": "penalty"}),
    }
    values = ({"l2.kind": "penalty", "l2.strength": 1e-4}, {"l2.kind": "decoupled"})
    histories = (((0.1, 0.2), (0.3,)), ((0.4,), ()))
    margins = (0.02, 0.03)
    facts = (table.values, values, space, table, table, histories, (1.0, 0.5), 0, margins, False)
    recorded = library.Recorded(*facts)
    path = tmp_path / "recorded.json"
    library.write_recorded(recorded, "", "made up", path)
    assert "made up" in path.read_text()
    found = library.read_recorded(path)
    assert_array_equal(found.validation.scores, scores)
    for name in ("labels", "values", "space", "histories", "costs", "default", "margins"):
        assert getattr(found, name) == getattr(recorded, name)


@needs("optuna")
def test_what_a_replay_recommends_is_judged_by_further_networks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    module, library = import_module("tuning_replays"), import_module("recorded")
    rng = np.random.default_rng(0)
    scores = np.repeat(rng.normal(0.6, 0.1, (1, 1, 20)), 2, 0).repeat(7, 1)
    scores = scores + rng.normal(0, 0.005, scores.shape)
    scores[1, :4] += 0.1  # trial 1 shines in the networks that the replay looks at,
    scores[1, 4:] -= 0.1  # and is worse in all others
    names = ("default", "trial 1")
    seeds = tuple(f"seed {seed}" for seed in range(7))
    table = ScoreTable(names, seeds, tuple(map(str, range(20))), scores)
    facts = (names, ({}, {}), {}, table, table, ((), ()), (1.0, 1.0), 0, (0.02, 0.02), False)
    recorded = library.Recorded(*facts)
    race = replace(start_race("default", ["trial 1"]), networks=3, ending="decided")
    found, missing = module.check(recorded, module.Outcome(1, 9.0, 2, race, None))
    assert missing == ()
    assert found.networks == 3
    assert found.comparisons[0].high < -0.05
    later = module.Outcome(1, 9.0, 2, replace(race, networks=4), None)
    wanted = tuple((name, seed) for seed in (5, 6, 7) for name in names)
    assert module.check(recorded, later) == (None, wanted)
    kept = module.Outcome(0, 9.0, 2, race, None)
    assert module.check(recorded, kept) == (None, ())
