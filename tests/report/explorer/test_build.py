"""What the explorer knows, without a browser: scores, selection, pixels."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.toy import DIVERGED, Toy, toy_study

from myosweep.analysis.movers import slices_that_move
from myosweep.config import LevelNames, write_study_config
from myosweep.regions import NO_REGION
from myosweep.report.embed import as_data
from myosweep.report.explorer.choose import Picked, pick, selection_words
from myosweep.report.explorer.content import explorer_content
from myosweep.report.explorer.pixels import code_step, image_png, masks_png
from myosweep.report.policy import POLICY_PLACE, sealed
from myosweep.report.scripts import page_script
from myosweep.results.read import read_masks, read_results

pytestmark = pytest.mark.painted


def decoded(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("L"))


def test_scores_and_movement_are_those_of_the_tables(toy: Toy) -> None:
    results = read_results(toy.folder)
    content = explorer_content(results, toy.data)
    assert content is not None
    index = content.explorer
    assert [one.values for one in index.axes] == [("0.00005", "0.0005", "0.005")]
    assert [(one.label, one.at) for one in index.points] == [
        ("0.005", (2,)), ("0.0005", (1,)), ("0.00005", (0,))
    ]  # fmt: skip
    assert index.networks == ("seed 0", "seed 1")
    assert [one.key for one in index.slices] == sorted(toy.split.test)
    moved = {one.slice: one for one in slices_that_move(results, "myocardium", "dice")}
    for one in index.slices:
        assert one.patient == one.key.split("_")[0]
        assert one.moved == pytest.approx(moved[one.key].range)
        assert one.cells == (0, 1, 2, 3, 4, 5)
        assert one.scores[4] == 1  # seed 0 of the last value is perfect
        assert one.scores[0] == pytest.approx(2 * moved[one.key].lowest - (one.scores[1] or 0))


def test_sprites_hold_the_stored_masks_and_nothing_is_lost(toy: Toy) -> None:
    results = read_results(toy.folder)
    content = explorer_content(results, toy.data)
    assert content is not None
    runs = ["run-0p005-0", "run-0p005-1", "run-0p0005-0", "run-0p0005-1", "run-5e-05-0",
            "run-5e-05-1"]  # fmt: skip
    stored = [read_masks(results.folder.run(run)) for run in runs]
    keys = toy.data.slices["slice"].tolist()
    for one, pixels in zip(content.explorer.slices, content.pixels, strict=True):
        reference = toy.data.reference(results.scheme, np.array([keys.index(one.key)]))[0]
        wanted = np.concatenate([reference, *(masks[one.key] for masks in stored)])
        assert np.array_equal(decoded(pixels.masks), wanted * content.explorer.step)


def test_no_answer_is_the_code_after_the_last_region() -> None:
    maps = [np.array([[0, 1], [2, NO_REGION]], np.uint8)]
    assert decoded(masks_png(maps, 3)).tolist() == [[0, 85], [170, 255]]
    assert code_step(3) == 85
    many = np.arange(200, dtype=np.uint8).reshape(10, 20)
    assert np.array_equal(decoded(masks_png([many], 200)), many * code_step(200))


def test_grey_levels_leave_padding_and_outliers_out() -> None:
    image = np.full((20, 20), 1000, np.uint16)
    image[:, 10:] = 2000
    image[0, 0] = 60000
    padding = np.zeros(image.shape, bool)
    padding[0, 0] = True
    grey = decoded(image_png(image, padding))
    assert (grey[1, 0], grey[1, 19], grey[0, 0]) == (0, 255, 0)
    nothing = image_png(np.zeros((2, 2), np.uint8), np.ones((2, 2), bool))
    assert decoded(nothing).max() == 0


def test_the_most_telling_slices_come_first() -> None:
    moved = np.array([0.1, 0.5, np.nan, 0.3, 0.2])
    score = np.array([0.9, 0.5, np.nan, 0.2, 0.7])
    picked = pick(moved, score)
    assert picked[0] == Picked(1, "moved")
    assert Picked(3, "moved") in picked[:3] or picked[1] == Picked(3, "random")
    assert sorted(one.number for one in picked) == [0, 1, 2, 3, 4]
    assert [one.kind for one in picked if one.number == 2] == ["random"]
    assert pick(np.array([]), np.array([])) == ()


def test_every_kind_has_its_turn_among_many() -> None:
    rng = np.random.default_rng(1)
    moved, score = rng.random(1000), rng.random(1000)
    first = pick(moved, score)[:60]
    counts = {kind: sum(one.kind == kind for one in first) for kind in ("moved", "worst", "best")}
    assert counts == {"moved": 30, "worst": 10, "best": 10}
    largest = {one.number for one in first if one.kind == "moved"}
    assert min(moved[list(largest)]) >= np.sort(moved)[-41]
    assert selection_words(first, 1000).startswith("60 of 1000 test slices: 30 on which the value")


def test_without_room_some_slices_are_shown_and_the_page_says_which(toy: Toy) -> None:
    results = read_results(toy.folder)
    content = explorer_content(results, toy.data, most_bytes=1)
    assert content is not None
    assert len(content.pixels) == 1
    assert content.explorer.selection == "1 of 4 test slices: 1 on which the value matters most."
    (first,) = slices_that_move(results, "myocardium", "dice", most=1)
    assert content.explorer.slices[0].moved == pytest.approx(first.range)


def test_a_study_that_grows_has_sliders_for_what_is_there(crossed: Toy) -> None:
    content = explorer_content(read_results(crossed.folder), crossed.data)
    assert content is not None
    index = content.explorer
    assert [(one.name, one.values) for one in index.axes] == [
        ("L2 strength", ("0", "0.001")), ("learning rate", ("0.0001", "0.001"))
    ]  # fmt: skip
    assert [one.at for one in index.points] == [(1, 0), (1, 1), (0, 0)]


def test_values_with_names_have_one_slider(tmp_path: Path) -> None:
    """Fields whose values go together are one thing; without names their combinations are."""
    key, fields = "dropout, augmentation.flip", ("dropout", "augmentation.flip", "l2.strength")
    shifts = {(*pair, l2): (1,) for pair in ((0.5, 0.5), (0.0, 0.5)) for l2 in (1e-3, 0.0)}
    toy = toy_study(tmp_path, shifts, fields=fields)
    levels = {key: ((0.5, 0.5), (0.0, 0.5)), "l2.strength": (1e-3, 0.0)}
    names = {key: LevelNames(title="remedy", levels=("both", "no dropout"))}
    write_study_config(
        toy.config.model_copy(update={"sweep": levels, "names": names}), toy.home.study
    )
    content = explorer_content(read_results(toy.folder), toy.data)
    assert content is not None
    assert [(one.name, one.values) for one in content.explorer.axes] == [
        ("remedy", ("both", "no dropout")), ("L2 strength", ("0", "0.001"))
    ]  # fmt: skip
    assert [one.at for one in content.explorer.points] == [(0, 1), (0, 0), (1, 1), (1, 0)]


def test_with_folds_a_slice_has_the_networks_that_tested_it(tmp_path: Path) -> None:
    shifts = {(1e-3,): (2, 1, 2, DIVERGED), (1e-4,): (0, 1)}
    folds = {"design": "folds", "repeats": 2, "folds": 2}
    toy = toy_study(tmp_path, shifts, replicates=folds, baselines=False)
    content = explorer_content(read_results(toy.folder), toy.data)
    assert content is not None
    assert content.explorer.networks[1] == "seed 1, repeat 1, fold 2"
    tests = [set(toy.splits[f"repeat-{r}-fold-{f}"].test) for r in (1, 2) for f in (1, 2)]
    for one in content.explorer.slices:
        there = [seed for seed, keys in enumerate(tests) if one.key in keys]
        wanted = (*there, *(4 + seed for seed in there if seed < 2))
        assert one.cells == wanted


def test_data_in_a_page_cannot_end_its_element() -> None:
    text = as_data({"patient": "</script><b>&"})
    assert "<" not in text
    assert json.loads(text) == {"patient": "</script><b>&"}


def test_the_script_is_one_module() -> None:
    script = page_script()
    assert 'modules["explorer/maps.js"] = (() => {' in script
    assert script.index('modules["explorer/maps.js"] =') < script.index('modules["script/page.js"]')
    for line in script.splitlines():
        assert not line.startswith(("import ", "export "))
    assert "</script" not in script


def test_a_sealed_page_names_what_it_may_run_and_holds_no_style_attribute() -> None:
    page = (
        f'<head><meta content="{POLICY_PLACE}"><style>p {{}}</style></head>'
        '<p style="color: red">a</p><i style="color: red">b</i><b style="fill: &quot;x&quot;">c</b>'
        '<script type="module">f(1)</script>'
        '<script type="application/json">"<p style=\\"\\">"</script>'
    )
    made = sealed(page)
    assert made.count(' data-look="0"') == 2
    assert '[data-look="0"]{color: red}\n[data-look="1"]{fill: "x"}' in made
    assert made.endswith('"<p style=\\"\\">"</script>')  # data stay as they are
    # printf 'f(1)' | openssl dgst -sha256 -binary | base64
    assert "script-src 'sha256-DDALPP+E99MtoO7ArZmX+ZiQi0gj553Vbu67sUYkIo4=';" in made
    assert made.count("'sha256-") == 3
    assert POLICY_PLACE not in made
