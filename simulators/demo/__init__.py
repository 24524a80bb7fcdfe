"""The whole system on one machine: real processes, simulated trucks, and a comparison with the truth at the end."""
