"""Recorders that are plain mass storage."""
