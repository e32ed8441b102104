"""Clinical measures in the report, and the same for the terminal."""
