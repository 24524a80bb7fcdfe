"""Cameras by URL: one thread each, packets kept undecoded, pictures made when a trigger asks."""
