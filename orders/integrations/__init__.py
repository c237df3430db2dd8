"""One folder per outside system, one Protocol per kind."""
