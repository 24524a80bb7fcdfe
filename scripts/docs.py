"""Writes the pages of docs/ that are made from the code: streams, settings, commands.  `--check` only compares."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import functools
import importlib
import inspect
import io
import os
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

from edge.drivers import indicators, weighers
from edge.drivers.making import settings_of
from edge.drivers.rows import Indicator, IndicatorOptions, Weigher, WeigherOptions
from edge.drivers.scale.modbus.maps import shipped
from kernel.events import STREAMS

DOCS = Path(__file__).parent.parent / "docs"
SETTINGS = {
    "Lane (`weighpost-edge run lane.toml`)": "edge.settings:Settings",
    "Station (`weighpost-station run station.toml`)": "station.settings:Settings",
    "Centre (`weighpost-central run central.toml`)": "central.settings:Settings",
}
SCRIPTS = {
    "weighpost-edge": "edge.main",
    "weighpost-station": "station.main",
    "weighpost-central": "central.main",
    "weighpost-sim": "simulators.main",
    "weighpost-verify": "verify.main",
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/docs.py")
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    os.environ["COLUMNS"] = "100"
    stale = []
    for name, text in pages().items():
        path = DOCS / name
        if check and (not path.exists() or path.read_text() != text):
            stale.append(name)
        elif not check:
            path.write_text(text)
    for name in stale:
        sys.stderr.write(f"docs/{name} is not what the code says: run `make docs`\n")
    return 1 if stale else 0


def pages() -> dict[str, str]:
    """File name to text."""
    return {
        "streams.md": streams(),
        "settings.md": settings(),
        "commands.md": commands(),
        "devices.md": devices(),
    }


def streams() -> str:
    lines = [
        "# Streams",
        "",
        "Made by `make docs` from `kernel/events.py`. Every entry of a journal belongs to one of these; its body is the",
        "struct below, as canonical JSON. Fields are only ever added, with a default.",
        "",
        "| stream | says | an hour | silent after | kept |",
        "|---|---|---|---|---|",
    ]
    for name, row in STREAMS.items():
        silent = f"{row.silent_s} s" if row.silent_s else "speaks when it must"
        lines.append(f"| `{name}` | {row.says} | {row.per_hour} | {silent} | {row.keep_days} days |")
    for name, row in STREAMS.items():
        lines += ["", f"## {name}", "", inspect.cleandoc(row.body.__doc__ or ""), ""]
        lines += ["| field | type | default |", "|---|---|---|"]
        lines += [
            f"| `{field.name}` | {_type(field.type)} | {_default(field)} |" for field in _fields(row.body)
        ]
    return "\n".join(lines) + "\n"


def _fields(body: type[msgspec.Struct]) -> tuple[msgspec.structs.FieldInfo, ...]:
    return msgspec.structs.fields(body)


def _default(field: msgspec.structs.FieldInfo) -> str:
    if field.default is not msgspec.NODEFAULT:
        return f"`{field.default!r}`"
    return "required" if field.default_factory is msgspec.NODEFAULT else "`empty`"


def settings() -> str:
    lines = [
        "# Settings",
        "",
        "Made by `make docs` from the settings dataclasses. One TOML file a process, read once at the start; a wrong file",
        "ends it with exit code 2 and every fault named by its path. `[]` marks a list of tables.",
    ]
    for title, where in SETTINGS.items():
        lines += ["", f"## {title}", "", "| key | type | default |", "|---|---|---|"]
        lines += [f"| `{path}` | {kind} | {default} |" for path, kind, default in keys(_load(where), "")]
    return "\n".join(lines) + "\n"


def keys(kind: Any, at: str) -> Iterator[tuple[str, str, str]]:
    """Path, type and default of every key that a file may have."""
    hints = get_type_hints(kind)
    for field in dataclasses.fields(kind):
        path = f"{at}{field.name}"
        inner, suffix = _inner(hints[field.name])
        if dataclasses.is_dataclass(inner):
            yield from keys(inner, f"{path}{suffix}.")
        else:
            yield path, _type(hints[field.name]), _field_default(field)


def _inner(hint: Any) -> tuple[Any, str]:
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        return _inner(next(arg for arg in get_args(hint) if arg is not type(None)))
    if origin is tuple:
        return get_args(hint)[0], "[]"
    return hint, ""


def _field_default(field: dataclasses.Field[Any]) -> str:
    if field.default is not dataclasses.MISSING:
        return f"`{field.default!r}`"
    return "required" if field.default_factory is dataclasses.MISSING else "`empty`"


def _type(hint: Any) -> str:
    if get_origin(hint) is Literal:
        return ", ".join(f"`{arg}`" for arg in get_args(hint))
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return " or ".join(_type(arg) for arg in args if arg is not type(None)) + (
            ", or nothing" if type(None) in args else ""
        )
    if origin is tuple:
        return (
            f"list of {_type(args[0])}"
            if len(args) == 2 and args[1] is Ellipsis
            else ("(" + ", ".join(_type(arg) for arg in args) + ")")
        )
    if origin is dict:
        return "table"
    return getattr(hint, "__name__", str(hint))


def devices() -> str:
    rows = indicators()
    common = set(IndicatorOptions.__dataclass_fields__)
    lines = [
        "# Device catalogue",
        "",
        "Made by `make docs` from the table of drivers. How a scale is wired and set: [scales.md](scales.md).",
        "",
        "| driver | what | frame | checksum | the wire says | usual line |",
        "|---|---|---|---|---|---|",
        *map(_device_line, rows),
        "",
        "## Options of every indicator",
        "",
        _docstring(IndicatorOptions),
        "",
        *_option_table(IndicatorOptions, set()),
    ]
    for row in rows:
        lines += _device_head(row)
        if row.kin:
            kin = ", ".join(f"`{name}`" for name in sorted(row.kin))
            lines += [f"* Cannot be told by its bytes from {kin}: the device's papers must say."]
        if row.options is not IndicatorOptions:
            lines += ["", _docstring(row.options), "", *_option_table(row.options, common)]
    return "\n".join([*lines, *_maps(), *_weighers()]) + "\n"


def _maps() -> list[str]:
    lines = [
        "",
        "## Register maps",
        "",
        "Shipped for `modbus-rtu` and `modbus-tcp`, as the option `device` has them.",
    ]
    for name, found in shipped().items():
        lines += ["", f"### {name}", "", f"{found.title}. Unit: {found.unit or 'must be set'}.", ""]
        lines += [f"* `{part}`: {each.reg}, {each.type}, {each.order}" for part, each in found.map.items()]
        lines += [f"* Source: {found.source}.", *(f"* Open: {doubt}." for doubt in found.doubts)]
    return lines


def _weighers() -> list[str]:
    rows = weighers()
    common = set(WeigherOptions.__dataclass_fields__)
    lines = [
        "",
        "# Weighers that send a record a vehicle",
        "",
        "| driver | what | frame | checksum | a record says | usual line |",
        "|---|---|---|---|---|---|",
        *map(_device_line, rows),
        "",
        "## Options of every weigher",
        "",
        _docstring(WeigherOptions),
        "",
        *_option_table(WeigherOptions, set()),
    ]
    for row in rows:
        told = settings_of(row)
        lines += [*_device_head(row), "", _docstring(row.options)]
        lines += ["", _docstring(told)] if told is not row.options else []
        lines += ["", *_option_table(told, common)]
    return lines


def _device_head(row: Indicator | Weigher) -> list[str]:
    lines = ["", f"## {row.name}", "", f"{row.title}. {row.makers}.", ""]
    lines += [f"* Wiring: {row.wiring}.", f"* Source: {row.source}."]
    return lines + [f"* Open until set, `{doubt.option}`: {doubt.why}." for doubt in row.doubts]


def _device_line(row: Indicator | Weigher) -> str:
    says = ", ".join(sorted(set(row.says) - {"checksum"})).replace("_", " or ") or "the number only"
    check = "yes" if "checksum" in row.says else "no"
    anchor = f"[`{row.name}`](#{row.name})"
    return f"| {anchor} | {row.title} | {row.frame} | {check} | {says} | {', '.join(row.lines)} |"


def _docstring(kind: Any) -> str:
    return inspect.cleandoc(kind.__doc__ or "")


def _option_table(kind: Any, known: set[str]) -> list[str]:
    rows = [row for row in keys(kind, "") if row[0].split(".")[0] not in known]
    return ["| option | type | default |", "|---|---|---|"] + [
        f"| `{path}` | {kind_} | {default} |" for path, kind_, default in rows
    ]


def commands() -> str:
    lines = ["# Commands", "", "Made by `make docs` from the programs' own help."]
    for script, module in SCRIPTS.items():
        lines += ["", f"## {script}", "", "```", _help(module, []), "```"]
        for verb in _verbs(module, []):
            lines += ["", f"### {script} {' '.join(verb)}", "", "```", _help(module, verb), "```"]
    return "\n".join(lines) + "\n"


def _help(module: str, verb: list[str]) -> str:
    return _printed(module, tuple(verb))


@functools.cache  # asked for twice: to be shown, and for the verbs below it
def _printed(module: str, verb: tuple[str, ...]) -> str:
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.suppress(SystemExit):
        importlib.import_module(module).main([*verb, "--help"])
    return out.getvalue().rstrip()


def _verbs(module: str, before: list[str]) -> Iterator[list[str]]:
    """Every verb and verb of a verb, read from the help that argparse prints."""
    text = _help(module, before)
    found = False
    for line in text.splitlines():
        if found and line.startswith("    ") and line[4] != " ":
            verb = [*before, line.split()[0]]
            yield verb
            yield from _verbs(module, verb)
        if line in ("positional arguments:", "options:"):
            found = line == "positional arguments:"


def _load(where: str) -> Any:
    module, _, name = where.partition(":")
    return getattr(importlib.import_module(module), name)


if __name__ == "__main__":
    raise SystemExit(main())
