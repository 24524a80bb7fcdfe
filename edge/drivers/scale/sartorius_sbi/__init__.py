"""The SBI output of Sartorius."""
