"""What may be said of the instrument, as the texts of a command or of an order say it; nothing is done here."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Literal, get_args

import msgspec

from kernel.errors import ConfigError, RefusedError
from kernel.events import InstrumentCertificate, InstrumentChange
from kernel.law.instruments import certificate_faults

Act = Literal[
    "certify",
    "sealed",
    "seal_broken",
    "load_cell_replaced",
    "repaired",
    "open_shift",
    "check_zero",
    "check_reference",
]
ACTS: tuple[Act, ...] = get_args(Act)
CHANGES: tuple[InstrumentChange, ...] = get_args(InstrumentChange)

AT_THE_BOX: tuple[Act, ...] = ("check_zero", "check_reference")  # by who stands at the scale, never from afar

LONGEST = 500
_KEYS = {"act", "id", "by", "note", "at_ms", "seal", "reference", "certificate"}
_NEEDS: Mapping[str, tuple[str, ...]] = {
    "certify": ("certificate",),
    "sealed": ("seal",),
    "check_reference": ("reference",),
}
_CHINA = timezone(timedelta(hours=8))
_ID = re.compile(r"[A-Za-z0-9-]{8,64}")
_TIME = re.compile(r"[0-9]{13,16}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Saying:
    """Who says what; `id` makes a repetition harmless, `at_ms` is from when it counts (None: now)."""

    act: Act
    id: str
    by: str
    note: str = ""
    at_ms: int | None = None
    seal: str = ""
    reference: str = ""
    certificate: InstrumentCertificate | None = None


def saying_of(arguments: Mapping[str, str]) -> Saying:
    """RefusedError names what is wrong with it.  A certificate is the JSON of `instrument.certified`'s."""
    unknown = sorted(arguments.keys() - _KEYS)
    if unknown:
        raise RefusedError(f"an act on the instrument has no {unknown[0]}")
    act = _act(arguments.get("act", ""))
    for name in ("by", *_NEEDS.get(act, ())):
        if not arguments.get(name, "").strip():
            raise RefusedError(f"{act} needs {name}")
    return Saying(
        act=act,
        id=_matching(arguments, "id", _ID),
        by=_text(arguments, "by"),
        note=_text(arguments, "note"),
        at_ms=int(_matching(arguments, "at_ms", _TIME)) if "at_ms" in arguments else None,
        seal=_text(arguments, "seal"),
        reference=_text(arguments, "reference"),
        certificate=_certificate(arguments["certificate"]) if act == "certify" else None,
    )


def moment_ms(path: str, text: str) -> int:
    """UTC ms of an ISO moment, in China unless it says where; ConfigError names `path`."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ConfigError.one(path, f"is not a moment: {text!r}") from error
    return int((moment if moment.tzinfo else moment.replace(tzinfo=_CHINA)).timestamp() * 1_000)


def certificate_of(path: str, text: str) -> InstrumentCertificate:
    """A certificate as TOML, as `[scale.certificate]` has it; ConfigError names every fault of the file at `path`."""
    try:
        table = tomllib.loads(text)
        certificate = msgspec.convert(table, type=InstrumentCertificate)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ConfigError.one(path, f"is no certificate: {error}") from error
    unknown = sorted(table.keys() - set(InstrumentCertificate.__struct_fields__))
    faults = [(name, "unknown") for name in unknown] + certificate_faults(certificate)
    if faults:
        raise ConfigError([(f"{path}: {name}", problem) for name, problem in faults])
    return certificate


def _act(word: str) -> Act:
    if word not in ACTS:
        raise RefusedError(f"act must be one of {', '.join(ACTS)}, is {word[:LONGEST]!r}")
    return word


def _matching(arguments: Mapping[str, str], name: str, form: re.Pattern[str]) -> str:
    value = arguments.get(name, "")
    if not form.fullmatch(value):
        raise RefusedError(f"{name} is not one: {value[:LONGEST]!r}")
    return value


def _text(arguments: Mapping[str, str], name: str) -> str:
    value = arguments.get(name, "").strip()
    if len(value) > LONGEST:
        raise RefusedError(f"{name} has more than {LONGEST} characters")
    return value


def _certificate(text: str) -> InstrumentCertificate:
    try:
        certificate = msgspec.json.decode(text, type=InstrumentCertificate)
    except msgspec.MsgspecError as error:
        raise RefusedError(f"certificate: {error}") from error
    faults = certificate_faults(certificate)
    if faults:
        raise RefusedError("; ".join(f"certificate.{path} {problem}" for path, problem in faults))
    return certificate
