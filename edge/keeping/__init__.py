"""What lies on a lane's disk: how long, what goes first when room is short, and what never goes."""
