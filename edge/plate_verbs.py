"""`weighpost-edge plate ...`: read pictures, measure the reader, and see where a camera looks for plates."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge.cameras.settings import WHOLE, PlateSettings
from journal.console import Console, Verbs, write
from kernel.clock import Clock
from kernel.errors import ConfigError, LinkError, ProtocolError

if TYPE_CHECKING:
    from edge.plates.reading import Found, PictureReader
    from edge.plates.scoring import Outcome, Scene

Region = tuple[int, int, int, int]


def add(verbs: Verbs) -> None:
    """The verbs; each sets `run`."""
    plate = verbs.add_parser("plate", help="read plates in pictures, and measure how well")
    inner = plate.add_subparsers(required=True, metavar="VERB", dest="plate_verb")
    read = inner.add_parser("read", help="read every picture: one line each")
    read.add_argument("images", nargs="+", type=Path, metavar="IMAGE")
    read.add_argument("--json", action="store_true", help="one JSON list a picture")
    read.add_argument("--all", action="store_true", help="also what is below the gate, as unsure")
    _region(read)
    read.set_defaults(run=_read)
    bench = inner.add_parser("bench", help="measure the reader on pictures whose plates are known")
    bench.add_argument("--manifest", required=True, type=Path, metavar="FILE")
    bench.add_argument(
        "--final",
        action="store_true",
        help="the half that nothing was tuned to; nothing may be tuned afterwards",
    )
    bench.add_argument("--json", action="store_true")
    bench.set_defaults(run=_bench)
    roi = inner.add_parser("roi", help="save a still with the region drawn where plates are looked for")
    roi.add_argument("url", metavar="URL", help="of a camera, or the path of a picture")
    roi.add_argument("--out", type=Path, default=Path("roi.jpg"), metavar="FILE")
    _region(roi)
    roi.set_defaults(run=_roi)


def _region(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--region", type=_permille, default=WHOLE, metavar="X,Y,W,H", help="in permille of the picture"
    )


def _permille(text: str) -> Region:
    try:
        x, y, width, height = map(int, text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError("four whole numbers: x,y,width,height in permille") from None
    if min(x, y) < 0 or min(width, height) <= 0 or max(x + width, y + height) > 1000:
        raise argparse.ArgumentTypeError("must lie inside 0..1000")
    return x, y, width, height


# --- read ------------------------------------------------------------------------------------------------------


def _read(given: argparse.Namespace, _console: Console) -> int:
    """0: every picture could be opened, whatever was read in it."""
    reader, opened_all = _reader(), True
    for path in given.images:
        try:
            found = _found(reader, _bytes(path), given.region, everything=given.all)
        except ProtocolError as error:
            sys.stderr.write(f"{path}: {error.problem}\n")
            found, opened_all = [], False
        write(json.dumps(found, ensure_ascii=False) if given.json else f"{path}\t{_words(found)}")
    return 0 if opened_all else 1


def _reader() -> PictureReader:
    import cv2

    from edge.plates.reading import PictureReader

    cv2.setNumThreads(1)
    return PictureReader(PlateSettings())


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ProtocolError(f"cannot be read: {error.strerror}") from error


def _found(reader: PictureReader, data: bytes, region: Region, *, everything: bool) -> list[dict[str, Any]]:
    from edge.plates.opening import opened
    from edge.plates.reading import enlarged

    picture = opened(data)
    readings = [one for one in reader.read(picture.picture, region=region) if one.reading.kind == "plate"]
    return [_told(enlarged(one, picture.scale)) for one in readings if one.reading.sure or everything]


def _told(found: Found) -> dict[str, Any]:
    """One plate; box and corners in the pixels of the file, characters with the probability of each."""
    reading = found.reading
    characters = zip(reading.text, reading.chars_permille, strict=True)
    return {
        "text": reading.text,
        "class": reading.plate_class,
        "colour": reading.colour,
        "score": reading.score_permille / 1000,
        "box": list(reading.box),
        "corners": [list(corner) for corner in reading.corners],
        "characters": [[char, permille / 1000] for char, permille in characters],
        "status": "read" if reading.sure else "unsure",
    }


def _words(found: list[dict[str, Any]]) -> str:
    if not found:
        return "unread"
    return ", ".join(
        f"{one['text']} ({one['class']}, {one['colour'] or 'colour unclear'}, {one['score']:.2f}"
        + (", unsure)" if one["status"] == "unsure" else ")")
        for one in found
    )


# --- bench -----------------------------------------------------------------------------------------------------


def _bench(given: argparse.Namespace, _console: Console) -> int:
    from edge.plates.scoring import amiss, scenes, shares

    chosen = [scene for scene in scenes(given.manifest) if scene.unseen == given.final]
    if not chosen:
        raise ConfigError.one("--manifest", "no picture of it is in this half")
    reader = _reader()
    outcomes = [_outcome(reader, scene) for scene in chosen]
    rows, cpu_ms = shares(outcomes), sorted(one.cpu_ms for one in outcomes)
    told = {
        "half": "final" if given.final else "seen",
        "pictures": len(outcomes),
        "shares": [{"name": row.name, "good": row.good, "n": row.n} for row in rows],
        "cpu_ms": {"median": cpu_ms[len(cpu_ms) // 2], "most": cpu_ms[-1]},
        "amiss": amiss(outcomes),
    }
    if given.json:
        write(json.dumps(told, ensure_ascii=False))
        return 0
    lines = [f"{len(outcomes)} pictures, the {told['half']} half", *map(str, rows)]
    lines.append(f"CPU a picture: {cpu_ms[len(cpu_ms) // 2]} ms in the middle, {cpu_ms[-1]} ms at most")
    write("\n".join([*lines, *amiss(outcomes)]))
    return 0


def _outcome(reader: PictureReader, scene: Scene) -> Outcome:
    from edge.plates.scoring import Outcome

    begun = time.process_time_ns()
    try:
        found = _found(reader, _bytes(scene.file), WHOLE, everything=False)
    except ProtocolError as error:
        raise ConfigError.one(scene.file.name, error.problem) from error
    return Outcome(
        scene=scene,
        texts=tuple(one["text"] for one in found),
        scores=tuple(round(1000 * one["score"]) for one in found),
        colour=found[0]["colour"] if found else None,
        cpu_ms=(time.process_time_ns() - begun) // 1_000_000,
    )


# --- roi -------------------------------------------------------------------------------------------------------


def _roi(given: argparse.Namespace, console: Console) -> int:
    import cv2

    from edge.plates.opening import opened

    try:
        picture = opened(_still(given.url, console.clock)).picture
    except ProtocolError as error:
        raise ConfigError.one("URL", error.problem) from error
    height, width = picture.shape[:2]
    x, y, wide, tall = given.region
    corners = (
        (width * x // 1000, height * y // 1000),
        (width * (x + wide) // 1000 - 1, height * (y + tall) // 1000 - 1),
    )
    drawn = cv2.rectangle(picture.copy(), *corners, (0, 255, 255), max(2, width // 400))
    good, data = cv2.imencode(".jpg", drawn)
    if not good:
        raise ConfigError.one("--out", "the picture cannot be encoded")
    try:
        given.out.write_bytes(data.tobytes())
    except OSError as error:
        raise ConfigError.one("--out", f"cannot be written: {error.strerror}") from error
    write(f"{given.out}: {width} x {height}, region {corners[0]} to {corners[1]}")
    return 0


def _still(url: str, clock: Clock) -> bytes:
    """One picture of a camera, or of a file; ConfigError when it gives none."""
    path = Path(url)
    if path.is_file() and path.suffix.lower() in (".jpg", ".jpeg", ".png"):
        return path.read_bytes()
    from edge.cameras.stills import one_still

    try:
        return one_still(url, clock=clock).jpeg
    except LinkError as error:
        raise ConfigError.one("URL", str(error)) from error
