"""Ports for the servers of tests: free ones, that a system as it comes gives to nobody else before they are bound."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from itertools import count

# Below what Linux gives to whoever asks for any port, as long as net.ipv4.ip_local_port_range is what it comes with
# (from 32768 on): between looking and binding only another test could take it.
LOWEST, MANY = 20_000, 12_000
_numbers = count(os.getpid() * 997)  # processes beside each other begin far from each other


def free_port() -> int:
    for number in _numbers:
        port = LOWEST + number % MANY
        with suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("never")  # the numbers have no end
