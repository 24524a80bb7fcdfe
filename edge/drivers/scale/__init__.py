"""Scales: indicators of static platforms and controllers of moving-axle weighers, one folder each."""
