"""The lane controller's wire."""
