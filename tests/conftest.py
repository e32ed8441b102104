"""What all tests share: checked array types, the data in ../shared, small datasets and studies."""

import gc
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jaxtyping import install_import_hook

os.environ["COLUMNS"] = "200"  # rich reads it once, when the console is made
_CACHE = tempfile.TemporaryDirectory(prefix="myosweep-cache-")
os.environ["XDG_CACHE_HOME"] = _CACHE.name  # what tests measure is no user's measurement
# Tests run side by side, and networks are tiny: a second thread would only wait, and take six times
# the processor time.
os.environ["OMP_NUM_THREADS"] = "1"
os.sched_getaffinity = lambda _: {0}  # type: ignore[attr-defined]

gc.set_threshold(100_000, 20, 20)  # a worker's libraries are a million objects, looked through anew

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as shells start what runs in the background
    signal.signal(signal.SIGINT, signal.default_int_handler)

_SOURCES = Path(__file__).resolve().parents[1] / "src"
_WITH_ARRAYS = [
    ".".join(file.relative_to(_SOURCES).with_suffix("").parts).removesuffix(".__init__")
    for file in sorted(_SOURCES.rglob("*.py"))
    if "jaxtyping" in file.read_text("utf-8")
]
if os.environ.get("PYTEST_XDIST_WORKER", "gw0") == "gw0":  # of several workers one, for the time
    _HOOK = install_import_hook(_WITH_ARRAYS, "beartype.beartype")

import pytest  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402
from matplotlib.layout_engine import ConstrainedLayoutEngine  # noqa: E402

from myosweep.config import StudyConfig, study_config  # noqa: E402
from myosweep.data.phantom_dataset import make_phantom  # noqa: E402
from myosweep.data.store import Dataset  # noqa: E402
from tests.report.explorer.browsing import Opened, Opener  # noqa: E402
from tests.shell import Shell  # noqa: E402

SHARED = Path(__file__).resolve().parents[2] / "shared"

NO_PICTURE = b"\x89PNG" + bytes(150_000)
"""As large as a figure usually is; pages embed what is smaller."""


@pytest.fixture(scope="module", autouse=True)
def unpainted(request: pytest.FixtureRequest) -> Iterator[None]:
    """Figures are not laid out and no PNG is painted, except where a module is ``painted``."""
    with pytest.MonkeyPatch.context() as patched:
        if request.node.get_closest_marker("painted") is None:
            save = Figure.savefig

            def save_svg(figure: Figure, file: Any, **how: Any) -> None:
                if how["format"] == "svg":
                    save(figure, file, **how)
                else:
                    file.write(NO_PICTURE)

            patched.setattr(Figure, "savefig", save_svg)
            patched.setattr(ConstrainedLayoutEngine, "execute", lambda engine, figure: None)
        yield


@pytest.fixture(scope="session")
def emidec_files() -> Path:
    """The folder of real slices; tests that need it are skipped where it is not."""
    folder = SHARED / "data" / "emidec"
    if not folder.is_dir():
        pytest.skip("the EMIDEC slices are not beside this checkout (../shared/data/emidec)")
    return folder


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Debian's Chromium, driven by Playwright."""
    driven = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("there is no Chromium here (apt-get install chromium)")
    with driven.sync_playwright() as playwright:
        options = ["--no-sandbox", "--disable-gpu"]
        started = playwright.chromium.launch(executable_path=program, args=options)
        yield started
        started.close()


@pytest.fixture
def open_page(browser: Any) -> Iterator[Opener]:
    """Opens pages; afterwards nothing must have gone wrong, or left this machine."""
    opened: list[Opened] = []

    def opener(path: Path | str, hash_: str = "", **context: Any) -> Opened:
        opened.append(Opened(browser, path, hash_, context))
        return opened[-1]

    yield opener
    for one in opened:
        one.close()
    for one in opened:
        assert one.complaints == []
        assert one.left == []


@pytest.fixture(scope="session")
def small_dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Six phantom patients on 32 x 32 pixels."""
    return make_phantom(tmp_path_factory.mktemp("data") / "small", patients=6, seed=1, size=32)


@pytest.fixture
def small_study(small_dataset: Dataset) -> StudyConfig:
    """Two values, two seeds, two epochs of a tiny network: seconds in all."""
    return study_config(
        {
            "name": "small",
            "dataset": str(small_dataset.folder),
            "split": {"fractions": [0.5, 0.17, 0.33]},
            "settings": {
                "first_filters": 2,
                "depth": 2,
                "epochs": 2,
                "learning_rate": 1e-3,
                "precision": "float32",
            },
            "sweep": {"l2.strength": [5e-3, 5e-5]},
            "replicates": {"seeds": 2},
        }
    )


@pytest.fixture
def shell(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Shell:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    return Shell(monkeypatch, capsys)
