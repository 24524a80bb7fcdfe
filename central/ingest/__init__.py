"""What comes in: frames and hellos over MQTT, files over HTTP, the centre's own entries; and who vouches for them."""
