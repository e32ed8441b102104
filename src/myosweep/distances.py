"""The boundary distances that are counted: every one that a tolerance up to 5 pixels can meet."""

SQUARED_DISTANCES_PX = (0, 1, 2, 4, 5, 8, 9, 10, 13, 16, 17, 18, 20, 25)
"""Squared Euclidean distances between pixel centres, in squared pixels, up to 5 px."""
