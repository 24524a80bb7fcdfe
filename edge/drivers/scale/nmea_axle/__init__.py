"""Axle loads as lines in the manner of NMEA 0183: one line an axle sensor, between a begin and an end."""
