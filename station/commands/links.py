"""`footage links` and what is answered to them: which footage belongs to which passage, by rule or by whom."""

from __future__ import annotations

import argparse

from journal.console import Console, Verbs, write, write_rows
from kernel.footage.bodies import FootageLinked
from kernel.footage.linking import newest
from station.commands.asking import asking
from station.commands.recorders import footage_index
from station.commands.shared import load_settings, needs_settings

LINKS = (
    "link",
    "act",
    "sha256",
    "from_ms",
    "to_ms",
    "box",
    "passage",
    "true_from_ms",
    "err_ms",
    "by",
    "confirmed_by",
    "reason",
)


def add_to(kinds: Verbs) -> None:
    """Below `footage`."""
    links = kinds.add_parser("links", help="how every link stands")
    links.add_argument("--act", choices=("proposed", "linked", "declined", "unlinked"))
    links.add_argument("--json", action="store_true")
    needs_settings(links)
    links.set_defaults(run=_links)
    answer = kinds.add_parser("link", help="answer a proposal, or take a link back with a reason")
    answer.add_argument("link")
    answer.add_argument("answer", choices=("yes", "no", "unlink"))
    answer.add_argument("--reason", default="", help="needed to take a link back")
    answer.add_argument("--by", required=True, metavar="ACCOUNT")
    needs_settings(answer)
    answer.set_defaults(run=_answer)


def _links(given: argparse.Namespace, _console: Console) -> int:
    index = footage_index(load_settings(given.settings))
    links = newest(one.body for one in index.of(FootageLinked)).values()
    wanted = [link for link in links if given.act in (None, link.act)]
    write_rows(wanted, LINKS, as_json=given.json)
    return 0


def _answer(given: argparse.Namespace, console: Console) -> int:
    body = {"reason": given.reason} if given.answer == "unlink" else {}
    with asking(load_settings(given.settings), by=given.by, clock=console.clock) as station:
        done = station.post(f"/footage/links/{given.link}/{given.answer}", body)
    write(f"{done['act']} {done['link']}")
    return 0
