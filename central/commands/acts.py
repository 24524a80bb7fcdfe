"""`case`, `publish`, `hold`, `erase`, `keep`: acts of the centre, and what is kept how long, on a terminal."""

from __future__ import annotations

import argparse
from typing import get_args

import msgspec

from central.acts.grounds import judged_case
from central.acts.steps import step_views
from central.commands.asking import asking
from central.commands.shared import load_settings, needs_settings, open_database
from central.keeping.housekeeping import due
from central.keyring import register
from central.store import cases
from central.store.instruments import Instruments
from central.store.keeping import Keeper
from central.store.queries import Queries
from central.views import CaseView
from journal.console import Console, Verbs, write, write_rows
from kernel.errors import ConfigError, RefusedError
from kernel.events import CaseEnd, CaseKept
from kernel.footage.bodies import Step
from kernel.law.shipped import national
from web import times

CASES = ("case", "entries", "newest_ms", "closed_ms", "reason", "kept_as", "by")
STEPS = ("step", "marked_ms", "by", "shown", "reason", "open")


def add(verbs: Verbs) -> None:
    _add_case(verbs)
    _add_publish(verbs)
    _add_steps(verbs)
    hold = verbs.add_parser("hold", help="keep a passage from being erased, or let it go")
    _acting(hold, "passage")
    hold.add_argument("--reason", required=True)
    hold.add_argument("--until", metavar="YYYY-MM-DD", help="the last day; without it until it is released")
    hold.add_argument("--release", action="store_true")
    hold.set_defaults(run=_hold)
    erase = verbs.add_parser("erase", help="erase plates and pictures of a passage now")
    _acting(erase, "passage")
    erase.add_argument("--rule", required=True, help="the text or the request that asks for it")
    erase.set_defaults(run=_erase)
    keep = verbs.add_parser("keep", help="what is due for erasure, and what is held")
    keep.add_argument("--json", action="store_true")
    needs_settings(keep)
    keep.set_defaults(run=_keep)


def _add_case(verbs: Verbs) -> None:
    case = verbs.add_parser("case", help="what belongs to a case").add_subparsers(required=True)
    new = case.add_parser("add", help="add passages to a case, or begin it")
    new.add_argument("case")
    new.add_argument("passages", nargs="+", metavar="PASSAGE")
    new.add_argument("--note", default="")
    new.add_argument(
        "--as-context",
        action="store_true",
        help="also weighings whose scale yields no evidence; they are named so",
    )
    _by(new)
    new.set_defaults(run=_add_to_case)
    close = case.add_parser("close", help="a case has come to its end, by review and for this reason")
    close.add_argument("case")
    close.add_argument("--reason", choices=get_args(CaseEnd), required=True)
    close.add_argument(
        "--kept-as",
        choices=get_args(CaseKept),
        help="for how long its file is kept (if left out, as before, or as case)",
    )
    close.add_argument("--note", default="")
    close.set_defaults(run=_close_case)
    reopen = case.add_parser("reopen", help="a closed case goes on")
    reopen.add_argument("case")
    reopen.add_argument("--note", required=True, help="why")
    reopen.set_defaults(run=_reopen_case)
    for parser in (close, reopen):
        parser.add_argument("--by", required=True, metavar="NAME", help="whose act it is")
        needs_settings(parser)
    listed = case.add_parser("list", help="every case, and whether it is closed")
    listed.add_argument("--open", action="store_true", help="only those that are open")
    listed.add_argument("--json", action="store_true")
    needs_settings(listed)
    listed.set_defaults(run=_list_cases)
    show = case.add_parser("show", help="the entries of a case")
    show.add_argument("case")
    show.add_argument("--json", action="store_true")
    needs_settings(show)
    show.set_defaults(run=_show_case)


def _add_steps(verbs: Verbs) -> None:
    steps = verbs.add_parser("steps", help="steps of a passage that must be on footage").add_subparsers(
        required=True
    )
    show = steps.add_parser("show", help="how each step stands")
    show.add_argument("passage")
    show.add_argument("--box", help="needed only if two boxes chose the same id")
    show.add_argument("--json", action="store_true")
    needs_settings(show)
    show.set_defaults(run=_show_steps)
    explain = steps.add_parser("explain", help="why a step has no footage")
    _acting(explain, "passage")
    explain.add_argument("step", choices=get_args(Step))
    explain.add_argument("--reason", required=True)
    explain.set_defaults(run=_explain)


def _add_publish(verbs: Verbs) -> None:
    publish = verbs.add_parser("publish", help="make fields of a case public, or take them back")
    publish.add_argument("case")
    publish.add_argument(
        "--field", action="append", default=[], metavar="NAME", help="docs/api.md lists them"
    )
    publish.add_argument("--until", metavar="YYYY-MM-DD", help="the last day")
    publish.add_argument("--withdraw", action="store_true")
    _by(publish)
    publish.set_defaults(run=_publish)


def _acting(parser: argparse.ArgumentParser, what: str) -> None:
    parser.add_argument(what)
    _by(parser)


def _by(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--by", required=True, metavar="NAME", help="whose act it is")
    parser.add_argument("--box", help="needed only if two boxes chose the same id")
    needs_settings(parser)


def _add_to_case(arguments: argparse.Namespace, console: Console) -> int:
    settings = load_settings(arguments.settings)
    passages = [{"passage": passage, "box": arguments.box} for passage in arguments.passages]
    with asking(settings, role="reviewer", clock=console.clock, by=arguments.by) as centre:
        said = {"passages": passages, "note": arguments.note, "as_context": arguments.as_context}
        added = centre.post(f"/cases/{arguments.case}", said)
    write(f"{added['case']}: {added['entries']} entries")
    return 0


def _close_case(arguments: argparse.Namespace, console: Console) -> int:
    said = {"act": "closed", "reason": arguments.reason, "kept_as": arguments.kept_as}
    return _say_of_case(arguments, console, said)


def _reopen_case(arguments: argparse.Namespace, console: Console) -> int:
    return _say_of_case(arguments, console, {"act": "reopened"})


def _say_of_case(arguments: argparse.Namespace, console: Console, said: dict[str, str | None]) -> int:
    settings = load_settings(arguments.settings)
    with asking(settings, role="reviewer", clock=console.clock, by=arguments.by) as centre:
        _told(centre.post(f"/cases/{arguments.case}/closing", said | {"note": arguments.note}))
    return 0


def _list_cases(arguments: argparse.Namespace, _console: Console) -> int:
    settings = load_settings(arguments.settings)
    with open_database(settings) as database, database.reader.connect() as connection:
        write_rows(cases.listed(connection, open_only=arguments.open), CASES, as_json=arguments.json)
    return 0


def _show_case(arguments: argparse.Namespace, _console: Console) -> int:
    settings = load_settings(arguments.settings)
    with open_database(settings) as database:
        queries = Queries(database, register=register(settings))
        found = judged_case(arguments.case, queries, Instruments(database))
    if found is None:
        raise RefusedError(f"no such case: {arguments.case}")
    if arguments.json:
        write(msgspec.json.format(msgspec.json.encode(found)).decode())
    else:
        write_rows(found.entries, ("journal", "seq", "stream", "box", "passage", "matches"), as_json=False)
        write(_how_it_stands(found))
        for each in found.lost:
            write(f"{each.passage} is no evidence any more: {', '.join(each.reasons)}")
    return 0


def _how_it_stands(case: CaseView) -> str:
    closing = case.closing
    if closing is None or closing.closed_ms is None:
        return "open" if closing is None else f"open again, by {closing.by}: {closing.note}"
    when = times.stamp(closing.closed_ms)
    return f"closed {when} by {closing.by}: {closing.reason}, kept as {closing.kept_as}"


def _show_steps(arguments: argparse.Namespace, _console: Console) -> int:
    settings = load_settings(arguments.settings)
    with open_database(settings) as database:
        queries = Queries(database, register=settings.register)
        boxes = [arguments.box] if arguments.box else queries.boxes_of(arguments.passage)
        found = queries.passage(boxes[0], arguments.passage) if len(boxes) == 1 else None
    if found is None:
        raise RefusedError("no such passage, or of more than one box")
    write_rows(step_views(found, national()), STEPS, as_json=arguments.json)
    return 0


def _explain(arguments: argparse.Namespace, console: Console) -> int:
    settings = load_settings(arguments.settings)
    with asking(settings, role="reviewer", clock=console.clock, by=arguments.by) as centre:
        box = centre.box_of(arguments.passage, arguments.box)
        body = {"step": arguments.step, "reason": arguments.reason}
        _told(centre.post(f"/passages/{box}/{arguments.passage}/gaps", body))
    return 0


def _publish(arguments: argparse.Namespace, console: Console) -> int:
    body = {
        "act": "withdrawn" if arguments.withdraw else "published",
        "fields": arguments.field,
        "until_ms": _until_ms(arguments.until),
    }
    settings = load_settings(arguments.settings)
    with asking(settings, role="admin", clock=console.clock, by=arguments.by) as centre:
        _told(centre.post(f"/cases/{arguments.case}/publication", body))
    return 0


def _hold(arguments: argparse.Namespace, console: Console) -> int:
    body = {
        "act": "released" if arguments.release else "held",
        "reason": arguments.reason,
        "until_ms": _until_ms(arguments.until),
    }
    settings = load_settings(arguments.settings)
    with asking(settings, role="reviewer", clock=console.clock, by=arguments.by) as centre:
        box = centre.box_of(arguments.passage, arguments.box)
        _told(centre.post(f"/passages/{box}/{arguments.passage}/hold", body))
    return 0


def _erase(arguments: argparse.Namespace, console: Console) -> int:
    settings = load_settings(arguments.settings)
    with asking(settings, role="admin", clock=console.clock, by=arguments.by) as centre:
        box = centre.box_of(arguments.passage, arguments.box)
        erased = centre.post(f"/passages/{box}/{arguments.passage}/erase", {"rule": arguments.rule})
    if erased["by"] is None:
        write("nothing personal is left")
    else:
        _told(erased["by"])
    return 0


def _keep(arguments: argparse.Namespace, console: Console) -> int:
    settings = load_settings(arguments.settings)
    with open_database(settings) as database:
        rows = due(Keeper(database), retention=settings.retention, now_ms=console.clock.now_ms())
    columns = ("box", "passage", "rule", "marked_ms", "erased_from_ms", "held")
    write_rows(rows, columns, as_json=arguments.json)
    return 0


def _told(ref: dict[str, object]) -> None:
    write(f"{ref['journal']}/{ref['seq']}")


def _until_ms(day: str | None) -> int | None:
    """The end of that day in China; ConfigError: it is no day."""
    if day is None:
        return None
    began_ms = times.parse_day(day)
    if began_ms is None:
        raise ConfigError.one("--until", f"is not a day: {day!r}")
    return began_ms + times.DAY_MS
