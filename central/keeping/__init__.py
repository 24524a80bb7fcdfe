"""How long the centre keeps what is personal, and how it goes."""
