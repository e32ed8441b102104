"""The page of a search, and the same for the terminal."""
