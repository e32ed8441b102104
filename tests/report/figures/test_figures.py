"""Figures: what their records hold, and that each can be drawn."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.toy import DIVERGED, toy_study

from myosweep.analysis.points import points
from myosweep.regions import NO_REGION
from myosweep.report.embed import embedded, inline_svg
from myosweep.report.figures.curves import curves_figure, draw_curves
from myosweep.report.figures.masks import difference_map, draw_masks, masks_figure
from myosweep.report.figures.scores import draw_scores, scores_figure
from myosweep.report.figures.style import Drawing, region_colours, value_colour
from myosweep.report.pictures import MOST_POINTS, choose_slices, read_pictures
from myosweep.results.read import Results, read_results

pytestmark = pytest.mark.painted


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    return read_results(toy_study(tmp_path_factory.mktemp("toy")).folder)


def check(drawing: Drawing) -> None:
    """It is an SVG with text as text, and a PNG; the same bytes would come again."""
    assert drawing.svg.startswith("<?xml")
    assert "<text" in drawing.svg
    assert drawing.png.startswith(b"\x89PNG")
    assert drawing.alt.endswith(".")
    assert "dc:date" not in drawing.svg


def test_scores_figure_has_a_panel_per_region_and_one_for_all(results: Results) -> None:
    record = scores_figure(results)
    assert [panel.title for panel in record.panels] == [
        "Region 1: background",
        "Region 2: blood pool",
        "Region 3: myocardium",
        "All regions",
    ]
    assert [group.metric for group in record.panels[0].groups] == ["accuracy", "iou", "bf"]
    accuracy = record.panels[0].groups[0]
    assert [len(bar.scores) for bar in accuracy.bars] == [2, 2, 2]
    assert accuracy.no_image is not None
    assert record.panels[3].groups[1].metric == "mean_accuracy"
    check(draw_scores(record))


def test_scores_of_diverged_single_and_many_networks_can_be_drawn(tmp_path: Path) -> None:
    shifts = {(number / 100,): (number % 4,) for number in range(9)} | {(0.5,): (DIVERGED,)}
    toy = toy_study(tmp_path, shifts, baselines=False, patients=5)
    record = scores_figure(read_results(toy.folder))
    assert record.panels[0].groups[0].no_image is None
    assert np.isnan(record.panels[0].groups[2].bars[-1].mean)
    check(draw_scores(record))


def test_curves_divide_the_gradients(results: Results) -> None:
    record = curves_figure(results)
    assert record is not None
    ratio = record.panels[3]
    assert ratio.logarithmic
    assert [curve.point.label for curve in ratio.curves[:3]] == ["0.005", "0.005", "0.0005"]
    assert ratio.curves[0].values == pytest.approx((0.04, 0.02, 0.04 / 3))
    check(draw_curves(record))


def test_decay_beside_the_gradients_is_no_gradient(tmp_path: Path) -> None:
    kinds = {("penalty",): (1,), ("decoupled",): (1,)}
    toy = toy_study(tmp_path, kinds, fields=("l2.kind",), baselines=False, patients=5)
    record = curves_figure(read_results(toy.folder))
    assert record is not None
    assert record.panels[3].title == "L2 gradient / data gradient"
    assert [curve.point.label for curve in record.panels[3].curves] == ["penalty"]
    check(draw_curves(record))


def test_where_all_weights_decay_their_norm_is_drawn(tmp_path: Path) -> None:
    kinds = {("decoupled",): (1,)}
    toy = toy_study(tmp_path, kinds, fields=("l2.kind",), baselines=False, patients=5)
    run = next(toy.home.runs())
    pd.read_csv(run.history).assign(weight_norm=[50.0, 48.0, 47.0]).to_csv(run.history, index=False)
    record = curves_figure(read_results(toy.folder))
    assert record is not None
    assert record.panels[3].title == "Weight norm"
    assert record.panels[3].curves[0].values == (50, 48, 47)
    check(draw_curves(record))


def test_strengths_that_were_learned_have_a_panel(tmp_path: Path) -> None:
    toy = toy_study(tmp_path, {(5e-3,): (1,), (5e-4,): (1,)}, baselines=False, patients=5)
    per_layer, per_network = toy.home.runs()
    for run, layers in ((per_layer, 2), (per_network, 1)):
        history = pd.read_csv(run.history)
        for layer in range(layers):
            history[f"l2_strength_{layer + 1}"] = np.geomspace(1e-4, 1e-2 * 10**layer, len(history))
        history.to_csv(run.history, index=False)
    record = curves_figure(read_results(toy.folder))
    assert record is not None
    assert record.learned is not None
    ends = [(curve.point.label, curve.values[-1]) for curve in record.learned.curves]
    layered, plain = (label for label, _ in (ends[0], ends[2]))
    assert {layered, plain} == {"0.005", "0.0005"}
    assert ends == [
        (layered, pytest.approx(0.01)),
        (layered, pytest.approx(0.1)),
        (plain, pytest.approx(0.01)),
    ]
    check(draw_curves(record))


def test_curves_of_one_epoch_without_l2(tmp_path: Path) -> None:
    toy = toy_study(tmp_path, {(0.0,): (1,)}, epochs=1, baselines=False, patients=5)
    run = next(toy.home.runs())
    history = run.history.read_text().replace("0.03", "0.0")
    run.history.write_text(history)
    record = curves_figure(read_results(toy.folder))
    assert record is not None
    assert record.panels[3].curves[0].values == (0,)
    check(draw_curves(record))
    run.history.unlink()
    assert curves_figure(read_results(toy.folder)) is None


def test_difference_map_tells_errors_apart() -> None:
    reference = np.array([[0, 1, 2, 2, 0, 1, NO_REGION, 2]], np.uint8)
    prediction = np.array([[0, 0, 2, 0, 2, 1, 2, NO_REGION]], np.uint8)
    # neither, other regions' error, both, missed, too much, neither, ignored, missed
    assert difference_map(reference, prediction, 2).tolist() == [[0, 4, 1, 3, 2, 0, 0, 3]]


def test_masks_figure_counts_pixels_like_the_tables(results: Results) -> None:
    record = masks_figure(results, read_pictures(results))
    assert record is not None
    assert (record.picked, record.left_out, record.networks) == (True, 0, "seed 0")
    for block in record.blocks:
        for row in block.rows:
            counts = results.counts[
                (results.counts["run"] == row.run)
                & (results.counts["slice"] == block.key)
                & (results.counts["region"] == "myocardium")
            ].iloc[0]
            assert (row.too_much_px, row.missed_px) == (counts["fp"], counts["fn"])
    check(draw_masks(record))


def test_slices_are_picked_by_disagreement(results: Results) -> None:
    pictures = read_pictures(results)
    picked = choose_slices(results, pictures)
    keys = sorted(results.counts.loc[results.counts["part"] == "test", "slice"].unique())
    masks = [dict(pictures.masks(number, keys)) for number in range(len(pictures.shown))]
    answers = {key: np.stack([of_point[key] == 2 for of_point in masks]) for key in keys}
    disagreement = {key: int((a.any(0) & ~a.all(0)).sum()) for key, a in answers.items()}
    ranked = sorted(disagreement, key=lambda key: (disagreement[key], key))
    assert picked == (ranked[(len(ranked) - 1) // 2], ranked[-1])


def test_chosen_slices_are_shown_in_their_order(results: Results) -> None:
    keys = results.counts.loc[results.counts["part"] == "test", "slice"].unique()[:3].tolist()
    record = masks_figure(results, read_pictures(results), keys[::-1])
    assert record is not None
    assert [block.key for block in record.blocks] == keys[::-1]
    assert not record.picked
    check(draw_masks(record))


def test_one_network_is_compared_with_the_reference(tmp_path: Path) -> None:
    toy = toy_study(tmp_path, {(1e-3,): (DIVERGED,)}, patients=5)
    results = read_results(toy.folder)
    record = masks_figure(results, read_pictures(results))
    assert record is not None
    (row,) = record.blocks[-1].rows
    assert row.missed_px == (record.blocks[-1].reference == 2).sum()
    check(draw_masks(record))


def test_of_many_values_some_are_shown(tmp_path: Path) -> None:
    toy = toy_study(tmp_path, {(n / 100,): (1,) for n in range(12)}, patients=5, baselines=False)
    pictures = read_pictures(read_results(toy.folder))
    assert len(pictures.shown) == MOST_POINTS
    assert [pictures.shown[0].label, pictures.shown[-1].label] == ["0", "0.11"]


def test_colours_do_not_change_while_a_study_grows(results: Results) -> None:
    found = points(results)
    assert len({value_colour(point) for point in found}) == 3
    assert len(set(region_colours(3))) == 3


def test_the_smaller_of_svg_and_png_is_embedded() -> None:
    svg = '<?xml version="1.0"?><svg viewBox="0 0 1 1"><text>a &lt; b</text></svg>'
    small = Drawing("one", svg, b"0" * 1000, 'a "figure"')
    assert embedded(small).startswith('<svg role="img" aria-label="a &#34;figure&#34;"')
    large = Drawing("one", svg.replace("a &lt; b", "a" * 5000), b"0" * 1000, 'a "figure"')
    assert embedded(large).startswith('<img alt="a &#34;figure&#34;" src="data:image/png;base64,')


def test_ids_of_embedded_figures_do_not_meet() -> None:
    svg = (
        '<svg viewBox="0 0 1 1"><defs><path id="m1"/><clipPath id="p1"/></defs><g id="axes_1">'
        '<use xlink:href="#m1" clip-path="url(#p1)" style="fill: #1c2733"/></g></svg>'
    )
    body = inline_svg(Drawing("one", svg, b"", "."))
    assert 'id="one-m1"' in body
    assert 'href="#one-m1"' in body
    assert "url(#one-p1)" in body
    assert "axes_1" not in body
    assert "fill: var(--ink)" in body
