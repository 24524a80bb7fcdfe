"""Yaohua XK3190 in command mode 指令方式: the host asks, the indicator answers."""
