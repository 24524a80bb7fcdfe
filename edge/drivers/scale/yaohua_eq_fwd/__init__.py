"""Yaohua XK3190 continuous output that begins with '=', high digit first."""
