"""Sphinx configuration."""

from myosweep import __version__

project = "myosweep"
author = "The myosweep developers"
release = __version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
autodoc_typehints = "description"
autodoc_preserve_defaults = True
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"myosweep {release}"
