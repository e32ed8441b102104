"""The model card: what a network is, what it learned from, how it scores, where it fails."""
