"""The technician's verbs: weighpost-edge scale detect, monitor, decode and send."""

from __future__ import annotations

from edge.technician import decode, detect, monitor, send
from edge.technician.target import Parser
from journal.console import Verbs


def add(verbs: Verbs) -> Verbs:
    """The verbs of the verb, so that others may join them."""
    scale = verbs.add_parser("scale", help="find, watch, decode or order a scale")
    inner = scale.add_subparsers(required=True, metavar="VERB", dest="scale_verb", parser_class=Parser)
    for verb in (detect, monitor, decode, send):
        verb.add(inner)
    return inner
