"""Catalogue, places, stock and availability over HTTP; shapes in `bodies` (in) and `documents` (out)."""
