"""Models are data: those that are shipped read the names they are for, and a site's own go before them."""

from __future__ import annotations

from pathlib import Path

import pytest

from kernel.errors import ConfigError
from kernel.footage.names import fitting, read_name
from station.docking.profiles import load_profiles

AT = 1_780_279_200_000  # 2026-06-01 10:00:00 in China
SHIPPED = load_profiles()


@pytest.mark.parametrize(
    ("model", "name", "device", "officer", "sequence", "important"),
    [
        ("h8-series", "3700123_100001_20260601100000_0001.mp4", "3700123", "100001", 1, False),
        ("h8-series", "370012A_100001_20260601100000_0042_IMP.MP4", "370012A", "100001", 42, True),
        ("dsj-series", "DSJ-A0042_100001_20260601-100000_3_KEY.mp4", "A0042", "100001", 3, True),
        ("dsj-series", "DSJ_370099_20260601_100000.avi", "370099", None, None, False),
        ("time-first", "2026-06-01 10-00-00_12@Z-17#100001.mp4", "Z-17", "100001", 12, False),
        ("time-first", "LOCK_20260601_100000_003A.mp4", None, None, 3, True),
    ],
)
def test_shipped_models_read_their_names(
    model: str, name: str, device: str | None, officer: str | None, sequence: int | None, important: bool
) -> None:
    profile = SHIPPED.models[model]
    says = read_name(name, profile)
    assert says is not None
    assert (says.own_start_ms, says.device, says.officer) == (AT, device, officer)
    assert (says.sequence, says.important) == (sequence, important)
    assert fitting([name], tuple(SHIPPED.models.values())) is profile


def test_every_model_says_in_both_languages_what_it_wants_when_it_is_locked() -> None:
    assert len(SHIPPED.models) >= 4
    for profile in SHIPPED.models.values():
        assert profile.hint("zh") != profile.hint("en")
        assert profile.shown("zh")


def test_a_site_names_its_own_models(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(
        'model = "own-cam"\nname_zh = "本站"\nnames = [\'(?P<start>\\d{14})\\.mkv\']\nusb = ["1234:abcd"]\n'
    )
    (tmp_path / "other.toml").write_text('model = "dsj-series"\nname_zh = "改过的"\n')
    profiles = load_profiles(str(tmp_path))
    assert profiles.of_usb("1234:abcd").model == "own-cam"
    assert profiles.of_usb(None) is profiles.of_usb("ffff:0000") is profiles.unknown
    assert profiles.models["dsj-series"].name_zh == "改过的"


def test_what_is_wrong_with_a_profile_is_told_with_its_file(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text('model = "own-cam"\nname_zh = "本站"\nnames = ["("]\n')
    with pytest.raises(ConfigError, match=r"own.toml.names\[0\]: is no regular expression"):
        load_profiles(str(tmp_path))
    with pytest.raises(ConfigError, match=r"footage.profiles: is no folder"):
        load_profiles(str(tmp_path / "nowhere"))


def test_a_model_that_nobody_described_is_refused_with_those_that_are() -> None:
    SHIPPED.require("h8-series", at="--model")
    SHIPPED.require(None, at="--model")
    with pytest.raises(ConfigError, match=r"--model: 'h8-serie' is none of dsj-series, h8-series"):
        SHIPPED.require("h8-serie", at="--model")
