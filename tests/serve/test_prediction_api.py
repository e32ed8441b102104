"""Predictions on uploads over HTTP: what is taken, what is answered, and that nothing stays."""

import io
import json
import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient
from tests.data.dicom_files import write_series
from tests.predict.conftest import Trained
from tests.serve.uploading import child, predicting_app

from myosweep.serve.guard import Limits
from myosweep.serve.job import Job, Made

WHO = "Kowalski"
MADE = Made(
    regions=(), step=85, models=({"networks": 2, "sentences": ()},), cases=(), slices=(),
    warnings=("Look.",), problems=(), downloads=("mask.png",),
)  # fmt: skip
LEAVES_NOTES = (
    "notes = Path(sys.argv[1]).parent / 'notes.json'\n"
    "notes.write_text(json.dumps({'files': sorted(p.name for p in (folder / 'upload').iterdir()),"
    " 'job': json.loads((folder / 'job.json').read_text()), 'folder': str(folder)}))\n"
)
ANSWERS = (
    "(folder / 'results').mkdir()\n(folder / 'results' / 'mask.png').write_bytes(b'mask')\n"
    f"(folder / 'outcome.json').write_text('''{{\"made\": {MADE.model_dump_json()}, "
    '"problem": ""}\'\'\')\n'
)


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the server keeps its files; after each test there must be none of them."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


@contextmanager
def serving(*given: Any, **options: Any) -> Iterator[TestClient]:
    """A client of ``predicting_app``."""
    with TestClient(predicting_app(*given, **options), base_url="http://localhost") as client:
        yield client


def png(pixels: np.ndarray | None = None) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.zeros((32, 32), np.uint8) if pixels is None else pixels).save(file, "PNG")
    return file.getvalue()


def send(
    client: TestClient, *files: tuple[str, bytes], model: Any = "l2.strength=0.005", **options: Any
) -> Any:
    return client.post(
        "/api/studies/study/predictions",
        files=[("files", file) for file in files or (("a.png", png()),)],
        data={"model": model, **options},
    )


def settled(client: TestClient, name: str, within_s: float = 120.0) -> Any:
    """A prediction as soon as it is neither waiting nor running."""
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        now = client.get(f"/api/predictions/{name}").json()
        if now["state"] not in ("waiting", "running"):
            return now
        time.sleep(0.02)
    raise AssertionError("the prediction does not end")


def test_the_models_of_a_study(drawn: Trained) -> None:
    with serving(drawn.folder) as client:
        found = client.get("/api/studies/study/models").json()
        assert client.get("/api/studies/other/models").status_code == 404
    words = [(one["kind"], one["words"], one["networks"]) for one in found["models"]]
    assert words[:2] == [("value", "L2 strength 0.005", 2), ("value", "L2 strength 0.00005", 2)]
    assert [kind for kind, _, _ in words[2:]] == ["run"] * 4
    assert {one["key"] for one in found["models"][2:]} == {f"run:{run.id}" for run in drawn.runs}
    colours = [one["colour"] for one in found["models"]]
    assert colours[0] == colours[2] != colours[1]
    assert found["most_bytes"] == Limits().upload_bytes


def test_a_prediction_from_upload_to_deletion(
    drawn: Trained, workplace: Path, caplog: pytest.LogCaptureFixture, capfd: Any
) -> None:
    """With the program that really predicts, on a series that names its patient."""
    caplog.set_level(logging.DEBUG)
    images = np.stack(drawn.dataset.images[:2])
    written = write_series(workplace.parent / "in", images, patient=WHO)
    files = [(f"{WHO}/{path.name}", path.read_bytes()) for path in written.files]
    answers: list[Any] = []
    with serving(drawn.folder) as client:

        def ask(place: str) -> Any:
            answers.append(client.get(place))
            return answers[-1]

        sent = send(client, *files, model=["l2.strength=0.005", f"run:{drawn.runs[0].id}"])
        assert sent.status_code == 202, sent.text
        name = sent.json()["id"]
        now = settled(client, name)
        assert now["state"] == "done", now
        result = now["result"]
        assert [one["networks"] for one in result["models"]] == [2, 1]
        assert 0 < now["seconds_left"] <= 60
        for number in range(2):
            grey = ask(f"/api/predictions/{name}/slices/{number}/image.png")
            assert grey.headers["content-type"] == "image/png"
            assert grey.headers["cache-control"] == "no-store"
            masks = ask(f"/api/predictions/{name}/slices/{number}/masks.png")
            assert Image.open(io.BytesIO(masks.content)).size == (32, 64)
        volume = ask(f"/api/predictions/{name}/cases/0/image.nii.gz")
        assert volume.content[:2] == b"\x1f\x8b"
        assert ask(f"/api/predictions/{name}/cases/0/masks/1.nii.gz").status_code == 200
        for one in result["downloads"]:
            saved = ask(f"/api/predictions/{name}/{one['name']}")
            assert len(saved.content) == one["bytes"]
            assert saved.headers["content-disposition"].startswith("attachment")
        for place in ("slices/2/image.png", "cases/1/image.nii.gz", "cases/0/masks/2.nii.gz",
                      "mask.png", "job.json", "outcome.json", "slices/-1/image.png"):  # fmt: skip
            assert ask(f"/api/predictions/{name}/{place}").status_code in (404, 422)
        left = [path for path in workplace.rglob("*") if path.is_file()]
        assert left
        assert not any("upload" in path.parts for path in left)
        assert all(WHO.encode() not in path.read_bytes() for path in left)
        assert client.delete(f"/api/predictions/{name}").status_code == 204
        assert not [path for path in workplace.rglob("*") if path.is_file()]
        gone = client.get(f"/api/predictions/{name}")
        assert (gone.status_code, list(gone.json())) == (404, ["detail"])
    assert list(workplace.iterdir()) == []
    said = sent.text + json.dumps(now) + caplog.text + "".join(capfd.readouterr())
    assert WHO not in said
    assert all(WHO.encode() not in answer.content for answer in answers)
    assert all(WHO not in str(answer.headers) for answer in answers)


def test_what_the_program_is_given(drawn: Trained, workplace: Path) -> None:
    with serving(drawn.folder, child(LEAVES_NOTES, ANSWERS)) as client:
        files = [(f"{WHO}.PNG", png()), ("../../up.png", png()), ("x\x00y.png", png())]
        sent = send(client, *files, heart="centre", turn="270", mirror="true")
        assert settled(client, sent.json()["id"])["result"]["warnings"] == ["Look."]
    notes = json.loads((workplace / "notes.json").read_text())
    assert notes["files"] == [f"upload-000{number}.png" for number in (1, 2, 3)]
    job = Job.model_validate(notes["job"])
    assert (job.heart, job.turn, job.mirror) == ("centre", 270, True)
    assert [one.values for one in job.models] == [("l2.strength=0.005",)]
    assert Path(job.models[0].place) == drawn.folder
    assert not Path(notes["folder"]).exists()
    (workplace / "notes.json").unlink()
    assert list(workplace.iterdir()) == []


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("os.abort()\n", "ended in the midst of this file"),
        ("(folder / 'outcome.json').write_text('no JSON')\n", "ended in the midst of this file"),
        ("", "ended in the midst of this file"),
        ("time.sleep(60)\n", "more time than the 0.4 s"),
        ("kept = [b'x' * 2**27]\ntime.sleep(60)\n", "more memory than the 0.0977 GB"),
    ],
)
def test_a_program_that_fails_is_one_sentence(drawn: Trained, code: str, words: str) -> None:
    bounds = {"seconds": 0.4 if "time.sleep" in code and "kept" not in code else 60.0}
    with serving(drawn.folder, child(code), memory_bytes=100 * 2**20, **bounds) as client:
        name = send(client).json()["id"]
        now = settled(client, name)
        assert now["state"] == "failed"
        assert words in now["sentence"]
        assert now["result"] is None
        answer = client.get(f"/api/predictions/{name}/slices/0/image.png")
        assert (answer.status_code, answer.json()) == (409, {"detail": now["sentence"]})
        assert send(client).status_code == 202  # the server lives on


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.exe", b"MZ", "of no kind that is taken"),
        (f"{WHO}.png", b"text", "is called a PNG picture, but is none"),
        ("a.dcm", b"\0" * 200, "is called a DICOM file, but is none"),
        ("a.nii", b"\0" * 400, "is called a NIfTI volume, but is none"),
        ("a.nii.gz", b"\0" * 400, "is called a compressed NIfTI volume"),
        ("a.mat", b"MATLAB", "is called a file of Segment, but is none"),
        ("a.png", b"", "is called a PNG picture, but is none"),
        ("upload.py", b"import os", "of no kind that is taken"),
        ("README", b"text", "of no kind that is taken"),
    ],
)
def test_what_is_no_image_is_refused(
    drawn: Trained, workplace: Path, name: str, content: bytes, words: str
) -> None:
    with serving(drawn.folder, child()) as client:
        answer = send(client, ("good.png", png()), (name, content))
        assert answer.status_code == 415
        assert list(answer.json()) == ["detail"]
        assert words in answer.json()["detail"]
        assert answer.json()["detail"].startswith("File 2 ")
        assert WHO not in answer.text
        assert not [path for path in workplace.rglob("*") if path.is_file()]


def test_dicom_files_are_known_whatever_they_are_called(drawn: Trained, workplace: Path) -> None:
    written = write_series(workplace.parent / "in", np.zeros((1, 32, 32), np.uint16))
    content = written.files[0].read_bytes()
    names = ("IM0001", "1.2.840.113.7", "a.IMA", "a.dcm")
    with serving(drawn.folder, child(LEAVES_NOTES, ANSWERS)) as client:
        settled(client, send(client, *((name, content) for name in names)).json()["id"])
    notes = json.loads((workplace / "notes.json").read_text())
    assert notes["files"] == [f"upload-000{number}.dcm" for number in (1, 2, 3, 4)]


def test_too_large_and_too_many_are_refused(drawn: Trained, workplace: Path) -> None:
    with serving(drawn.folder, child(), Limits(upload_bytes=4000)) as client:
        answer = send(client, ("a.png", png() + b"\0" * 4000))
        assert (answer.status_code, list(answer.json())) == (413, ["detail"])
        head = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n'
        answer = client.post(
            "/api/studies/study/predictions",
            content=iter([head, *[b"\0" * 1000] * 9]),  # without a length that would tell
            headers={"Content-Type": "multipart/form-data; boundary=x"},
        )
        assert (answer.status_code, list(answer.json())) == (413, ["detail"])
        answer = send(client, *[("", b"")] * 1001)
        assert answer.status_code in (400, 413)
        assert list(answer.json()) == ["detail"]
    assert list(workplace.iterdir()) == []


@pytest.mark.parametrize(
    "options",
    [
        {"model": "l2.strength=7"},
        {"model": "run:../../etc"},
        {"model": []},
        {"turn": "45"},
        {"heart": "here"},
        {"mirror": "perhaps"},
    ],
)
def test_what_cannot_be_asked_for_is_told(drawn: Trained, options: Any) -> None:
    with serving(drawn.folder, child()) as client:
        answer = send(client, **options)
        assert answer.status_code == 422
        assert isinstance(answer.json()["detail"], str)
        assert client.post("/api/studies/study/predictions").status_code == 422


def test_more_than_can_wait_are_sent_away(drawn: Trained) -> None:
    sleeps = child("time.sleep(60)\n")
    with serving(drawn.folder, sleeps, at_once=1, waiting=2) as client:
        names = [send(client).json()["id"] for _ in range(3)]
        answer = send(client)
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) > 0
        assert "try again" in answer.json()["detail"]
        now = [client.get(f"/api/predictions/{name}").json() for name in names]
        assert [(one["state"], one["before"]) for one in now] == [
            ("running", 0), ("waiting", 0), ("waiting", 1),
        ]  # fmt: skip
        assert client.delete(f"/api/predictions/{names[0]}").status_code == 204
        assert client.get(f"/api/predictions/{names[0]}").status_code == 404
        assert send(client).status_code == 202
        began = time.monotonic()
    assert time.monotonic() - began < 10  # the server's end does not wait for them


def test_results_do_not_stay(drawn: Trained, workplace: Path) -> None:
    with serving(drawn.folder, child(ANSWERS), kept_s=0.3) as client:
        name = send(client).json()["id"]
        assert settled(client, name)["state"] == "done"
        until = time.monotonic() + 10
        while client.get(f"/api/predictions/{name}").status_code != 404:
            assert time.monotonic() < until
            time.sleep(0.05)
        while any(path.is_file() for path in workplace.rglob("*")):
            assert time.monotonic() < until
            time.sleep(0.05)


def test_nobody_guesses_the_name_of_a_prediction(drawn: Trained) -> None:
    with serving(drawn.folder, child(ANSWERS)) as client:
        names = {send(client).json()["id"] for _ in range(3)}
        assert len(names) == 3
        assert all(len(name) >= 32 for name in names)
        for wrong in ("a" * 32, "..%2f..%2fetc", "short", "."):
            assert client.get(f"/api/predictions/{wrong}").status_code in (404, 422)


def test_the_server_itself_loads_no_torch() -> None:
    import subprocess

    code = "import sys\nimport myosweep.serve.prediction_api\nassert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
