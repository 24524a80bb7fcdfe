"""The formats that look like A&D's but keep other columns."""
