"""Plate reading in a process of its own: several frames, one voted answer, never a guess dressed as text."""
