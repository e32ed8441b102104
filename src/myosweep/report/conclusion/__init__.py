"""The report's first part: what may be concluded; and the same for the terminal."""
