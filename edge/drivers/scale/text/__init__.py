"""Lines of text that the user describes by a pattern."""
