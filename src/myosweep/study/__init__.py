"""A study as a whole: what is missing, doing it, scores of other programs, the demo."""
