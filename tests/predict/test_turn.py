"""Images that lie otherwise than in training: what the network sees, and where its masks end."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.predict.models import by_grey, codes_by_grey, facts_for, grey_model
from tests.shell import Shell

from myosweep.errors import StudyError
from myosweep.predict.cases import find_cases
from myosweep.predict.grid import Grid
from myosweep.predict.run import plan_prediction, predict
from myosweep.predict.turn import AS_IT_IS, Turn

TURNS = [Turn(degrees, mirrored) for degrees in (0, 90, 180, 270) for mirrored in (False, True)]
assert len(TURNS) == 8


def test_turns_by_hand() -> None:
    """1 2 above 3 4: counter-clockwise 2 4 above 1 3; mirrored first, 1 3 above 2 4."""
    image = np.array([[1, 2], [3, 4]])
    assert Turn(90).apply(image).tolist() == [[2, 4], [1, 3]]
    assert Turn(180).apply(image).tolist() == [[4, 3], [2, 1]]
    assert Turn(0, True).apply(image).tolist() == [[2, 1], [4, 3]]
    assert Turn(90, True).apply(image).tolist() == [[1, 3], [2, 4]]


@pytest.mark.parametrize("turn", TURNS, ids=str)
def test_there_and_back_is_nothing(turn: Turn) -> None:
    stack = np.arange(24).reshape(2, 3, 4)
    seen = turn.apply(stack)
    assert seen.shape[1:] == turn.sides((3, 4))
    np.testing.assert_array_equal(turn.undo(seen), stack)
    assert (turn == AS_IT_IS) == np.array_equal(seen, stack)


def top_row(images: np.ndarray) -> np.ndarray:
    """A network that finds blood pool in the uppermost row of what it sees, and nowhere else."""
    regions = np.zeros((len(images), *images.shape[2:]), int)
    regions[:, 0] = 1
    return np.moveaxis(np.eye(3, dtype=np.float32)[regions], 3, 1)


def test_masks_lie_as_their_images(tmp_path: Path) -> None:
    """Turned counter-clockwise, an image's right edge is what the network sees above."""
    (tmp_path / "in").mkdir()
    Image.fromarray(np.full((24, 20), 50, np.uint8)).save(tmp_path / "in" / "a.png")
    for turn, edge in ((Turn(90), np.s_[:, -1]), (Turn(0, True), np.s_[0, :])):
        out = tmp_path / f"out-{turn.degrees}"
        model = grey_model(*turn.sides((24, 20)), top_row)
        plan = plan_prediction(find_cases(tmp_path / "in"), out)
        assert not predict(model, plan, out, turn=turn).problems
        mask = np.asarray(Image.open(out / "masks" / "a.png"))
        assert (mask[edge] == 1).all()
        assert np.count_nonzero(mask) == mask[edge].size


@pytest.mark.parametrize("turn", TURNS, ids=str)
def test_a_turned_image_is_resampled_and_put_back(turn: Turn) -> None:
    """Pixels of 0.9 x 1.2 mm, seen at 1.5 mm; a disc beside the middle stays in its place."""
    y, x = np.mgrid[:100, :80]
    away_mm = np.hypot((y - 42.3) * 0.9, (x - 47.1) * 1.2)
    image = np.where(away_mm < 15, 220, 20).astype(np.uint8)
    facts = facts_for(64, 64, spacing_mm=(1.5, 1.5))
    grid = Grid.for_model(facts, (100, 80), (0.9, 1.2), turn)
    assert grid.seen == turn.sides((60, 64))
    inputs, _ = grid.cut(grid.resample(image[None]), grid.centre())
    regions = grid.put_back(by_grey(inputs[:, None].astype(np.float32)), grid.centre())[0]
    wrong = (regions > 0) != (codes_by_grey(image) > 0)
    assert not wrong[np.abs(away_mm - 15) > 1.5].any()


def test_other_patients_need_another_folder(tmp_path: Path) -> None:
    """Pictures of one patient have their heart at one place: the pattern is part of the way."""
    (tmp_path / "in").mkdir()
    Image.fromarray(np.full((16, 16), 50, np.uint8)).save(tmp_path / "in" / "a_1.png")
    pattern = "(?P<patient>[a-z])_"
    plan = plan_prediction(find_cases(tmp_path / "in", patient=pattern), tmp_path / "out")
    model = grey_model(16, 16)
    for told, other in ((pattern, None), (None, pattern)):
        out = tmp_path / f"out-{told is None}"
        predict(model, plan, out, patient=told)
        predict(model, plan, out, patient=told)
        assert pattern not in (out / "predictions.json").read_text()
        with pytest.raises(StudyError, match="--mirror or --patient"):
            predict(model, plan, out, patient=other)


def test_another_turn_needs_another_folder(tmp_path: Path, shell: Shell) -> None:
    (tmp_path / "in").mkdir()
    Image.fromarray(np.full((16, 16), 50, np.uint8)).save(tmp_path / "in" / "a.png")
    plan = plan_prediction(find_cases(tmp_path / "in"), tmp_path / "out")
    predict(grey_model(16, 16), plan, tmp_path / "out")
    with pytest.raises(StudyError, match="with another --heart, --turn, --mirror or --patient"):
        predict(grey_model(16, 16), plan, tmp_path / "out", turn=Turn(90))
    (tmp_path / "out" / "predictions.json").unlink()
    with pytest.raises(StudyError, match=r"'masks' already, but no predictions.json"):
        predict(grey_model(16, 16), plan, tmp_path / "out")
    shell("predict", "model", "in", "out", "--turn", "45", code=2)
    assert "'45' is not one of '0', '90', '180', '270'" in " ".join(shell.err.split())
