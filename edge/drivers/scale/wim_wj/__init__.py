"""The "wj" host protocol of moving-axle weighers: one record a vehicle, kept by the device until deleted."""
