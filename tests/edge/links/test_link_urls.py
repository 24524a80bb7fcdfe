"""Every URL of a link is understood, or refused with what could be meant."""

from __future__ import annotations

import pytest

from edge.links.devices import only_one
from edge.links.urls import FORMS, Address, parse
from kernel.errors import ConfigError, LinkError


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("/dev/ttyUSB0", Address(scheme="device", path="/dev/ttyUSB0")),
        (
            "/dev/serial/by-path/pci-0000:00-usb-0:1.2:1.0-port0",
            Address(scheme="device", path="/dev/serial/by-path/pci-0000:00-usb-0:1.2:1.0-port0"),
        ),
        ("socket://10.0.0.7:4001", Address(scheme="socket", host="10.0.0.7", port=4001)),
        ("socket://[fe80::1]:4001", Address(scheme="socket", host="fe80::1", port=4001)),
        ("rfc2217://moxa.local:950", Address(scheme="rfc2217", host="moxa.local", port=950)),
        ("rfc2217://moxa:950?ign_set_control", Address(scheme="rfc2217", host="moxa", port=950)),
        ("tcp-server://0.0.0.0:4001", Address(scheme="tcp-server", host="0.0.0.0", port=4001)),
        ("hwgrep://1a86:7523.*1-1.2", Address(scheme="hwgrep", pattern="1a86:7523.*1-1.2")),
    ],
)
def test_what_can_be_opened(url: str, address: Address) -> None:
    assert parse(url) == address


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("tcp://10.0.0.7:4001", "socket://host:port where we dial"),
        ("telnet://10.0.0.7:4001", "must be rfc2217://host:port"),
        ("serial:///dev/ttyUSB0", "the device path alone"),
        ("ttyUSB0", "such as /dev/ttyUSB0"),
        ("serial/by-id/usb-1a86", "such as /dev/serial/by-id/usb-1a86"),
        ("COM3", FORMS),
        ("", FORMS),
        ("socket://10.0.0.7", "must be socket://host:port"),
        ("socket://10.0.0.7:4001/scale", "must be socket://host:port"),
        ("socket://10.0.0.7:4001?timeout=1", "must be socket://host:port"),
        ("socket://user@10.0.0.7:4001", "must be socket://host:port"),
        ("socket://10.0.0.7:99999", "must be socket://host:port"),
        ("rfc2217://10.0.0.7:950?poll", "must be rfc2217://host:port"),
        ("tcp-server://:4001", "0.0.0.0 for every interface"),
        ("tcp-server://0.0.0.0:0", "0.0.0.0 for every interface"),
        ("socket://[::1", FORMS),
        ("/dev/tty\0USB0", "control characters"),
        ("socket://mo\nxa:4001", "control characters"),
        ("hwgrep://(", "needs a regular expression"),
        ("hwgrep://", "which port is meant"),
    ],
)
def test_what_cannot_is_refused_with_what_could_be_meant(url: str, said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse(url)
    [(path, problem)] = refused.value.faults
    assert path == "url"
    assert said in problem


PORTS = [
    ("/dev/ttyS0", "ttyS0", "PNP0501"),
    ("/dev/ttyUSB0", "USB Serial", "USB VID:PID=1A86:7523 LOCATION=1-1.2"),
    ("/dev/ttyUSB1", "USB Serial", "USB VID:PID=1A86:7523 LOCATION=1-1.3"),
]


def test_a_port_is_found_by_its_description_or_not_guessed() -> None:
    assert str(only_one("1a86:7523 location=1-1.3", PORTS)) == "/dev/ttyUSB1"
    with pytest.raises(LinkError, match="fits /dev/ttyUSB0 and /dev/ttyUSB1"):
        only_one("1a86:7523", PORTS)
    with pytest.raises(LinkError, match="fits no port: unplugged"):
        only_one("0403:6001", PORTS)
