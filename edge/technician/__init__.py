"""What a technician does at a scale: find it, watch it, read its bytes, have it zeroed."""
