"""The A&D standard format of 18 bytes."""
