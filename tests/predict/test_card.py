"""Model cards as files: written, checked byte by byte, beside every export, without any name."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.analysis.reliability.tables import write_calibrated
from tests.predict.conftest import Trained, give_weights
from tests.shell import Shell
from tests.toy import Toy
from tests.toy_card import HOSPITALS, LICENCE, PATIENTS, VALUE, card_study

from myosweep.analysis.card.checklist import Item
from myosweep.analysis.card.records import ModelCard
from myosweep.analysis.card.reloaded import reloaded
from myosweep.analysis.reliability import pixel_calibrations
from myosweep.data.store import open_dataset
from myosweep.errors import StudyError
from myosweep.files import write_json
from myosweep.predict.card import (
    CARD,
    PAGE,
    check_card,
    check_export,
    make_card,
    meant,
    read_card,
    write_card,
)
from myosweep.predict.export import export_model
from myosweep.predict.networks import read_model
from myosweep.predict.sums import SUMS, changed_since, write_sums
from myosweep.results.layout import StudyFolder
from myosweep.results.reliability import WHOLE

CHOSEN = "Compared on the same patients"


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Toy:
    """Its networks have weights: small ones."""
    toy = card_study(tmp_path_factory.mktemp("original"))
    for seed, run in enumerate(toy.home.runs()):
        if run.read_settings().kind == "trained":
            give_weights(run, seed)
    return toy


@pytest.fixture
def toy(original: Toy, tmp_path: Path) -> Toy:
    """A copy of it, to be damaged."""
    shutil.copytree(original.folder.parent, tmp_path / "toy")
    home = StudyFolder(tmp_path / "toy" / original.folder.name)
    return replace(original, home=home, data=open_dataset(tmp_path / "toy" / "data"))


def flip(path: Path, place: int = -1) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


def test_the_command_writes_and_checks(toy: Toy, shell: Shell) -> None:
    out = shell("card", toy.folder, "--value", "0.0005", "--checklists")
    folder = toy.home.card("l2.strength=0.0005")
    names = {CARD, PAGE, "checklist-claim.md", "checklist-metrics-reloaded.md", SUMS}
    assert {path.name for path in folder.iterdir()} == names
    assert "Research only; not a medical device" in out
    assert f"Licence of the data: {LICENCE}" in out
    assert "Known failures" in out
    card = read_card(folder / CARD)
    assert card.architecture.parameters is not None
    assert card.architecture.parameters > 1000
    assert card.networks[0].normaliser == {
        "kind": "zero-centre", "low": 0, "high": 255, "mean": card.networks[0].normaliser["mean"]
    }  # fmt: skip
    named = {one.name for one in card.files}
    assert {"study.toml", "split.json", "runs/run-0p0005-1/weights.safetensors"} <= named
    out = shell("card", toy.folder, "--value", "0.0005", "--check")
    # the card's four files; study, split; six files of each network, four of each baseline
    assert out.startswith(f"{4 + 2 + 2 * 6 + 2 * 4} files are as the card says.\n")
    assert "The dataset’s pixels are those of the card." in out
    again = (folder / PAGE).read_bytes()
    shell("card", toy.folder, "--value", "0.0005", "--checklists")
    assert (folder / PAGE).read_bytes() == again  # the same study gives the same card


def test_one_flipped_bit_is_found(toy: Toy) -> None:
    found = meant(toy.folder, ["0.0005"])
    folder = found.folder()
    write_card(make_card(found), folder)
    own = [path for path in folder.iterdir() if path.name != SUMS]
    study = [toy.folder / one.name for one in read_card(folder / CARD).files]
    assert len(study) == 2 + 2 * 6 + 2 * 4
    for path in (*own, *study):
        content = path.read_bytes()
        if path.suffix in (".json", ".toml"):  # one that can still be read
            path.write_bytes(content + b" ")
        else:
            path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        with pytest.raises(StudyError) as caught:
            check_card(found, folder)
        name = path.relative_to(folder if path in own else toy.folder).as_posix()
        assert caught.value.problems == (f"{name} has changed (its SHA-256 is another one)",)
        path.write_bytes(content)
    assert check_card(found, folder) == (len(own) + len(study), True)


def test_what_is_gone_and_other_pixels_are_found(toy: Toy, shell: Shell) -> None:
    shell("card", toy.folder, "--value", "0.0005")
    (toy.folder / "runs/run-0p0005-0/history.csv").unlink()
    flip(toy.data.folder / "labels.npy")
    shell("card", toy.folder, "--value", "0.0005", "--check", code=2)
    assert "not everything is as the card says (2 problems):" in shell.err
    assert "- runs/run-0p0005-0/history.csv is gone" in shell.err
    assert "pixels of dataset 'data' are not those that were imported" in shell.err


def test_without_the_dataset_its_pixels_are_not_compared(toy: Toy, shell: Shell) -> None:
    shell("card", toy.folder, "--value", "0.0005")
    shutil.rmtree(toy.data.folder)
    out = shell("card", toy.folder, "--value", "0.0005", "--check")
    assert "The dataset is not at hand, so its pixels were not compared." in out


def asked(card: ModelCard, number: str) -> Item:
    return next(one for one in reloaded(card).items if one.number == number)


def test_the_card_states_how_far_probabilities_hold(toy: Toy, shell: Shell) -> None:
    """Of these very networks, in any order; after one was trained again nothing is known."""
    found = meant(toy.folder, ["0.0005"])
    nothing = make_card(found)
    assert nothing.probabilities is None
    assert asked(nothing, "FP2.7.1").status == "open"
    assert asked(nothing, "FP2.7.1").answer.startswith("Not measured for this card")
    networks = read_model(toy.folder, ["0.0005"])
    runs = tuple(member.run for member in networks.facts.members)
    for others in (runs[:1], runs):  # of other networks, and of another model of the same ones
        write_calibrated(toy.home, others, "another")
        assert make_card(found).probabilities is None
    tables = write_calibrated(toy.home, runs, networks.facts.digest)
    card = make_card(found)
    pixels = tables.pixels[tables.pixels["part"] == "test"]
    told = next(
        one
        for one in pixel_calibrations(pixels, tables.about.regions)
        if (one.region, one.calibrated) == (WHOLE, True)
    )
    known = card.probabilities
    assert known is not None
    assert (known.error, known.low, known.high) == (
        told.error.value,
        told.error.low,
        told.error.high,
    )
    assert (known.patients, known.temperature, known.near_px) == (20, 1.3, 5)
    shell("card", toy.folder, "--value", "0.0005")
    page = (found.folder() / PAGE).read_text("utf-8")
    for text in (asked(card, "FP2.7.1").answer, page):
        words = " ".join(text.split())
        assert (
            "calibration error of the answer’s probabilities, after scaling with the temperature "
            f"1.30, is {known.error:.3f} (95 % interval {known.low:.3f} to {known.high:.3f}), on "
            "20 test patients"
        ) in words
    assert asked(card, "FP2.7.1").status == "partly"
    assert f"reliability/{networks.facts.digest[:12]}/pixels.parquet" in {
        one.name for one in card.files
    }
    swapped = replace(found, members=found.members[::-1])
    assert make_card(swapped).probabilities == known
    give_weights(found.members[0], 99)
    assert make_card(found).probabilities is None


def test_a_run_has_a_card_of_its_own(toy: Toy, shell: Shell, monkeypatch) -> None:
    monkeypatch.chdir(toy.home.run("run-0p0005-0").path)
    record = json.loads(shell("card", ".", "--json"))
    assert [one["run"] for one in record["networks"]] == ["run-0p0005-0"]
    assert record["scores"]["networks"] == 1
    assert (toy.home.card("run-0p0005-0") / PAGE).is_file()


def test_an_ensembles_scores_are_its_own(toy: Toy) -> None:
    members = tuple(f"run-0p0005-{seed}" for seed in (0, 1))
    source = toy.home.run(members[0])
    place = toy.home.run("ensemble-1")
    shutil.copytree(source.path, place.path)
    what = source.read_settings()
    point = {**what.point, "ensemble": 2}
    what = what.model_copy(
        update={"kind": "ensemble", "members": members, "settings": None, "point": point}
    )
    write_json(place.settings, what.model_dump(mode="json"))
    card = make_card(meant(place.path))
    assert card.scores is not None
    assert (card.scores.kind, card.scores.networks) == ("ensemble", 1)
    assert [one.run for one in card.networks] == list(members)
    assert card.scores.values == 2  # an ensemble is no value of its own


def test_every_export_has_its_card(trained: Trained, tmp_path: Path, shell: Shell) -> None:
    run = trained.runs[0].path
    for kind in ("monai", "safetensors"):  # ONNX: in test_export.py
        out = tmp_path / kind
        export_model(run, out, kind)
        card = read_card(out / CARD)
        files = {p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file()}
        assert {one.name for one in card.exported} == files - {CARD, PAGE, SUMS}
        assert [one.run for one in card.networks] == [run.name]
        assert card.scores is not None
        assert "Files of this export." in (out / PAGE).read_text("utf-8")
        assert check_export(out) == len(files) - 1
        assert f"{len(files) - 1} files are as they were exported" in shell("card", out, "--check")
    shell("card", tmp_path / "monai", "--value", "7", code=2)
    assert "is one model, so there is no value to choose" in shell.err
    shell("card", tmp_path / "monai", "--checklists", code=2)
    assert "give --out for the checklists" in shell.err
    flip(tmp_path / "monai" / "models" / "model.pt")
    shell("card", tmp_path / "monai", "--check", code=2)
    assert "models/model.pt has changed (its SHA-256 is another one)" in shell.err
    out_ = tmp_path / "again"
    export_model(tmp_path / "safetensors", out_, "safetensors")
    again, first = read_card(out_ / CARD), read_card(tmp_path / "safetensors" / CARD)
    assert again.files == first.files
    assert {one.name for one in again.exported} == {"network-0.safetensors", "model.json"}
    for name in (CARD, PAGE, SUMS):
        (tmp_path / "safetensors" / name).unlink()
    notes = export_model(tmp_path / "safetensors", tmp_path / "bare", "safetensors").notes
    assert notes == ("The model came without a card, so none stands beside it.",)


def test_a_run_that_lies_in_no_study(toy: Toy, tmp_path: Path, shell: Shell) -> None:
    lone = tmp_path / "lone"
    shutil.copytree(toy.home.run("run-0p0005-0").path, lone)
    shell("card", lone, code=2)
    assert "run 'lone' lies in no study, so there is no place for its card; give one" in shell.err
    assert "was not at hand, so nothing was scored" in shell("card", lone, "--out", "mine")
    assert "11 files" not in shell("card", lone, "--out", "mine", "--check")
    assert shell.out.startswith("8 files are as the card says.")


def test_no_output_names_anybody(toy: Toy, tmp_path: Path, shell: Shell) -> None:
    """No patient, hospital, slice or folder: in cards, checklists, exports and what is printed."""
    out = shell("card", toy.folder, "--value", "0.0005", "--checklists", "--json")
    out += shell("card", toy.folder, "--value", "0.0005", "--check")
    export_model(toy.folder, tmp_path / "out", "safetensors", [str(VALUE)])
    texts = {"printed": out.encode()}
    for folder in (toy.home.card("l2.strength=0.0005"), tmp_path / "out"):
        texts |= {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert len(texts) > 10
    assert any(PATIENTS[0].encode() in path.read_bytes() for path in toy.folder.glob("split.json"))
    for name, text in texts.items():
        for secret in (*PATIENTS, *HOSPITALS, str(tmp_path), tmp_path.name):
            assert secret.encode() not in text, (name, secret)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("card", "STUDY"), "has networks of 2 values, and no --value means 2 of them"),
        (("card", "STUDY", "--value", "7"), "7 means 0 of them; give one of: --value l2.strength="),
        (("card", "nowhere"), "'nowhere' is no model; give the folder of a run"),
        (("card", "STUDY/runs/run-0p0005-0", "--value", "1"), "is one model, so there is no value"),
        (("card", "STUDY/runs/baseline-majority-split"), "is no network (baseline)"),
        (("card", "STUDY", "--value", "0.0005", "--check"), "there is no card in 'l2.strength="),
    ],
)
def test_mistakes_are_told(toy: Toy, shell: Shell, words: tuple[str, ...], message: str) -> None:
    shell(*(word.replace("STUDY", str(toy.folder)) for word in words), code=2)
    assert message in " ".join(shell.err.split())


def test_unfinished_and_damaged_ones_are_told(toy: Toy, shell: Shell) -> None:
    run = toy.home.run("run-0p0005-0")
    card = toy.home.card(run.id)
    shell("card", run.path)
    (card / CARD).write_text('{"format": 1}')
    shell("card", run.path, "--check", code=2)
    assert "'model-card.json' is no model card of myosweep (made_by: Field required)" in shell.err
    (card / CARD).write_text("no JSON")
    shell("card", run.path, "--check", code=2)
    assert "is no model card of myosweep" in shell.err
    run.status.unlink()
    shell("card", run.path, code=2)
    assert "has not finished (still to do)" in shell.err
    assert [one.topic for one in make_card(meant(toy.folder, ["0.005"])).warnings] == [CHOSEN]
    first, *_ = make_card(meant(toy.folder, ["0.0005"])).warnings
    assert (first.topic, first.text[:8]) == ("Preliminary", "1 of the")


def test_a_list_of_sums_that_leads_elsewhere_is_not_followed(tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    (tmp_path / "secret").write_text("x")
    (inside / "a").write_text("a")
    write_sums(inside)
    line = f"{'0' * 64}  ../secret\n"
    with (inside / SUMS).open("a") as file:
        file.write(line + line.replace("../secret", str(tmp_path / "secret")))
    count, problems = changed_since(inside)
    assert count == 3
    assert len(problems) == 2
    assert all("leads out of the folder" in problem for problem in problems)
    (inside / SUMS).unlink()
    with pytest.raises(StudyError, match="no readable list SHA256SUMS"):
        changed_since(inside)


def test_names_of_many_values_fit_a_folder(toy: Toy) -> None:
    run, *others = (one for one in toy.home.runs() if one.id.startswith("run"))
    for other in others:
        shutil.rmtree(other.path)
    what = run.read_settings()
    long = {f"augmentation.shift_px{k}": 'a/b:"' for k in range(20)}
    write_json(run.settings, what.model_copy(update={"point": long}).model_dump(mode="json"))
    name = meant(toy.folder, [f"{path}={value}" for path, value in long.items()]).name
    assert len(name) == 80
    assert not set(name) & set('/\\:"')


def test_scores_are_numbers_and_json_reads_back(toy: Toy) -> None:
    card = make_card(meant(toy.folder, ["0.0005"]))
    assert card == type(card).model_validate_json(card.model_dump_json())
    assert card.scores is not None
    assert np.isfinite(card.scores.tolerance_px)
