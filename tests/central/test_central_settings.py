"""Wrong settings stop the start with every fault and its path."""

from __future__ import annotations

import tomllib
from dataclasses import replace

import pytest

from central.settings import Settings
from kernel.errors import ConfigError
from kernel.settings import read

GOOD = """
box = "yiyuan-centre"
store_id = "yiyuan-centre-1"
data = "data"
source = "yiyuan/centre"
[keys]
folder = "keys"
[keys.root]
name = "yiyuan-root"
public = "AAAA"
[broker]
password = "secret"
[[boxes]]
name = "lane1-box"
password = "p"
source = "yiyuan/s01/lane1"
"""


def test_a_small_file_is_enough() -> None:
    settings = read(Settings, tomllib.loads(GOOD))
    assert settings.database_url == "sqlite:///data/centre.db"
    assert settings.register.sources == {"lane1-box": "yiyuan/s01/lane1", "yiyuan-centre": "yiyuan/centre"}
    assert settings.custody.kept_after_ms == settings.custody.kept_by_time_ms == 14 * 86_400_000
    assert replace(settings.custody, backup=True).kept_by_time_ms is None
    assert replace(settings.custody, backup=True, standby=True).kept_by_time_ms == 0


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (("[broker]", "[broker]\nport = 70000"), "broker.port: must be 0 to 65535, is 70000"),
        (('password = "secret"', 'password = ""'), "broker.password: must not be empty"),
        (("[broker]", '[broker]\nurl = "http://x"'), "broker.url: must begin with mqtt:// or mqtts://, is 'http://x'"),
        (('store_id = "yiyuan-centre-1"', 'store_id = "A"'), "store_id: must be 3 to 40 of a-z, 0-9 and -, is 'A'"),
        (('name = "lane1-box"', 'name = "l/1"'), "boxes[0].name: must be 3 to 40 of a-z, 0-9 and -, is 'l/1'"),
        (('name = "lane1-box"', 'name = "yiyuan-centre"'), "boxes: yiyuan-centre is the centre itself"),
        (('data = "data"', ""), "data: is required"),
        (('data = "data"', 'data = "data"\ndate = 1'), "date: unknown"),
        (("[keys.root]", "[keys.root]\nx = 1"), "keys.root.x: unknown; known here: name, public"),
        (("[broker]", '[custody]\nkept_after_days = -1\n[broker]'), "custody.kept_after_days: must not be below 0"),
        (("[broker]", '[custody]\nbackup_late_hours = 0\n[broker]'), "custody.backup_late_hours: must be above 0"),
        (("[broker]", '[limits]\nhellos_per_s = 0\n[broker]'), "limits.hellos_per_s: must be above 0"),
        (("[broker]", '[database]\nurl = "mysql://"\n[broker]'), "database.url: must begin with sqlite:/// or"),
        (("[broker]", '[web]\nsession_hours = 0\n[broker]'), "web.session_hours: must be above 0, is 0"),
        (("[broker]", '[[retention.rows]]\nwhat = "compliant"\ndays = 0\nsource = "x"\n[broker]'),
         "retention.rows[0].days: must be at least 1"),
        (("[broker]", '[[retention.rows]]\nwhat = "compliant"\ndays = 3\nsource = ""\n[broker]'),
         "retention.rows[0].source: must not be empty"),
        (("[broker]", '[[retention.rows]]\nwhat = "all"\ndays = 3\nsource = "x"\n[broker]'),
         "retention.rows[0].what: "),
        (("[broker]", '[retention]\nwait_days = -1\n[broker]'), "retention.wait_days: must not be negative"),
        (("[[boxes]]", '[[witnesses]]\nname="w"\nurl="ftp://x"\npublic=""\n[[boxes]]'),
         "witnesses[0].url: must begin with http:// or https://, is 'ftp://x'"),
    ],
)  # fmt: skip
def test_a_fault_is_named_by_its_path(change: tuple[str, str], fault: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(Settings, tomllib.loads(GOOD.replace(*change)))
    assert str(caught.value).startswith(fault)


def test_all_faults_are_told_at_once() -> None:
    wrong = GOOD.replace('password = "secret"', 'password = ""\nport = -1').replace(
        'name = "lane1-box"', "name = 3"
    )
    with pytest.raises(ConfigError) as caught:
        read(Settings, tomllib.loads(wrong))
    assert [path for path, _problem in caught.value.faults] == [
        "boxes[0].name",
        "broker.password",
        "broker.port",
    ]


def test_a_box_named_twice_is_refused() -> None:
    twice = GOOD + '[[boxes]]\nname = "lane1-box"\npassword = "q"\nsource = "yiyuan/s01/lane2"\n'
    with pytest.raises(ConfigError, match="boxes: named twice: lane1-box"):
        read(Settings, tomllib.loads(twice))


def test_a_row_of_the_operator_takes_the_place_of_the_shipped_one() -> None:
    rows = '[[retention.rows]]\nwhat = "compliant"\ndays = 90\nsource = "本局规定"\n[broker]'
    retention = read(Settings, tomllib.loads(GOOD.replace("[broker]", rows))).retention
    assert (retention.by_what["compliant"].days, retention.by_what["compliant_clip"].days) == (90, 30)
    assert retention.by_what["compliant"].name == "centre.retention.compliant=90d (本局规定)"
