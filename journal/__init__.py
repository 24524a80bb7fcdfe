"""What was said and must not be lost: writing it, sending it, receiving it, and its files."""
