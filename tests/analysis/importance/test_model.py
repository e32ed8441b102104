"""The model behind the shares: its slopes, its draws, its predictions."""

import numpy as np
import pytest
from scipy.optimize import approx_fprime

from myosweep.analysis.importance.model import Strengths, _cost, draw_variances, learn, predict
from myosweep.analysis.importance.space import Design, Domain
from myosweep.randomness import stream

DOMAINS = {
    "kind": Domain("category", categories=("a", "b", "c")),
    "strength": Domain("float", 1e-6, 1e-2, log=True, when={"kind": "a"}),
    "rate": Domain("float", 0.0, 1.0),
    "depth": Domain("int", 1, 16, log=True),
}


def design_of(count: int) -> Design:
    random = np.random.default_rng(0)
    points = []
    for _ in range(count):
        kind = str(random.choice(["a", "b", "c"]))
        point = {"kind": kind, "rate": float(random.random()), "depth": int(random.integers(1, 17))}
        points.append(point | ({"strength": 10 ** random.uniform(-6, -2)} if kind == "a" else {}))
    return Design.of(points, DOMAINS)


def test_the_slope_is_that_of_the_cost() -> None:
    design, random = design_of(25), np.random.default_rng(1)
    usual = Strengths.usual(design).vector
    vector, scores = usual + 0.3 * random.standard_normal(len(usual)), random.standard_normal(25)
    numeric = approx_fprime(vector, lambda x: _cost(x, design, scores)[0], 1e-6)
    assert _cost(vector, design, scores)[1] == pytest.approx(numeric, rel=1e-3, abs=1e-3)


def test_where_trials_say_nothing_draws_are_what_was_assumed() -> None:
    design = design_of(3)
    loud = Strengths(Strengths.usual(design).effects, Strengths.usual(design).smooth, 12.0)
    found = draw_variances(design, np.zeros(3), loud, 4000, stream(0, "bootstrap"))
    assert found.shape == (4000, len(design.paths) + len(design.pairs))
    expected = np.exp(loud.effects) * np.array(design.counting)
    assert found.mean(0) == pytest.approx(expected, rel=0.15)


def test_draws_agree_with_a_function_that_the_trials_pin_down() -> None:
    random = np.random.default_rng(2)
    values = [float(one) for one in random.random(60)]
    design = Design.of([{"rate": one} for one in values], {"rate": DOMAINS["rate"]})
    truth = np.sqrt(2) * np.cos(np.pi * np.array(values))  # the first wave: variance 1
    strengths = learn(design, truth)
    found = draw_variances(design, truth, strengths, 200, stream(0, "bootstrap"))
    assert found[:, 0] == pytest.approx(np.ones(200), abs=0.05)
    there = Design.of([{"rate": 0.0}, {"rate": 0.5}, {"rate": 1.0}], {"rate": DOMAINS["rate"]})
    expected = [np.sqrt(2), 0.0, -np.sqrt(2)]
    assert predict(design, truth, strengths, there) == pytest.approx(expected, abs=0.05)
