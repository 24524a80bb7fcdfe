"""An address that is not there yet is waited for; one that is somebody else's is a wrong setting."""

from __future__ import annotations

from contextlib import closing

import pytest

from kernel.errors import ConfigError, RestartError
from web.serving import listen

pytestmark = pytest.mark.wire

NOBODYS = "192.0.2.1"  # RFC 5737: of no machine


def test_a_network_that_comes_later_is_waited_for() -> None:
    with pytest.raises(RestartError, match=r"web\.port: 192\.0\.2\.1 is no address of this machine now"):
        listen(NOBODYS, 0, path="web.port")


def test_a_port_of_somebody_else_is_named() -> None:
    with closing(listen("127.0.0.1", 0, path="web.port")) as first:
        port = first.getsockname()[1]
        with pytest.raises(ConfigError, match=r"web\.port: cannot listen on 127\.0\.0\.1:\d+: taken by"):
            listen("127.0.0.1", port, path="web.port")
