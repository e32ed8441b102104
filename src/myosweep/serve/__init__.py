"""The web app: the same explorer over a study that may still be running."""
