"""How round a mask is: by hand, by law, and of a stretched heart."""

import numpy as np
import pytest

from myosweep.metrics.shape import axis_ratio, stack_axis_ratio


def test_the_axis_ratio_does_not_depend_on_direction():
    shape = np.zeros((40, 40), bool)
    shape[10:30, 15:25] = True
    assert axis_ratio(shape) == pytest.approx(2)
    assert axis_ratio(shape.T) == pytest.approx(2)
    diagonal = np.hypot(*np.mgrid[-20:20, -20:20] @ np.eye(40)) < 12
    assert axis_ratio(diagonal) == pytest.approx(1, abs=0.01)
    assert np.isnan(axis_ratio(np.zeros((3, 3), bool)))


@pytest.mark.parametrize("stretch", [1.0, 1.5])
def test_a_stretched_heart_is_oval(stretch):
    y, x = np.mgrid[-20:20, -20:20]
    disc = np.hypot(y * stretch, x) < 15
    assert stack_axis_ratio(disc[None].repeat(3, 0)) == pytest.approx(stretch, abs=0.04)


def test_the_middle_third_of_the_slices_that_show_any_counts():
    line, square = np.zeros((9, 9), bool), np.ones((9, 9), bool)
    line[4] = True
    nothing = np.zeros_like(line)
    stack = np.stack([nothing, line, square, line, nothing])
    assert stack_axis_ratio(stack) == pytest.approx(1)
    assert np.isnan(stack_axis_ratio(stack[[0, 4]]))
