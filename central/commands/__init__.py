"""The verbs of weighpost-central besides `run`; each module adds its own to the parser."""
