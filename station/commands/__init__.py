"""The verbs of weighpost-station."""
