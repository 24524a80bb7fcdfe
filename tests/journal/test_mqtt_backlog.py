"""What a broker takes and never acknowledges does not pile up in this process."""

from __future__ import annotations

from journal.mqtt import UNDER_WAY, PahoTransport


def test_a_broker_that_goes_again_and_again_fills_no_memory() -> None:
    transport = PahoTransport("mqtt://127.0.0.1:1", user="s01-lane1", password="x")
    for _ in range(10):
        transport._up()
        for _ in range(100):
            transport.publish("weighpost/v1/up/s01-lane1/hello", b"x")
        transport._down("gone")
    # paho keeps what is not acknowledged over all connections and sends it again.
    assert len(transport._client._out_messages) <= UNDER_WAY
    transport._up()
    acknowledged = list(transport._client._out_messages)
    for mid in acknowledged:
        del transport._client._out_messages[mid]
        transport._under_way.discard(mid)
    transport.publish("weighpost/v1/up/s01-lane1/hello", b"x")
    assert len(transport._client._out_messages) == 1
