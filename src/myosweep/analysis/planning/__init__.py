"""Before a study: what it needs to show something; with a finished study as its pilot."""
