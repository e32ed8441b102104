"""An open page in tests: what it complains of, what it asks for, what its canvas shows."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from tests.toy import Toy

from myosweep.report.embed import page_environment, sealed
from myosweep.report.explorer.content import explorer_content
from myosweep.results.read import read_results

EXPLORER = "[data-explorer]"
_PAGE = """{% from "macros.html.j2" import head, life %}
{% from "explorer/explorer.html.j2" import frame %}
<!DOCTYPE html><html lang="en"><head>{{ head("Explorer", style, policy) }}</head><body>
<header><h1>Explorer</h1></header><main><section id="explorer"><h2>Slices</h2>{{ frame() }}
<script type="application/json" id="explorer-index">{{ page.explorer.index() | as_data }}</script>
<script type="application/json" id="explorer-pixels">{{ page.encoded() | as_data }}</script>
</section></main>{{ life({}, script) }}</body></html>"""
_PIXELS = """
  const copy = new OffscreenCanvas(canvas.width, canvas.height);
  const context = copy.getContext("2d", { willReadFrequently: true });
  context.drawImage(canvas, 0, 0);
  const pixels = context.getImageData(0, 0, canvas.width, canvas.height).data;
"""
_COLOURFUL = f"""canvas => {{ {_PIXELS}
  let count = 0;
  for (let k = 0; k < pixels.length; k += 4) {{
    if (Math.abs(pixels[k] - pixels[k + 2]) > 60) count++;
  }}
  return count;
}}"""
_CENTRES = (
    f"(canvas, [rows, columns]) => {{ {_PIXELS}"
    + """
  const found = [];
  for (let y = 0; y < rows; y++) for (let x = 0; x < columns; x++) {
    const at = (k, of, size) => Math.floor((k + 0.5) * size / of);
    const start = 4 * (at(y, rows, canvas.height) * canvas.width + at(x, columns, canvas.width));
    found.push(...pixels.slice(start, start + 3));
  }
  return found;
}"""
)


def explorer_page(toy: Toy) -> str:
    """A page with nothing but the explorer."""
    content = explorer_content(read_results(toy.folder), toy.data)
    return sealed(page_environment().from_string(_PAGE).render(page=content))


class Opened:
    """A page that was opened from disk, or from a server on this machine, as a reader does.

    Attributes:
        page: Playwright's page.
        complaints: errors of the page, and whatever it wrote to the console.
        left: addresses outside of the page that it asked for.
    """

    def __init__(self, browser: Any, path: Path | str, hash_: str, context: dict[str, Any]) -> None:
        size = {"width": 1280, "height": 900}
        self.context = browser.new_context(
            **{"viewport": size, "accept_downloads": True, **context}
        )
        self.page = self.context.new_page()
        self.page.set_default_timeout(60_000)
        self.complaints: list[str] = []
        self.left: list[str] = []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        address = path.as_uri() if isinstance(path, Path) else path
        self.page.on("request", lambda request: self._asked(request.url, address))
        self.page.goto(address + hash_)

    def close(self) -> None:
        self.context.close()

    def shows(self, *words: str) -> None:
        """Wait until what is drawn has all of these in its address."""
        tests = " && ".join(f"shown.split(/[?&]/).includes({word!r})" for word in words)
        self.page.wait_for_function(
            f"() => {{ const shown = document.querySelector('{EXPLORER}').dataset.shown ?? '';"
            f" return {tests}; }}"
        )

    def said(self, *words: str) -> None:
        """Wait until the text for those who cannot see has all of these."""
        tests = " && ".join(f"said.includes({word!r})" for word in words)
        self.page.wait_for_function(
            f"() => {{ const said = document.querySelector('[data-part=\"said\"]').textContent;"
            f" return {tests}; }}"
        )

    def colours(self, height: int, width: int, part: str = "canvas") -> np.ndarray:
        """The colour in the middle of each of the image's pixels (y, x, RGB)."""
        canvas = self.page.locator(f'[data-part="{part}"]')
        found = canvas.evaluate(_CENTRES, [height, width])
        return np.array(found, np.uint8).reshape(height, width, 3)

    def colourful(self) -> int:
        """How many of the canvas's own pixels have a colour."""
        return self.page.locator('[data-part="canvas"]').evaluate(_COLOURFUL)

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def serious_faults(self) -> list[Any]:
        """What axe-core calls a serious or critical fault of accessibility."""
        core = pytest.importorskip("axe_playwright_python.base", reason="axe is not installed")
        self.page.evaluate(core.AXE_FILE_PATH.read_text("utf-8"))
        found = self.page.evaluate("axe.run({ resultTypes: ['violations'] })")["violations"]
        return [
            (one["id"], one["impact"], [node["html"][:200] for node in one["nodes"]][:3])
            for one in found
            if one["impact"] in ("serious", "critical")
        ]

    def _asked(self, asked: str, address: str) -> None:
        if address.startswith("file:"):
            own = asked.partition("#")[0] == address
        else:
            own = urlsplit(asked)[:2] == urlsplit(address)[:2]
        if not (own or asked.startswith(("data:", "blob:"))):
            self.left.append(asked)


Opener = Callable[..., Opened]
