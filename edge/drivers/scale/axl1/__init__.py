"""The neutral record "axl1": what a moving-axle weigher should say of a vehicle, with lane, time and spacings."""
