"""Yaohua XK3190 continuous output that begins with '=', low digit first."""
