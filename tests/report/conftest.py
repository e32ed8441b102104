"""What tests of pages share."""

from typing import Any

import pytest
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

USUAL_BYTES = 150_000
"""Of a figure as PNG; pages embed what is smaller."""


@pytest.fixture
def svg_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures are drawn as SVG, and not laid out; their PNG is no picture but as large."""
    save = Figure.savefig

    def save_svg(figure: Figure, file: Any, **how: Any) -> None:
        if how["format"] == "svg":
            save(figure, file, **how)
        else:
            file.write(bytes(USUAL_BYTES))

    monkeypatch.setattr(Figure, "savefig", save_svg)
    monkeypatch.setattr(ConstrainedLayoutEngine, "execute", lambda engine, figure: None)
