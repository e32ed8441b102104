"""What the server answers: progress, conclusion, slices, parts of pages, and what can be saved."""

import csv
import io
import re
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.serve.running import Running, running
from tests.toy import PAPER, Toy, toy_study
from tests.toy_tune import finished_search, toy_search

from myosweep.config import write_study_config
from myosweep.report.figures.curves import live_curves
from myosweep.report.figures.style import INK, MUTED, contender_colours
from myosweep.report.page import write_report
from myosweep.results.ledger import read_looks
from myosweep.results.read import read_masks, read_results
from myosweep.serve import work
from myosweep.serve.fragments import curves_part
from myosweep.serve.model_options import model_options

pytestmark = pytest.mark.painted


def pixels_of(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("L"))


def test_studies_are_listed_and_counted(server: Running) -> None:
    found = server.ask("/api/studies")
    assert [one["name"] for one in found["studies"]] == ["first", "second"]
    assert found["damaged"] == []
    first = found["studies"][0]
    assert first["question"] == "L2 strength: Dice of the myocardium"
    assert first["counts"]["done"] == first["counts"]["all"] == 6
    assert (first["is_over"], first["share"]) == (True, 1)
    assert first["regions"] == ["background", "blood pool", "myocardium"]


def test_a_study_can_be_served_alone(shown: Toy) -> None:
    with running(shown.folder) as alone:
        assert [one["name"] for one in alone.ask("/api/studies")["studies"]] == ["study"]


def test_runs_stand_with_their_states(server: Running) -> None:
    runs = server.ask("/api/studies/first/progress")["runs"]
    assert [(one["state"], one["epochs_done"]) for one in runs] == [("complete", 3)] * 6
    assert {one["run"] for one in runs} == {None}  # no weights: nothing to save


def test_every_slice_is_there_with_the_stored_masks(server: Running, shown: Toy) -> None:
    found = server.ask("/api/studies/first/explorer")
    index, stamp = found["index"], found["stamp"]
    assert [one["key"] for one in index["slices"]] == sorted(shown.split.test)
    results = read_results(shown.folder)
    runs = ["run-0p005-0", "run-0p005-1", "run-0p0005-0", "run-0p0005-1", "run-5e-05-0",
            "run-5e-05-1"]  # fmt: skip
    stored = [read_masks(results.folder.run(run)) for run in runs]
    keys = shown.data.slices["slice"].tolist()
    for number, one in enumerate(index["slices"]):
        place = f"/api/studies/first/slices/{number}"
        answer = server.client.get(f"{place}/masks.png", params={"stamp": stamp})
        assert answer.headers["content-type"] == "image/png"
        assert "immutable" in answer.headers["cache-control"]
        reference = shown.data.reference(results.scheme, np.array([keys.index(one["key"])]))[0]
        wanted = np.concatenate([reference, *(masks[one["key"]] for masks in stored)])
        assert np.array_equal(pixels_of(answer.content), wanted * index["step"])
        image = server.client.get(f"{place}/image.png", params={"stamp": stamp})
        assert pixels_of(image.content).shape == (index["height"], index["width"])


@pytest.mark.parametrize(
    ("place", "status"),
    [
        ("/api/studies/third/progress", 404),
        ("/api/studies/notes/progress", 404),
        ("/api/studies/..%2Fone%2Fstudy/progress", 404),
        ("/api/studies/first/slices/0/masks.png?stamp=old", 409),
        ("/api/studies/first/slices/999/image.png?stamp={stamp}", 404),
        ("/api/studies/first/slices/-1/image.png?stamp={stamp}", 422),
        ("/api/studies/first/conclusion?margin=2", 422),
        ("/api/studies/first/conclusion?region=atrium", 409),
        ("/api/studies/first/models/baseline-majority-split.zip", 404),
        ("/api/studies/first/models/..%2F..%2Fstudy.toml.zip", 404),
        ("/api/figures/0000/figure-1.svg", 404),
        ("/api/studies/first/tables/study.csv", 422),
    ],
)
def test_what_is_not_there_is_refused_in_one_sentence(
    server: Running, place: str, status: int
) -> None:
    stamp = server.ask("/api/studies/first/progress")["study"]["stamp"]
    answer = server.client.get(place.format(stamp=stamp))
    assert answer.status_code == status
    assert list(answer.json()) == ["detail"]


def test_the_own_question_is_answered_after_a_look_that_is_logged(tmp_path: Path) -> None:
    toy = toy_study(tmp_path, PAPER)
    with running(toy.folder) as server:
        place = "/api/studies/study"
        before = server.ask(f"{place}/conclusion")
        assert (before["state"], before["part"]) == ("a look", None)
        other = server.ask(f"{place}/conclusion", params={"metric": "iou", "region": "blood pool"})
        assert other["state"] == "shown"
        assert "Exploratory." in other["part"]["html"]
        assert read_looks(toy.home) == ()
        looked = server.client.post(f"{place}/looks").json()
        assert looked["state"] == "shown"
        assert not looked["is_preliminary"]
        (look,) = read_looks(toy.home)
        assert look.networks == 2
        assert "This is the first look at it" in looked["part"]["html"]
        assert server.ask(f"{place}/conclusion")["part"]["html"] == looked["part"]["html"]
        assert server.client.post(f"{place}/looks").json()["state"] == "shown"
        assert read_looks(toy.home) == (look,)


@pytest.mark.parametrize(
    ("metric", "words"), [(None, "mean Dice"), ("accuracy", "global accuracy")]
)
def test_a_score_is_asked_over_all_regions(server: Running, metric: str | None, words: str) -> None:
    asked = {"region": "all"} | ({"metric": metric} if metric else {})
    found = server.ask("/api/studies/first/conclusion", params=asked)
    assert found["state"] == "shown"
    assert f"{words} over all regions" in found["part"]["html"]
    assert "Exploratory." in found["part"]["html"]


def test_a_growing_study_is_preliminary_and_its_pages_follow(tmp_path: Path) -> None:
    toy = toy_study(tmp_path, PAPER)
    grown = toy.config.model_copy(
        update={"replicates": toy.config.replicates.model_copy(update={"seeds": 3})}
    )
    write_study_config(grown, toy.home.study)
    with running(toy.folder) as server:
        place = "/api/studies/study"
        first = server.ask(f"{place}/progress")["study"]
        assert (first["counts"]["waiting"], first["is_over"]) == (3, False)
        assert server.ask(f"{place}/conclusion", params={"metric": "iou"})["is_preliminary"]
        old = server.ask(f"{place}/explorer")
        toy.add_network({"l2.strength": 5e-3}, 2, 4)
        second = first
        while second["counts"]["done"] < 7:
            second = server.ask(f"{place}/progress")["study"]
        new = server.ask(f"{place}/explorer")
        assert second["stamp"] != first["stamp"]
        assert (len(old["index"]["networks"]), len(new["index"]["networks"])) == (2, 3)
        sprite = f"{place}/slices/0/masks.png"
        for found, maps in ((old, 7), (new, 8)):  # who has the old page can go on looking
            png = server.client.get(sprite, params={"stamp": found["stamp"]}).content
            assert len(pixels_of(png)) == maps * new["index"]["height"]


def test_parts_have_figures_that_can_be_saved(server: Running) -> None:
    part = server.ask("/api/studies/first/curves")
    assert " style=" not in part["html"]
    (name,) = part["figures"]
    svg = server.client.get(f"/api/figures/{part['part']}/{name}.svg")
    assert svg.headers["content-type"] == "image/svg+xml"
    assert b"<svg" in svg.content
    png = server.client.get(f"/api/figures/{part['part']}/{name}.png")
    assert Image.open(io.BytesIO(png.content)).width > 1000


def test_figures_of_an_open_page_can_be_saved_whatever_else_is_asked(
    tmp_path: Path, shown: Toy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "_KEPT", 1)
    toy = toy_study(tmp_path, {(5e-3,): (3,), (5e-5,): (1,)}, data=shown.data)
    with running(toy.folder) as server:
        place = "/api/studies/study"
        part = server.client.post(f"{place}/looks").json()["part"]
        svg = f"/api/figures/{part['part']}/{part['figures'][0]}.svg"
        before = server.client.get(svg)
        assert before.status_code == 200
        assert server.client.get(f"{place}/tables/runs.csv").status_code == 200
        server.ask(f"{place}/curves")  # takes the one place that there is
        assert server.client.get(svg).content == before.content
        server.ask(f"{place}/curves")
        old = server.ask(f"{place}/progress")["study"]["stamp"]
        toy.add_network({"l2.strength": 5e-5}, 1, 0)
        while server.ask(f"{place}/progress")["study"]["stamp"] == old:
            pass
        assert server.client.get(svg).status_code == 404  # it would show what nobody has looked at


def test_curves_of_a_training_that_goes_on_are_drawn(tmp_path: Path) -> None:
    toy = toy_study(tmp_path, {(5e-3,): (2,)}, baselines=False)
    for run in toy.home.runs():
        run.status.unlink()
    with running(toy.folder) as server:
        assert server.ask("/api/studies/study/progress")["study"]["counts"]["done"] == 0
        assert "Training loss" in server.ask("/api/studies/study/curves")["html"]
        assert server.ask("/api/studies/study/conclusion")["state"] == "nothing"
        assert server.ask("/api/studies/study/explorer")["index"] is None


def test_two_studies_are_compared_without_a_verdict(server: Running, shown: Toy) -> None:
    words = {"one": "first", "other": "second"}
    html = server.ask("/api/comparison", params=words)["html"]
    assert "same patients" in html
    assert "Networks per value" in html
    heads = re.findall(r"<th[^>]*>(?:<[^>]*>)*([^<\n]+)", html)
    assert heads[:3] == ["Setting", "first", "second"]  # both are called toy
    assert "better" not in html
    assert read_looks(shown.home) == ()
    same = server.ask("/api/comparison", params={"one": "first", "other": "first"})["html"]
    assert "In nothing that is known" in same


def test_tables_are_those_of_the_study(server: Running, shown: Toy) -> None:
    results = read_results(shown.folder)
    for name, rows in (("runs", 8), ("counts", len(results.counts)), ("curves", 18)):
        answer = server.client.get(f"/api/studies/first/tables/{name}.csv")
        assert f'filename="first-{name}.csv"' in answer.headers["content-disposition"]
        assert len(list(csv.DictReader(io.StringIO(answer.text)))) == rows


def test_a_study_without_its_dataset_still_answers(tmp_path: Path) -> None:
    toy = toy_study(tmp_path, PAPER)
    shutil.rmtree(toy.data.folder)
    with running(toy.folder) as server:
        found = server.ask("/api/studies/study/explorer")
        assert found["index"] is None
        assert "not at hand" in found["sentence"]
        assert server.ask("/api/studies/study/conclusion?metric=iou")["state"] == "shown"


def test_a_damaged_study_stops_no_other(tmp_path: Path, shown: Toy) -> None:
    (tmp_path / "good").symlink_to(shown.folder)
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "study.toml").write_text("name = 'bad'\nsweep = 3\n")
    with running(tmp_path) as server:
        found = server.ask("/api/studies")
        assert ([one["name"] for one in found["studies"]], found["damaged"]) == (["good"], ["bad"])
        answer = server.client.get("/api/studies/bad/progress")
        assert answer.status_code == 409
        assert str(tmp_path) not in answer.text


def test_a_search_is_as_far_as_its_budget_is_spent(tmp_path: Path) -> None:
    search = toy_search(tmp_path)
    search.add(0, 1, seconds=100.0)
    search.add(1, 1, seconds=140.0)
    search.is_at(over=False)
    with running(search.folder) as server:
        study = server.ask("/api/studies/study/progress")["study"]
    assert study["share"] == pytest.approx(2 / 20)
    assert study["seconds_left"] == pytest.approx(18 * 120)


def test_a_trial_has_one_colour_and_one_name_everywhere(tmp_path: Path) -> None:
    search = finished_search(tmp_path)
    for trial in range(9, 16):
        search.stop(trial)
    for run in search.home.runs():
        run.weights.touch()
    wanted = {"default": INK, "2": MUTED, **contender_colours(["3", "4"])}
    record = live_curves(search.home)
    assert record is not None
    assert [point.label for point in record.points][:3] == ["default", "3", "4"]
    assert (len(record.points), record.left_out) == (12, 4)
    colours = {point.label: record.colour(point) for point in record.points}
    assert {label: colours[label] for label in ("default", "3", "4")} == {
        label: wanted[label] for label in ("default", "3", "4")
    }
    assert set(colours.values()) == set(wanted.values())
    html = curves_part(search.folder).html
    assert "These are 12 of 16 trials: the default, those that race, and the last ones." in html
    options = {one.words: one.colour for one in model_options(search.folder) if one.is_value}
    for label, colour in wanted.items():
        assert options["default" if label == "default" else f"trial {label}"] == colour


def test_test_scores_of_a_search_stay_hidden(tmp_path: Path) -> None:
    search = finished_search(tmp_path)
    with running(search.folder) as server:
        study = server.ask("/api/studies")["studies"][0]
        assert (study["kind"], study["is_over"], study["share"]) == ("search", True, 1)
        assert server.ask("/api/studies/study/conclusion")["state"] == "nothing"  # not concluded
        assert server.client.post("/api/studies/study/looks").json()["state"] == "nothing"
        assert server.ask("/api/studies/study/explorer")["index"] is None
        assert "trial" in server.ask("/api/studies/study/curves")["html"]
        both = {"one": "study", "other": "study"}
        answer = server.client.get("/api/comparison", params=both)
        assert (answer.status_code, "is a search" in answer.json()["detail"]) == (409, True)
        text = server.client.get("/api/studies/study/tables/counts.csv").text
        rows = list(csv.DictReader(io.StringIO(text)))
        seen = {(row["trial"], row["seed"]) for row in rows if row["part"] == "test"}
        assert seen <= {("", "0")}  # baselines alone: nobody has looked yet
        assert read_looks(search.home) == ()
        write_report(search.folder)
        looks = read_looks(search.home)
        html = server.ask("/api/studies/study/conclusion")["part"]["html"]
        assert "Take the settings of trial 3." in html
        assert read_looks(search.home) == looks


@pytest.mark.long
def test_a_network_is_saved_with_its_card(server: Running, trained: Path) -> None:
    with running(trained) as own:
        (run,) = own.ask(f"/api/studies/{trained.name}/progress")["runs"]
        answer = own.client.get(f"/api/studies/{trained.name}/models/{run['run']}.zip")
        names = zipfile.ZipFile(io.BytesIO(answer.content)).namelist()
    assert run["label"] == "L2 strength 0.0005, seed 0"
    assert {name.split("/")[1] for name in names} == {
        "MODEL_CARD.md", "SHA256SUMS", "model-card.json", "model.json", "network-0.safetensors"
    }  # fmt: skip
