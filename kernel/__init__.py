"""What everybody means by the words: pure vocabulary that every process shares; no I/O, no clock, no entropy."""
