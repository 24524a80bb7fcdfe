"""One process a staffed site: the officers' tablets."""
