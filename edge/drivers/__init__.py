"""Device drivers of a lane, loaded by name."""
