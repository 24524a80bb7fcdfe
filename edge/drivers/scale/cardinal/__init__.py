"""The stream format of Cardinal indicators."""
