"""Shipped scenarios of one scale, one TOML file each; docs/simulators.md says what every key means."""
