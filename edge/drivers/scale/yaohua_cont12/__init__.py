"""Yaohua XK3190 continuous output of 12 bytes, and the indicators that copy it."""
