"""The stream format of Rice Lake indicators."""
