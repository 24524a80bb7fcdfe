"""Which indicator is on a line 识别仪表, from nothing but the bytes that came: better "cannot tell" than a guess."""
