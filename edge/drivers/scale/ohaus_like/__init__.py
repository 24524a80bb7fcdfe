"""The printed line of Ohaus indicators and their like."""
