"""`myosweep tune`: a search with Optuna, a race of the best against the default, one look."""
