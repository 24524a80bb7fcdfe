"""Trains our own plate models on drawn plates; shares no glyph, scene or soiling with the simulated cameras."""
