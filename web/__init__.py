"""What every page shares, whoever serves it: the frame, signing in, words, the live socket, modules.  No domain."""
