"""The outside world behind the same wires; nothing that ships imports it."""
