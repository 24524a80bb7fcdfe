"""Toledo continuous output of truck-scale indicators (17 or 18 bytes, several a second, unasked)."""
