"""Body-worn recorders: a folder that behaves like one, its clock, its lock, its cable, and the program that speaks to it."""
