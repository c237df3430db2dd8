"""Figures, dashboards and exports over everything below. This room is built next; it owns nothing yet."""
