"""Files that recorders put beside their films under the same name 伴随文件: taken in as what they are, related by place and name."""

from __future__ import annotations

from collections.abc import Iterator

from kernel.footage.bodies import FootageImported, RecorderDocked
from station.docking.describing import claims_video
from station.footage.index import FootageIndex, Said

SUFFIXES = (".nmea", ".gps", ".txt", ".log")
Place = tuple[str, str, str]  # recorder, folder, name without its ending
NEAR_MS = 30 * 86_400_000  # between the two being taken in: a full disk, a card that was torn


def is_sidecar(body: FootageImported) -> bool:
    return body.name.lower().endswith(SUFFIXES) and not body.media_type.startswith(
        ("video", "audio", "image")
    )


def beside(index: FootageIndex, file: Said[FootageImported]) -> list[Said[FootageImported]]:
    """The films of such a file, or such files of a film, each once.  Blocking."""
    body, wanted = file.body, not is_sidecar(file.body)
    if body.recorder is None or (wanted and not claims_video(body.name)):
        return []
    near = index.of(
        FootageImported,
        recorder=body.recorder,
        since_ms=file.at_ms - NEAR_MS,
        until_ms=file.at_ms + NEAR_MS,
    )
    found = (one for one in near if _belongs(one.body, body) and _is_kept(one.body))
    fitting = (
        one for one in found if is_sidecar(one.body) == wanted and (wanted or claims_video(one.body.name))
    )
    return list({one.body.sha256: one for one in fitting}.values())


def docked_with(index: FootageIndex, file: Said[FootageImported]) -> list[Said[FootageImported]]:
    """Those that came out of the same docking: the names of many recorders begin anew every day.  Blocking."""
    return [one for one in beside(index, file) if _same_docking(index, one, file)]


def _same_docking(index: FootageIndex, one: Said[FootageImported], other: Said[FootageImported]) -> bool:
    first_ms, last_ms = sorted((one.at_ms, other.at_ms))
    between = index.of(
        RecorderDocked, recorder=one.body.recorder, since_ms=first_ms + 1, until_ms=max(last_ms, first_ms + 1)
    )
    return one.body.dock == other.body.dock and all(docked.body.state != "open" for docked in between)


class Beside:
    """The films that files lie beside, by one pass over all that was taken in."""

    def __init__(self) -> None:
        self._films: dict[Place, list[tuple[int, str]]] = {}
        self._sidecars: dict[str, tuple[Place, int]] = {}

    def add(self, said: Said[FootageImported]) -> None:
        body = said.body
        if body.recorder is None or not body.sha256:
            return
        place = (body.recorder, body.folder, _stem(body.name))
        if is_sidecar(body):
            self._sidecars.setdefault(body.sha256, (place, said.at_ms))
        elif claims_video(body.name):
            self._films.setdefault(place, []).append((said.at_ms, body.sha256))

    def films(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Digests of each such file and of its films."""
        for sha256, (place, at_ms) in self._sidecars.items():
            near = [name for then_ms, name in self._films.get(place, ()) if abs(then_ms - at_ms) <= NEAR_MS]
            yield sha256, tuple(dict.fromkeys(near))


def _belongs(one: FootageImported, other: FootageImported) -> bool:
    return (one.folder, _stem(one.name)) == (other.folder, _stem(other.name))


def _is_kept(body: FootageImported) -> bool:
    return bool(body.sha256) and body.state in ("imported", "damaged")


def _stem(name: str) -> str:
    return name.rpartition(".")[0].casefold()
