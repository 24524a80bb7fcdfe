"""Recorder footage 执法记录: what is said of it, its clocks, its names and how long it is kept.  Pure."""
