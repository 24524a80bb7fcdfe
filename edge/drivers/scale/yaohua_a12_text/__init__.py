"""Yaohua XK3190-A12 continuous output as plain text lines."""
