"""The ring on disk: what the cameras sent, unchanged, locked and cut when a passage asks."""
