"""How long footage waits for its deletion, how full its disk may become, and how it is supervised."""

from __future__ import annotations

from dataclasses import dataclass

from kernel.settings import must, refuse


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepingSettings:
    """How long it stays is law: rows `retention` and `must_record` of kernel/law, or of this site's own `law`.

    `recorders`, `minutes_a_day` and `kbit_s` are what capacity is worked out from; None: as measured here.
    """

    wait_days: int = 7  # from being marked until it is deleted
    low_percent: int = 85  # of the disk: an alarm
    high_percent: int = 92  # of the disk: room is made, down to low_percent
    night_hour: int = (
        3  # of the day in China, when rules are applied and the disk is held against the entries
    )
    recorders: int | None = None
    minutes_a_day: int | None = None  # that each records
    kbit_s: int | None = None
    steps_required: bool = (
        False  # a finding over the limit is released only when its steps are marked or explained
    )
    sample_permille: int = 20  # of the files, for supervisors to watch
    sample_seed: str = ""  # empty: the station's own id

    def __post_init__(self) -> None:
        refuse(
            must(self.wait_days >= 1, "wait_days", "must be at least 1"),
            must(
                0 < self.low_percent < self.high_percent <= 100, "high_percent", "must be above low_percent"
            ),
            must(0 <= self.night_hour < 24, "night_hour", "must be 0 to 23"),
            must(0 <= self.sample_permille <= 1_000, "sample_permille", "must be 0 to 1000"),
            *(
                must((value := getattr(self, name)) is None or value >= 0, name, "must not be below 0")
                for name in ("recorders", "minutes_a_day", "kbit_s")
            ),
        )
