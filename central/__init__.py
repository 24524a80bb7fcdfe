"""The monitoring room 监控中心: what the boxes said, held, counted, shown and provable."""
