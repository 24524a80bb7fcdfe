"""The monitoring room's pages: wall, list of passages, one passage with its evidence, sources, quarantine."""
