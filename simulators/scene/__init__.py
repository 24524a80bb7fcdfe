"""What the cameras of the simulated station see: plates, trucks, road, weather."""
