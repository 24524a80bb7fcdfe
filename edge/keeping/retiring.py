"""What leaves because its days are over, rule by rule; as many at once as one entry names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from edge.keeping.inventory import Inventory
from edge.keeping.planning import Kind, Lying, is_due
from edge.keeping.settings import DAY_MS, KeepingSettings, Rule
from journal.disk import Room
from kernel.law.rows import china_day


class Retiring:
    """`by` says in the entries who removes by rule: the box."""

    def __init__(
        self, inventory: Inventory, *, settings: KeepingSettings, by: str, room: Callable[[], Room]
    ) -> None:
        self._inventory = inventory
        self._settings = settings
        self._box = by
        self._room = room
        self._looked_through = 0  # rules, in this round

    async def retire(self, today_ms: int) -> bool:
        """One portion; False when nothing is due, which ends a round."""
        rules = self._settings.in_force(on=china_day(today_ms))
        for rule in rules[self._looked_through :]:
            if await self._by(rule, rules, today_ms):
                return True
            self._looked_through += 1
        self._looked_through = 0
        return False

    async def _by(self, rule: Rule, rules: Sequence[Rule], today_ms: int) -> bool:
        if rule.what == "plates":
            return await self._plates(rule, today_ms)
        return await self._files(rule, rule.what, rules, today_ms)

    async def _plates(self, rule: Rule, today_ms: int) -> bool:
        since_ms = today_ms - rule.days * DAY_MS
        rows = await self._inventory.plates(rule.outcome, since_ms, today_ms=today_ms)
        if rows:
            await self._inventory.erase_plates(rows, rule=rule.name, by=self._box)
        return bool(rows)

    async def _files(self, rule: Rule, what: Kind, rules: Sequence[Rule], today_ms: int) -> bool:
        since_ms = today_ms - rule.days * DAY_MS
        over = partial(is_due, rules=rules, today_ms=today_ms)
        due = await self._inventory.files(what, rule.outcome, since_ms, may_go=over, today_ms=today_ms)
        clips = [file for file in due if file.compliant_clip]
        if clips:
            await self._evict(clips)
        others = [file for file in due if not file.compliant_clip]
        if others:
            await self._inventory.erase_files(others, rule=rule.name, by=self._box)
        return bool(due)

    async def _evict(self, clips: Sequence[Lying]) -> None:
        await self._inventory.evict(clips, "compliant_clip", free_kb=self._room().free // 1024)
