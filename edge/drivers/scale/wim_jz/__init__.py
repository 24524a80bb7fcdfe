"""The "jz" host protocol of moving-axle weighers: one record a vehicle, sent again until it is acknowledged."""
