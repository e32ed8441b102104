"""Prediction tells how sure it is: maps in the source's geometry, and slices to look at."""

import csv
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from PIL import Image
from tests.predict.models import FIVE, by_grey, facts_for, in_steps

from myosweep.errors import StudyError
from myosweep.predict.cases import find_cases
from myosweep.predict.grid import Grid, Place
from myosweep.predict.model import Asked, Model
from myosweep.predict.run import plan_prediction, predict
from myosweep.predict.watch import (
    Watch,
    find_calibration,
    score_record,
    slice_scores,
    watch_for,
)
from myosweep.results.reliability import Calibration, read_calibration, write_calibration

SIDE = 16
NAMES = ("agreed", "empty", "split")


def doubtful(images: np.ndarray) -> np.ndarray:
    """As ``by_grey``, with 0.8 instead of 1."""
    return (by_grey(images) * 0.7 + 0.1).astype(np.float32)


def two_networks(images: np.ndarray, copies: int) -> Asked:
    """The second network sees myocardium one column further to the right, in dark pictures only."""
    mean = doubtful(images)
    first = mean.argmax(1).astype(np.uint8)
    moved = np.roll(first, 1, 2)
    dark = (images.max((1, 2, 3)) < 240)[:, None, None]
    votes = [first, np.where(dark, moved, first)] * copies
    return Asked(mean, np.stack(votes).astype(np.uint8))


def model(networks: int = 2) -> Model:
    facts = facts_for(SIDE, SIDE)
    members = facts.members * networks
    return Model(facts.model_copy(update={"members": members}), doubtful, "by hand", two_networks)


def of_five() -> Model:
    """Two networks of five regions; the second takes all infarct for normal myocardium."""

    def ask(images: np.ndarray, copies: int) -> Asked:
        mean = in_steps(images)
        first = mean.argmax(1).astype(np.uint8)
        votes = [first, np.where(first == 3, 2, first)] * copies
        return Asked(mean, np.stack(votes).astype(np.uint8))

    facts = facts_for(SIDE, SIDE, regions=FIVE)
    return Model(facts.model_copy(update={"members": facts.members * 2}), in_steps, "by hand", ask)


def calibration(one: Model, threshold: float | None = 0.6, **changes: object) -> Calibration:
    facts = {
        "made_by": "tests",
        "model": one.facts.digest,
        "copies": 1,
        "temperature": 2.0,
        "region": "myocardium",
        "failure": 0.6,
        "catch": 0.9,
        "threshold": threshold,
        "promise": True,
        "sentences": ("Of 10 failures the flag catches 9.",),
    }
    return Calibration.model_validate(facts | changes)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """One on which both networks agree, one without myocardium, one with a thin split ring."""
    folder = tmp_path / "in"
    folder.mkdir()
    agreed, empty, split = np.full((3, SIDE, SIDE), 20, np.uint8)
    agreed[4:12, 4:12] = 250
    empty[4:12, 4:12] = 120
    split[4:12, 4:6] = 220
    for name, pixels in zip(NAMES, (agreed, empty, split), strict=True):
        Image.fromarray(pixels).save(folder / f"{name}.png")
    return folder


def rows(out: Path) -> list[dict[str, str]]:
    with (out / "slices.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def done(one: Model, folder: Path, out: Path, *forms, watch: Watch | None = None):
    watch = watch or watch_for(one, None)
    plan = plan_prediction(find_cases(folder), out, forms, scored=watch.copies is not None)
    return predict(one, plan, out, watch=watch)


def test_slices_come_with_the_least_agreement_first(pictures, tmp_path):
    done(model(), pictures, tmp_path / "out")
    found = rows(tmp_path / "out")
    assert [one["case"] for one in found] == ["empty", "split", "agreed"]
    assert [float(one["agreement"]) for one in found] == [0, 0.5, 1]
    assert [int(one["pixels"]) for one in found] == [0, 16, 64]
    assert {one["look"] for one in found} == {""}
    assert found[0]["words"] == "no myocardium found"


def test_a_calibrated_model_flags(pictures, tmp_path):
    one = model()
    outcome = done(one, pictures, tmp_path / "out", watch=watch_for(one, calibration(one)))
    assert [score.look for score in outcome.scores] == [True, True, False]
    found = rows(tmp_path / "out")
    assert [row["look"] for row in found] == ["yes", "yes", "no"]
    assert found[0]["words"] == "no myocardium found: look whether there is one"
    assert found[1]["words"] == "look at this one: little agreement on the myocardium"
    without = watch_for(one, calibration(one, None))
    assert [s.look for s in done(one, pictures, tmp_path / "other", watch=without).scores] == [
        None
    ] * 3


def test_networks_that_tell_infarct_apart_are_asked_about_the_whole_wall(tmp_path):
    """4 pixels of normal myocardium, 3 of infarct, no no-reflow; the networks agree on the wall."""
    pixels = np.full((SIDE, SIDE), 20, np.uint8)
    pixels[5, 4:8], pixels[6, 4:7] = 120, 170
    (tmp_path / "in").mkdir()
    Image.fromarray(pixels).save(tmp_path / "in" / "heart.png")
    one = of_five()
    done(one, tmp_path / "in", tmp_path / "wall")
    (found,) = rows(tmp_path / "wall")
    told = {name: found[name] for name in ("region", "agreement", "pixels", "words")}
    assert told == {"region": "myocardium", "agreement": "1.0000", "pixels": "7", "words": ""}
    write_calibration(tmp_path, calibration(one, region="infarct"))  # as older versions chose it
    older = find_calibration(tmp_path, one)
    done(one, tmp_path / "in", tmp_path / "scar", watch=watch_for(one, older))
    (found,) = rows(tmp_path / "scar")
    assert (found["region"], found["agreement"], found["look"]) == ("infarct", "0.0000", "yes")


def test_scores_of_older_versions_do_not_tell_the_whole_wall(tmp_path):
    one, file = of_five(), tmp_path / "case.json"
    file.write_bytes(score_record(tuple(FIVE), np.ones((1, 5)), np.full((1, 5), 9)))
    with pytest.raises(StudyError, match=r"'case.json' do not tell the myocardium"):
        slice_scores([("case", file)], watch_for(one, None))
    older = watch_for(one, calibration(one, region="infarct"))
    assert [found.region for found in slice_scores([("case", file)], older)] == ["infarct"]


def test_scores_are_not_judged_by_another_calibration(pictures, tmp_path):
    """Not even when nothing is left to predict."""
    one, out = model(), tmp_path / "out"
    done(one, pictures, out, watch=watch_for(one, calibration(one)))
    before = (out / "slices.csv").read_bytes()
    with pytest.raises(StudyError, match="calibrated otherwise; give another folder"):
        done(one, pictures, out, watch=watch_for(one, calibration(one, 0.9, copies=4)))
    assert (out / "slices.csv").read_bytes() == before


@pytest.mark.parametrize("changes", [{"copies": 1}, {"copies": 2, "region": "atrium"}])
def test_a_calibration_that_does_not_fit_is_refused(tmp_path, changes):
    one = model(networks=1)
    write_calibration(tmp_path, calibration(one, **changes))
    with pytest.raises(StudyError, match="does not fit its model"):
        find_calibration(tmp_path, one)


def test_a_slice_exactly_on_the_threshold_is_flagged(tmp_path):
    """Dices are fractions such as 2/3, and kept scores are rounded; just above it none is."""
    one, file = model(), tmp_path / "case.json"
    exact = sorted({a / b for b in range(1, 40) for a in range(b + 1)})
    assert 2 / 3 in exact
    for threshold in exact:
        values = np.array([[1.0, 1.0, threshold], [1.0, 1.0, threshold + 1e-5]])
        file.write_bytes(score_record(one.facts.scheme.names, values, np.full((2, 3), 9)))
        watch = watch_for(one, calibration(one, threshold))
        found = slice_scores([("case", file)], watch)
        assert [score.look for score in found] == [True, False]


def test_one_network_alone_has_no_scores_unless_it_was_calibrated(pictures, tmp_path):
    one = model(1)
    assert not done(one, pictures, tmp_path / "out").scores
    assert not (tmp_path / "out" / "slices.csv").exists()
    watch = watch_for(one, calibration(one, copies=2))
    assert len(done(one, pictures, tmp_path / "other", watch=watch).scores) == 3


def test_what_is_there_is_kept_and_counted(pictures, tmp_path):
    out = tmp_path / "out"
    done(model(), pictures, out)
    before = rows(out)
    (out / "agreement" / "split.json").unlink()
    (out / "slices.csv").unlink()
    assert done(model(), pictures, out).cases == 1
    assert rows(out) == before
    (out / "agreement" / "split.json").write_text("{}")
    with pytest.raises(StudyError, match=r"scores 'split.json' are damaged"):
        done(model(), pictures, out)


def test_maps_and_overlays_of_pictures(pictures, tmp_path):
    one, out = model(), tmp_path / "out"
    done(one, pictures, out, "overlay", "uncertainty")
    drawn = np.asarray(Image.open(out / "uncertainty" / "agreed.png"))
    assert (drawn == round(0.2 * 255)).all()
    red = np.asarray(Image.open(out / "overlays" / "empty.png")).astype(int)
    assert red[0, 0, 0] > red[0, 0, 1] == red[0, 0, 2]
    watch = watch_for(one, calibration(one))
    done(one, pictures, tmp_path / "mild", "uncertainty", watch=watch)
    milder = np.asarray(Image.open(tmp_path / "mild" / "uncertainty" / "agreed.png"))
    root = np.sqrt([0.8, 0.1, 0.1])
    assert (milder == round((1 - root[0] / root.sum()) * 255)).all()


def test_two_ways_are_not_mixed(pictures, tmp_path):
    one, out = model(), tmp_path / "out"
    done(one, pictures, out, "png", "uncertainty")
    (out / "uncertainty" / "empty.png").unlink()
    with pytest.raises(StudyError, match="before the model was calibrated"):
        done(one, pictures, out, "uncertainty", watch=watch_for(one, calibration(one)))
    (out / "agreement" / "empty.json").unlink()
    with pytest.raises(StudyError, match="give another folder"):
        done(one, pictures, out, watch=watch_for(one, calibration(one, copies=2)))
    assert done(one, pictures, out, watch=watch_for(one, calibration(one))).cases == 1


def test_a_volume_gets_its_map_in_its_own_geometry(tmp_path):
    affine = np.array([[0, -1.5, 0, 7], [1.5, 0, 0, -3], [0, 0, 8, 2], [0, 0, 0, 1.0]])
    pixels = np.full((20, 22, 3), 20, np.int16)
    pixels[8:14, 8:14] = 120
    nib.save(nib.Nifti1Image(pixels, affine), tmp_path / "heart.nii.gz")
    done(model(), tmp_path / "heart.nii.gz", tmp_path / "out", "uncertainty")
    written = nib.load(tmp_path / "out" / "uncertainty" / "heart.nii.gz")
    assert np.array_equal(written.affine, affine)
    values = np.asarray(written.dataobj)
    assert values.dtype == np.float32
    assert values.shape == pixels.shape
    assert np.unique(values).tolist() == pytest.approx([0, 0.2])  # 0 where no network looked
    assert len(rows(tmp_path / "out")) == 3


def test_a_second_input_adds_to_the_list(pictures, tmp_path):
    """In the same order as if all had come in one input; a case may lie in a subfolder."""
    one, out = model(), tmp_path / "out"
    watch = watch_for(one, calibration(one))
    more = tmp_path / "more" / "other"
    more.mkdir(parents=True)
    for name, new in zip(NAMES, ("a10", "a9", "b"), strict=True):
        shutil.copy(pictures / f"{name}.png", more / f"{new}.png")
    done(one, pictures, out, watch=watch)
    outcome = done(one, tmp_path / "more", out, watch=watch)
    wanted = ["empty", "other/a9", "other/b", "split", "agreed", "other/a10"]
    assert [row["case"] for row in rows(out)] == wanted
    assert [row["look"] for row in rows(out)] == ["yes"] * 4 + ["no"] * 2
    assert [score.case for score in outcome.scores] == wanted
    before = (out / "slices.csv").read_bytes()
    done(one, pictures, out, watch=watch)  # nothing is left to do
    assert (out / "slices.csv").read_bytes() == before


def test_doubt_is_interpolated_with_the_probabilities():
    grid = Grid((8, 8), (1.0, 1.0), 2.0, (4, 4))
    sure = np.zeros((1, 2, 4, 4), np.float32)
    sure[:, 0, :, :2], sure[:, 1, :, 2:] = 1, 1
    doubt = grid.put_back_doubt(sure, Place(0, 0))
    assert doubt.shape == (1, 8, 8)
    assert doubt[0, 4].tolist() == pytest.approx([0, 0, 0, 0.25, 0.25, 0, 0, 0])


def test_where_a_calibration_is_found(tmp_path):
    one = model()
    assert find_calibration(tmp_path, one) is None
    write_calibration(tmp_path, calibration(one))
    assert find_calibration(tmp_path, one) == calibration(one)
    assert find_calibration(tmp_path / "model.onnx", one) is None
    (tmp_path / "model.onnx").touch()
    assert find_calibration(tmp_path / "model.onnx", one) == calibration(one)
    assert find_calibration(tmp_path, model(3)) is None  # a network more: another model
    with pytest.raises(StudyError, match="made for another model"):
        find_calibration(tmp_path, model(3), tmp_path / "reliability.json")
    with pytest.raises(StudyError, match=r"no calibration 'none.json'"):
        find_calibration(tmp_path, one, tmp_path / "none.json")
    (tmp_path / "reliability.json").write_text("{")
    (tmp_path / "large.json").write_text(" " * 2_000_000 + "{}")
    with pytest.raises(StudyError, match="is no calibration, or a damaged one"):
        read_calibration(tmp_path / "large.json")
    with pytest.raises(StudyError, match="is no calibration, or a damaged one"):
        find_calibration(tmp_path, one)
