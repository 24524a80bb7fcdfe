"""`renew-journal` of every program: the next journal is opened in order, or one is doubted and what it held said again."""

from __future__ import annotations

import argparse
from pathlib import Path

from journal.shelf import order_doubt, order_renewal


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--doubt",
        metavar="REASON",
        help="as after a revocation: at the next start, what of it is not kept is said again under a new key",
    )
    parser.add_argument("--journal", metavar="ID", help="with --doubt, an earlier one than the current")


def order(folder: Path, given: argparse.Namespace) -> str:
    """What to tell the operator; RefusedError: there is no such journal."""
    if given.doubt is None:
        return order_renewal(folder)
    return order_doubt(folder, given.doubt, journal=given.journal)
