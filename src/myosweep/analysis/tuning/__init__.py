"""What a search has found: its trials, its race, its answer, and what to beware of."""
