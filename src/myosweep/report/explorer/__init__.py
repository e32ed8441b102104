"""The slice explorer: every test slice with every network's mask, to look at in the report."""
