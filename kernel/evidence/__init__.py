"""The bytes of evidence 证据: canonical JSON, headers, leaves, tree, signed notes, frames.  Pure; never re-encoded."""
