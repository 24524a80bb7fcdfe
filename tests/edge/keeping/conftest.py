"""Folders without a disk under them, as for the journal."""

from tests.journal.conftest import MEMORY, quick_path

__all__ = ["MEMORY", "quick_path"]
