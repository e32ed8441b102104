"""One training run: its optimiser, its epochs, its claim, and what it leaves behind."""
