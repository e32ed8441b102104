"""The engine keeps its promises: the benchmark of error rates with few studies, and its parts."""

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "error_rates.py"


def _load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("error_rates", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where its records look for their own module
    spec.loader.exec_module(module)
    return module


rates = _load()
Setting = rates.Setting
EQUAL = (0.0, 0.0, 0.0)
FEW_ENOUGH = [
    (Setting("nothing", 3, 48), 250),
    (Setting("nothing", 5, 48, parts="patients dominate"), 250),
    (Setting("nothing", 5, 48, parts="networks dominate"), 250),
    (Setting("nothing", 5, 48, kind="failing"), 250),
    (Setting("nothing", 10, 48, 2), 250),
    (Setting("nothing", 5, 16, kind="missing"), 250),
    (Setting("margin", 5, 48, 0, (0.0, 0.08, -0.08), margin=0.08), 250),
    (Setting("best", 5, 48, 0, (0.0, -0.08, -0.08), margin=0.08), 200),
    (Setting("best", 10, 48, 2, EQUAL), 200),
    (Setting("looks", 10, 48), 150),
    (Setting("cost", 5, 48, 0, (0.0, 0.02, 0.02)), 100),
    (Setting("cost", 10, 80, 2, (0.0, 0.01, 0.01)), 100),
]


@pytest.mark.parametrize(
    ("setting", "studies"),
    FEW_ENOUGH,
    ids=lambda one: "" if isinstance(one, int) else f"{one.asks}-{one.networks}-{one.kind}",
)
def test_the_targets_are_kept(setting: Any, studies: int) -> None:
    found = rates.measure(setting, studies)
    asked = [target for target in rates.TARGETS if target.asks == setting.asks]
    assert asked
    for target in asked:
        rate = found[target.measure]
        assert rates.kept(target, setting, rate) != "**no**", (target.title, rate)


def test_a_method_that_ignores_networks_would_be_found_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The test can fail: with patients' scatter alone as standard error, coverage collapses."""
    setting = Setting("nothing", 5, 48, parts="networks dominate")

    def of_patients_only(table: Any, contrasts: np.ndarray) -> Any:
        scores = table.scores.mean(1, keepdims=True)
        return rates.contrasts.estimate(rates.table_of(scores, setting), contrasts)

    monkeypatch.setattr(rates, "estimate", of_patients_only)
    found = rates.measure(setting, 50)
    verdict = {
        target.title: rates.kept(target, setting, found[target.measure])
        for target in rates.TARGETS
        if target.asks == "nothing"
    }
    assert set(verdict.values()) == {"**no**"}


def test_every_target_of_the_statistics_is_simulated() -> None:
    chosen = rates.settings()
    assert len(chosen) == len(set(chosen))
    assert {target.asks for target in rates.TARGETS} == {setting.asks for setting in chosen}
    assert {one.networks for one in chosen} == {3, 5, 7, 10}
    assert {one.patients for one in chosen} == {10, 16, 48, 80}
    assert {one.parts for one in chosen} == set(rates.PARTS)
    assert {one.kind for one in chosen} >= {"normal", "t3", "failing", "near 1"}
    assert {len(one.means) for one in chosen} == {3, 7}
    assert all(one.patients >= 48 for one in chosen if one.kind == "failing")


def test_simulated_scores_are_what_they_are_said_to_be() -> None:
    rng = np.random.default_rng(0)
    setting = Setting("nothing", 10, 80, parts="typical")
    scores = rates.simulate(setting, 50, rng)
    assert scores.shape == (50, 3, 10, 80)
    total = sum(sd**2 for sd in rates.PARTS["typical"])
    assert scores.var() == pytest.approx(total, rel=0.05)
    between_networks = scores.mean(3).var(2, ddof=1).mean()
    assert between_networks == pytest.approx(0.02**2 + 0.05**2 / 80, rel=0.1)
    folds = rates.simulate(Setting("nothing", 10, 48, 2), 4, rng)
    assert (np.isfinite(folds).sum(2) == 2).all()  # every patient is tested twice
    per_network = np.isfinite(folds).sum(3)
    assert ((per_network == 9) | (per_network == 10)).all()
    failing = rates.simulate(Setting("nothing", 5, 80, kind="failing"), 40, rng)
    assert (failing < 0.3).mean() == pytest.approx(0.03, abs=0.006)
    near = rates.simulate(Setting("nothing", 5, 80, kind="near 1"), 10, rng)
    assert ((near > 0) & (near < 1)).all()
    assert np.median(near) == pytest.approx(0.95, abs=0.01)


def test_limits_and_what_keeps_them() -> None:
    coverage = rates.TARGETS[0]
    five, three = Setting("nothing", 5, 48), Setting("nothing", 3, 48)
    alike = Setting("nothing", 5, 48, parts="networks alike")
    assert rates.coverage_limits(five) == (0.93, 0.975)
    assert rates.coverage_limits(three) == (0.92, 1)
    assert rates.coverage_limits(alike) == (0.93, 1)
    assert rates.kept(coverage, five, rates.Rate(0.95, 0.001, 1000)) == "yes"
    assert rates.kept(coverage, five, rates.Rate(0.976, 0.001, 1000)) == "within error"
    assert rates.kept(coverage, five, rates.Rate(0.92, 0.001, 1000)) == "**no**"


def test_an_interrupted_run_continues_and_the_page_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chosen = [Setting("nothing", 3, 10), Setting("cost", 5, 16, 0, (0.0, 0.1, 0.1))]
    cache = tmp_path / "cache.jsonl"
    first = rates.measure_all(chosen[:1], 20, cache)
    capsys.readouterr()
    found = rates.measure_all(chosen, 20, cache)
    assert "1/1, 0 min left" in capsys.readouterr().out
    assert found[chosen[0]] == first[chosen[0]]
    assert [json.loads(line)["repetitions"] for line in cache.read_text().splitlines()] == [20, 20]
    again = rates.measure_all(chosen, 10, None)
    assert again[chosen[0]] != first[chosen[0]]
    page = rates.page(found, 20, "python benchmarks/error_rates.py")
    assert page.startswith("# Error rates")
    assert "A short run" in page
    for target in rates.TARGETS:
        if target.asks in ("nothing", "cost"):
            assert f"## {target.title}" in page
    assert "| seeds | 3 | 10 | typical |" in page
    missed = {chosen[0]: {"coverage": rates.Rate(0.5, 0.01, 20)}}
    assert "seeds, 3 networks, 10 patients, typical: 50.0 %" in rates.page(missed, 20, "")
