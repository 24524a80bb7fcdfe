"""Modbus over a serial line, RTU: registers that are asked for."""
