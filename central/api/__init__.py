"""The REST API of the centre under /api/v1, for programs and for the centre's own pages."""
