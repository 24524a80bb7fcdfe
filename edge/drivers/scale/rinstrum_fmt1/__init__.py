"""The automatic output FMT_1 of Rinstrum indicators."""
