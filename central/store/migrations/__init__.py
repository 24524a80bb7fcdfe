"""The steps that bring a database of any age to the tables of today, taken at start under a lock."""
