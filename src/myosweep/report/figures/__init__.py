"""Figures: records computed first, drawn afterwards; one colour per value and region everywhere."""
