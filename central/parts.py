"""What pages and API are given of the centre: its parts, picked by central.main and by nobody else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from central.acts.closing import Closings
from central.live import Bus
from central.settings import Settings
from central.views import Alarm, IssuedSlip
from kernel.clock import Clock
from kernel.law.law import Law
from web.sessions import Sessions

SITE = "centre"  # web.shell.Site.name: part of the cookie's name

if TYPE_CHECKING:
    from central.acts.desk import Desk
    from central.keeping.housekeeping import Keeping
    from central.store.accounts import CentreAccounts
    from central.store.instruments import Instruments
    from central.store.queries import Queries
    from central.store.readings import Readings
    from journal.access import AccessLog


class PlacesFiles(Protocol):
    """Where the bytes of a file are, None when they are not here.  Blocking."""

    def path(self, sha256: str) -> Path | None: ...


class RequestsFiles(Protocol):
    """Asks a box for a file that stayed there; the request is an entry before the command is sent."""

    async def request(self, sha256: str, *, by: str) -> bool:
        """False when no entry names such a file or it is here already."""
        ...


class WritesPackages(Protocol):
    """Writes the evidence package of one passage or case.  Blocking; RefusedError says why there is none."""

    def write(self, box: str, passage: str, path: Path) -> None: ...

    def write_case(self, case: str, path: Path) -> None: ...


class ExportsJournals(Protocol):
    """Writes a whole journal to a file that is not there yet; how many entries.  Blocking; RefusedError: not held."""

    def write(self, journal: str, path: Path) -> int: ...


class IssuesSlips(Protocol):
    """Says what a slip about an entry has in its QR code.  RefusedError: there is none about that."""

    async def issue(self, journal: str, seq: int, *, by: str) -> IssuedSlip: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """`queries`, `readings`, `instruments`, `accounts`, `files`, `packages` and `alarms` block: call them from a thread."""

    settings: Settings
    clock: Clock
    queries: Queries
    readings: Readings  # of plates
    accounts: CentreAccounts  # implements web.accounts.Accounts
    sessions: Sessions  # over these accounts: pages sign in with it, the API takes its cookie
    access: AccessLog
    bus: Bus
    law: Law
    files: PlacesFiles
    requests: RequestsFiles
    packages: WritesPackages
    exports: ExportsJournals
    slips: IssuesSlips
    closings: Closings  # cases that come to their end, or go on
    desk: Desk  # reviews, cases, publications, holds, scales
    instruments: Instruments  # what boxes say of their scales
    keeping: Keeping  # what is due for erasure, and erasing it
    alarms: Callable[[], tuple[Alarm, ...]]  # what somebody must act upon now
    healthy: Callable[[], dict[str, object]]  # counters of ingest, broker and witness client

    @property
    def tls(self) -> bool:
        """Whether people come by https."""
        return (self.settings.web.public_url or "").startswith("https://")

    @property
    def cookie(self) -> str:
        """The session cookie, as web.shell.Shell names it."""
        return f"{'__Host-' if self.tls else ''}weighpost_{SITE}"
