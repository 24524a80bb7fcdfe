"""Modbus over TCP: registers that are asked for, matched to their question by its number."""
