"""Writes of this app, one file per noun."""
