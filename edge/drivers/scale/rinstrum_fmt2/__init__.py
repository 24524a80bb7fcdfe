"""The automatic output FMT_2 of Rinstrum indicators."""
