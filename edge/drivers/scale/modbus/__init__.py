"""What Modbus over a serial line and over TCP share: registers, questions and answers, and the maps of known devices."""
