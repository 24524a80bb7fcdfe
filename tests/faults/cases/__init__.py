"""The cases of the light suite, by what is taken away; each is played alone, in a county of its own."""
