"""True time of footage in words, always with its error and what it rests on: 10:23:41 ±0.6 秒，依据采集站 08:02、二维码 09:15."""

from __future__ import annotations

from kernel.footage.bodies import ClockAnchor
from kernel.footage.clocks import TrueTime
from web import times
from web.i18n import Texts, word
from web.i18n import mark as _

ANCHORS = {
    "dock": _("dock"),
    "qr": _("QR clock"),
    "gps": _("satellites"),
    "gps_beside": _("file of satellites"),
    "event": _("passage seen"),
    "manual": _("told by hand"),
}
SHOWN = 3
MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000


def true_time(time: TrueTime | None, texts: Texts) -> str:
    """None: nothing is known of this recorder's clock."""
    if time is None:
        return texts(_("true time not known"))
    named = [anchor(one, texts) for one in time.anchors[:SHOWN]]
    more = "…" if len(time.anchors) > SHOWN else ""
    return texts(
        _("{time} ±{error}, from {anchors}"),
        time=times.stamp(time.true_ms),
        error=error(time.err_ms, texts),
        anchors=texts(_(", ")).join(named) + more,
    )


def anchor(one: ClockAnchor, texts: Texts) -> str:
    return f"{word(ANCHORS, one.kind, texts)} {times.stamp(one.true_ms)[5:16]}"


def error(err_ms: int, texts: Texts) -> str:
    """0.6 秒, 12 分钟, 3 小时: never less than it is."""
    if err_ms < MINUTE_MS:
        tenths = -(-err_ms // 100)
        return texts(_("{number} s"), number=f"{tenths // 10}.{tenths % 10}")
    for unit_ms, key in ((HOUR_MS, _("{number} min")), (2 * DAY_MS, _("{number} h"))):
        if err_ms < unit_ms:
            return texts(key, number=-(-err_ms // (MINUTE_MS if unit_ms == HOUR_MS else HOUR_MS)))
    return texts(_("{number} days"), number=-(-err_ms // DAY_MS))


def ahead(offset_ms: int, err_ms: int, texts: Texts) -> str:
    """How wrong a clock was: 快 3.2 秒 ±0.1 秒."""
    key = _("{time} fast ±{error}") if offset_ms >= 0 else _("{time} slow ±{error}")
    return texts(key, time=error(abs(offset_ms), texts), error=error(err_ms, texts))
