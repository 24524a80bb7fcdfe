"""The receiving side of files; the edge never imports it, for it has no pages."""
