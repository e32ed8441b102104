"""What tests of pages share."""

from typing import Any

import pytest
from matplotlib.figure import Figure


@pytest.fixture
def svg_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures are drawn as SVG alone: a PNG of the same takes as long, and only goes to a file."""
    save = Figure.savefig

    def save_svg(figure: Figure, file: Any, **how: Any) -> None:
        if how["format"] == "svg":
            save(figure, file, **how)

    monkeypatch.setattr(Figure, "savefig", save_svg)
