"""Recorders that a program of their maker, or of the site, speaks to."""
