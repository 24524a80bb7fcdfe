"""Origins, addresses to go on to, and the headers of every answer."""

from __future__ import annotations

import pytest

from web.security import POLICY, local_path, origin_allowed


@pytest.mark.parametrize(
    ("origin", "host", "allowed"),
    [
        ("http://station:8080", "station:8080", True),
        ("https://station", "station", True),
        ("http://station:8081", "station:8080", False),
        ("http://evil.test", "station:8080", False),
        ("null", "station:8080", False),
        ("", "station:8080", False),
        ("", "", False),
        ("file://", "", False),
        ("http://station:8080.evil.test", "station:8080", False),
        ("http://站", "站", False),
    ],
)
def test_the_origin_must_be_the_host_that_was_asked_for(origin: str, host: str, allowed: bool) -> None:
    assert origin_allowed({"origin": origin, "host": host}) is allowed


def test_no_origin_is_no() -> None:
    assert not origin_allowed({"host": "station"})


def test_a_list_of_origins_replaces_the_host() -> None:
    assert origin_allowed({"origin": "https://zhichao.example"}, ("https://zhichao.example",))
    assert not origin_allowed({"origin": "http://a", "host": "a"}, ("https://zhichao.example",))


@pytest.mark.parametrize("path", ["/wall", "/events?plate=%E9%B2%81", "/", "/a/b?x=1#y"])
def test_our_own_paths_are_gone_on_to(path: str) -> None:
    assert local_path(path) == path


@pytest.mark.parametrize(
    "path",
    [
        None,
        "",
        "wall",
        "//evil.test",
        "/\\evil.test",
        "https://evil.test",
        "/a\r\nSet-Cookie: x",
        "/\x00",
        "/" * 2001,
    ],
)
def test_nobody_elses_are(path: str | None) -> None:
    assert local_path(path, "/home") == "/home"


def test_the_policy_allows_nothing_unsafe_and_nobody_else() -> None:
    assert "unsafe" not in POLICY
    assert "http" not in POLICY
    assert "*" not in POLICY
    assert POLICY.startswith("default-src 'self'")
