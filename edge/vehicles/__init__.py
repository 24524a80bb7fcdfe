"""What the picture from the side suggests of a vehicle; a hint for people, never a fact for the law."""
