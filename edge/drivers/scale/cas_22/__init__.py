"""CAS continuous output of 22 bytes with a byte of lamps."""
