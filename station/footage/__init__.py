"""Footage of body-worn recorders at a station: what is said of it, linked, watched, copied, kept and deleted."""
