"""Prediction in a browser: upload, the right pixels, volumes in three planes, deletion."""

import io
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from PIL import Image
from tests.data.nifti_files import affine_of, save
from tests.predict.conftest import Trained
from tests.report.explorer.browsing import Opened, Opener
from tests.serve.uploading import answering, child, predicting_app
from tests.toy import Toy

from myosweep.predict.cases import find_cases
from myosweep.predict.open import open_model
from myosweep.predict.run import plan_prediction, predict
from myosweep.report.figures.style import region_colours

SIDE = 32
LONG_MS = 120_000
_NO_WEBGL = """() => {
  window.usual = HTMLCanvasElement.prototype.getContext;
  HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {
    return kind === "webgl2" ? null : usual.call(this, kind, ...rest);
  };
}"""


@pytest.fixture(scope="module")
def address(drawn: Trained) -> Iterator[str]:
    with answering(predicting_app(drawn.folder)) as found:
        yield found


def rgb(code: int) -> np.ndarray:
    return np.array([round(255 * channel) for channel in to_rgb(region_colours(3)[code])])


def masks_of(drawn: Trained, path: Path, out: Path, value: str = "0.005") -> np.ndarray:
    """The region maps that a prediction gives without any server."""
    model = open_model(drawn.folder, [value], device="cpu", threads=1)
    predict(model, plan_prediction(find_cases(path), out, ["png"]), out)
    files = sorted((out / "masks").rglob("*.png"))
    return np.stack([np.asarray(Image.open(file)) for file in files])


def upload(opened: Opened, path: Path) -> None:
    opened.page.locator('#predict-model option[value="l2.strength=0.005"]').wait_for(
        state="attached"
    )
    opened.page.get_by_label("Images").set_input_files(path)
    opened.page.get_by_role("button", name="Predict").press("Enter")
    shown(opened, "slice=0&view=contours")


def shown(opened: Opened, words: str) -> None:
    place = f'[data-part="result"][data-shown*="{words}"]'
    opened.page.locator(place).wait_for(timeout=LONG_MS)


def check_masks(opened: Opened, wanted: np.ndarray, part: str = "canvas") -> None:
    colours = opened.colours(*wanted.shape, part)
    for code in (1, 2):
        assert (wanted == code).any()
        assert (colours[wanted == code] == rgb(code)).all()
    grey = colours[wanted == 0]
    assert (grey == grey[:, :1]).all()


def as_masks(opened: Opened) -> None:
    """By the keyboard: masks, with full opacity."""
    opened.page.locator('[data-part="pictures"]').focus()
    opened.press("2")
    opened.page.get_by_label("Opacity").press("End")
    shown(opened, "view=masks&opacity=100")
    opened.page.locator('[data-part="pictures"]').focus()


def test_a_picture_is_uploaded_and_its_masks_are_shown(
    drawn: Trained, address: str, open_page: Opener, tmp_path: Path
) -> None:
    path = tmp_path / "Kowalski.png"
    Image.fromarray(np.asarray(drawn.dataset.images[3])).save(path)
    asked: list[str] = []
    opened = open_page(f"{address}/predict", bypass_csp=True, color_scheme="dark")
    opened.page.on("request", lambda one: asked.append(f"{one.url} {one.post_data or ''}"))
    opened.page.locator("#predict-other option").nth(2).wait_for(state="attached")
    opened.page.locator("#predict-other").select_option("l2.strength=5e-05")
    upload(opened, path)
    as_masks(opened)
    for value, part in (("0.005", "canvas"), ("5e-05", "other-canvas")):
        (wanted,) = masks_of(drawn, path, tmp_path / value, value)
        check_masks(opened, wanted, part)
    assert "Kowalski.png" in opened.page.locator('[data-part="which"]').inner_text()
    assert not any("Kowalski" in one for one in asked)
    assert "not a medical device" in opened.page.locator('[data-part="result"]').inner_text()
    assert opened.serious_faults() == []
    with opened.page.expect_download() as waiting:
        opened.page.get_by_role("link", name="masks.zip").click()
    assert Path(waiting.value.path()).read_bytes()[:2] == b"PK"
    opened.page.get_by_role("button", name="Delete now").press("Enter")
    opened.page.locator('[data-part="state"]', has_text="Deleted").wait_for()
    assert not opened.page.locator('[data-part="result"]').is_visible()


@pytest.fixture
def volume(drawn: Trained, tmp_path: Path) -> Path:
    images = np.stack(drawn.dataset.images[:3])
    path = tmp_path / "P07.nii.gz"
    save(path, np.transpose(images, (2, 1, 0)), affine_of("axial", (1.5, 1.5, 8.0)))
    return path


@pytest.mark.long
def test_a_volume_is_shown_slice_by_slice_and_in_three_planes(
    drawn: Trained, address: str, open_page: Opener, volume: Path, tmp_path: Path
) -> None:
    opened = open_page(f"{address}/predict?study=study", viewport={"width": 390, "height": 844})
    opened.page.locator("#predict-other option").nth(2).wait_for(state="attached")
    opened.page.locator("#predict-other").select_option("l2.strength=5e-05")
    upload(opened, volume)
    as_masks(opened)
    for number, wanted in enumerate(masks_of(drawn, volume, tmp_path / "out")):
        shown(opened, f"slice={number}&")
        check_masks(opened, wanted)
        opened.press("ArrowDown")
    opened.page.evaluate(_NO_WEBGL)
    planes = opened.page.locator("summary", has_text="In three planes")
    planes.press("Enter")
    opened.page.locator('[data-part="volume-state"]', has_text="no WebGL 2").wait_for()
    planes.press("Enter")
    opened.page.evaluate("() => { HTMLCanvasElement.prototype.getContext = usual; }")
    planes.press("Enter")
    opened.page.locator('[data-part="volume"][data-shown="0"]').wait_for(timeout=LONG_MS)
    frame = opened.page.locator(".volume-frame")
    pixels = np.asarray(Image.open(io.BytesIO(frame.screenshot())).convert("RGB"), int)
    for code in (1, 2):  # half of the region's colour, half of some grey
        rest = pixels - rgb(code) / 2
        assert (np.ptp(rest, axis=-1) < 6).sum() > 50
    mask = opened.page.get_by_label("Mask of")
    options = mask.locator("option").all_inner_texts()
    assert options == ["L2 strength 0.005", "L2 strength 0.00005"]
    with opened.page.expect_request("**/cases/0/masks/1.nii.gz"):
        mask.select_option(options[1])
    opened.page.locator('[data-part="volume"][data-model="1"]').wait_for(timeout=LONG_MS)
    assert opened.page.evaluate("document.documentElement.scrollWidth") == 390
    told = "GL Driver Message (OpenGL, Performance"  # a processor draws instead of a graphics card
    opened.complaints[:] = [one for one in opened.complaints if told not in one]


def test_what_goes_wrong_is_told_in_one_sentence(
    drawn: Trained, shown: Toy, open_page: Opener, tmp_path: Path
) -> None:
    """The first study has no weights."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "bare").symlink_to(shown.folder)
    (home / "drawn").symlink_to(drawn.folder)
    picture, other = tmp_path / "Kowalski.png", tmp_path / "notes.txt"
    Image.new("L", (SIDE, SIDE)).save(picture)
    other.write_text("text")
    says = "Image 'upload-0001' cannot be read as an image; is it damaged?"
    outcome = json.dumps({"made": None, "problem": says})
    command = child(f"(folder / 'outcome.json').write_text({outcome!r})\n")
    with answering(predicting_app(home, command)) as address:
        opened = open_page(f"{address}/predict", bypass_csp=True)
        study = opened.page.get_by_label("Study")
        problem = opened.page.locator('[data-part="problem"]')
        opened.page.locator("#predict-model option").first.wait_for(state="attached")
        assert study.input_value() == "drawn"
        assert not problem.is_visible()
        study.select_option("bare")
        problem.get_by_text("The weights of this study’s networks are not here").wait_for()
        study.select_option("drawn")
        problem.wait_for(state="hidden")
        opened.page.get_by_label("Images").set_input_files([picture, other])
        opened.page.locator('[data-part="chosen"]', has_text="1 file is left out").wait_for()
        opened.page.get_by_role("button", name="Predict").click()
        problem.get_by_text("is it damaged?").wait_for()
        assert "“Kowalski.png” cannot be read" in problem.inner_text()
        assert opened.serious_faults() == []
        opened.close()


@pytest.mark.long
def test_files_are_dropped(drawn: Trained, open_page: Opener) -> None:
    with answering(predicting_app(drawn.folder, child(""))) as address:
        opened = open_page(f"{address}/predict")
        opened.page.locator("#predict-model option").first.wait_for(state="attached")
        opened.page.locator('[data-part="drop"]').evaluate(
            """place => {
                const given = new DataTransfer();
                given.items.add(new File(["x".repeat(3000)], "a.dcm"));
                given.items.add(new File(["text"], "notes.txt"));
                place.dispatchEvent(new DragEvent("drop", { dataTransfer: given, bubbles: true }));
            }"""
        )
        chosen = opened.page.locator('[data-part="chosen"]', has_text="a.dcm, 3 kB.")
        chosen.wait_for()
        assert "1 file is left out" in chosen.inner_text()
        assert opened.page.get_by_role("button", name="Predict").is_enabled()
        opened.close()
