"""Models of recorders as data: a TOML file each; a site adds its own, which go before those that are shipped."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from kernel.errors import ConfigError
from kernel.footage.names import UNKNOWN, Profile
from kernel.settings import read, under

SHIPPED = Path(__file__).parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Profiles:
    """By model; there is always one for recorders that nobody knows."""

    models: Mapping[str, Profile]

    @property
    def unknown(self) -> Profile:
        return self.models[UNKNOWN]

    def require(self, model: str | None, *, at: str) -> None:
        """ConfigError: a model that nobody described."""
        if model is not None and model not in self.models:
            raise ConfigError.one(at, f"{model!r} is none of {', '.join(sorted(self.models))}")

    def of_usb(self, identity: str | None) -> Profile:
        """By vendor and product, as a recorder shows itself before it is opened."""
        known = (profile for profile in self.models.values() if identity in profile.usb)
        return next(known, self.unknown)


def load_profiles(site: str | None = None) -> Profiles:
    """ConfigError with the file and every fault in it."""
    own = dict(_read(Path(site))) if site else {}
    return Profiles(models=own | {model: one for model, one in shipped().items() if model not in own})


@cache
def shipped() -> Mapping[str, Profile]:
    return dict(_read(SHIPPED))


def _read(folder: Path) -> Iterator[tuple[str, Profile]]:
    if not folder.is_dir():
        raise ConfigError.one("footage.profiles", f"is no folder: {folder}")
    for path in sorted(folder.glob("*.toml")):
        profile = _profile(path)
        yield profile.model, profile


def _profile(path: Path) -> Profile:
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError.one(str(path), f"cannot be read: {error}") from error
    try:
        return read(Profile, table)
    except ConfigError as error:
        raise under(path.name, error) from error
