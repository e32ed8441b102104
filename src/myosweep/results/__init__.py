"""The waist: the layout of a study folder, the rows that its runs leave, and reading them."""
