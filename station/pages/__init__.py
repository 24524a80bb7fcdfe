"""The tablet and what it asks for."""
