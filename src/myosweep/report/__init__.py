"""Figures and the one-page report: computed from the results tables first, drawn afterwards."""
