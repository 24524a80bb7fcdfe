"""The protocol of the Scale Manufacturers Association, SCP-0499."""
