"""Recorders in the dock: found, unlocked, read, copied and proven equal; nothing is taken from them."""
