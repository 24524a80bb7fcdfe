from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.errors import ConfigError
from kernel.settings import read


@dataclass(frozen=True, slots=True, kw_only=True)
class Camera:
    name: str
    url: str
    role: Literal["front", "rear"] = "front"

    def __post_init__(self) -> None:
        if "://" not in self.url:
            raise ConfigError.one("url", f"must be a URL, is {self.url!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    name: str
    patience_s: float = 1.0
    port: int = 0
    staffed: bool = False
    site: str | None = None
    scale: Camera | None = None
    cameras: tuple[Camera, ...] = ()
    codes: tuple[int, ...] = ()
    labels: dict[str, int] = field(default_factory=dict)
    known: dict[str, Camera] = field(default_factory=dict)


WHOLE = {
    "name": "lane1",
    "patience_s": 2,
    "port": 1883,
    "staffed": True,
    "site": "s01",
    "scale": {"name": "wim", "url": "socket://x"},
    "cameras": [{"name": "front", "url": "http://a"}, {"name": "rear", "url": "http://b", "role": "rear"}],
    "codes": [1, 2],
    "labels": {"a": 1},
    "known": {"c": {"name": "c", "url": "file:///c"}},
}


def faults(table: object) -> list[tuple[str, str]]:
    with pytest.raises(ConfigError) as caught:
        read(Box, table)
    return list(caught.value.faults)


def test_a_whole_table_is_read() -> None:
    assert read(Box, WHOLE) == Box(
        name="lane1",
        patience_s=2.0,
        port=1883,
        staffed=True,
        site="s01",
        scale=Camera(name="wim", url="socket://x"),
        cameras=(Camera(name="front", url="http://a"), Camera(name="rear", url="http://b", role="rear")),
        codes=(1, 2),
        labels={"a": 1},
        known={"c": Camera(name="c", url="file:///c")},
    )
    assert type(read(Box, WHOLE).patience_s) is float


def test_defaults_fill_what_is_left_out() -> None:
    assert read(Box, {"name": "lane1"}) == Box(name="lane1")


@pytest.mark.parametrize(
    ("change", "path", "problem"),
    [
        ({"name": 3}, "name", "must be str, is 3"),
        ({"patience_s": "2"}, "patience_s", "must be float, is '2'"),
        ({"patience_s": True}, "patience_s", "must be float, is True"),
        ({"port": 1.0}, "port", "must be int, is 1.0"),
        ({"port": True}, "port", "must be int, is True"),
        ({"staffed": 1}, "staffed", "must be bool, is 1"),
        ({"site": 4}, "site", "must be str, is 4"),
        ({"scale": "wim"}, "scale", "must be a table, is 'wim'"),
        ({"scale": {"name": "wim"}}, "scale.url", "is required"),
        ({"scale": {"name": "wim", "url": "x"}}, "scale.url", "must be a URL, is 'x'"),
        ({"cameras": {"name": "a"}}, "cameras", "must be a list, is a table"),
        (
            {"cameras": [{"name": "a", "url": "b://", "role": "side"}]},
            "cameras[0].role",
            "must be one of 'front', 'rear', is 'side'",
        ),
        ({"codes": [1, "2"]}, "codes[1]", "must be int, is '2'"),
        ({"labels": {"a": "b"}}, "labels.a", "must be int, is 'b'"),
        ({"labels": [1]}, "labels", "must be a table, is a list"),
        ({"known": {"c": {"name": "c", "url": 1}}}, "known.c.url", "must be str, is 1"),
        (
            {"prot": 1},
            "prot",
            "unknown; known here: cameras, codes, known, labels, name, patience_s, port, scale, site, staffed",
        ),
    ],
)
def test_each_fault_has_its_path(change: dict[str, object], path: str, problem: str) -> None:
    assert faults({**WHOLE, **change}) == [(path, problem)]


def test_all_faults_are_told_at_once_in_order() -> None:
    table = {
        "port": "x",
        "colour": 1,
        "cameras": [{"name": "a", "url": "no"}, {"url": 2}, 3],
        "codes": ["a", 1, None],
    }
    assert [path for path, _ in faults(table)] == [
        "cameras[0].url",
        "cameras[1].name",
        "cameras[1].url",
        "cameras[2]",
        "codes[0]",
        "codes[2]",
        "colour",
        "name",
        "port",
    ]


@pytest.mark.parametrize("table", [None, 3, "name", [("name", "x")]])
def test_what_is_no_table_is_one_fault(table: object) -> None:
    assert [path for path, _ in faults(table)] == ["top level"]


def test_the_error_reads_one_fault_a_line() -> None:
    with pytest.raises(ConfigError) as caught:
        read(Box, {"port": "x"})
    assert str(caught.value) == "name: is required\nport: must be int, is 'x'"


tables = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["name", "url", "port", "cameras", "scale", "labels", "x"]), inner, max_size=5
        )
    ),
    max_leaves=12,
)


@given(tables)
def test_any_table_is_read_or_refused_with_paths(table: object) -> None:
    try:
        box = read(Box, table)
    except ConfigError as error:
        told = error.faults
    else:
        told = ()
        assert type(box.name) is str
        assert type(box.port) is int
    assert all(path and problem for path, problem in told)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    chars: Literal[1, 16] = 16
    check: Literal["yes", False] = False


@pytest.mark.parametrize("table", [{"chars": 16.0}, {"chars": True}, {"check": 0}, {"check": 0.0}])
def test_a_choice_is_of_its_own_type(table: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="must be one of"):
        read(Lines, table)


def test_every_choice_is_taken() -> None:
    assert read(Lines, {"chars": 1, "check": "yes"}) == Lines(chars=1, check="yes")
    assert read(Lines, {"chars": 16, "check": False}) == Lines()
