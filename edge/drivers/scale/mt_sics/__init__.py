"""The Mettler-Toledo standard interface command set."""
