"""Score tables in, verdicts out: pure statistics that know no study, no file and no image."""
