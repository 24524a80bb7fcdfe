"""Yaohua XK3190-A12(E) continuous output with check digits."""
