"""The law as data: dated rows, and pure functions that apply them to what is known of a vehicle."""
