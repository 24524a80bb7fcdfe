"""From what a scale says to one weighing a vehicle; pure state machines, fed with readings."""
