"""Keli XK3118 and D2008 class: Yaohua's frames with Keli's differences."""
