"""Which hyperparameters matter, from the trials of a search."""
