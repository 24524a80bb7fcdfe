"""The plate reader's own process: pictures in on stdin, readings out on stdout, until stdin ends.

Run as `python -m edge.plates.worker` with the plate settings as JSON; started by edge.plates.reader only.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
import time
from typing import BinaryIO

import cv2
import msgspec

from edge.cameras.settings import PlateSettings
from edge.plates.opening import opened
from edge.plates.reading import PictureReader, crop_jpeg, enlarged
from edge.plates.wire import LENGTH, MAX_MESSAGE, Answer, Ask, decode_ask, framed
from kernel.errors import ProtocolError

MOST = 6  # readings of one picture
NICENESS = 5  # weighing comes first


def main() -> None:
    # Ctrl-C reaches the whole group: the lane ends this process by closing its stdin.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(NICENESS)
    cv2.setNumThreads(1)
    answers = _own_stdout()
    reader = PictureReader(msgspec.json.decode(sys.argv[1].encode(), type=PlateSettings))
    serve(reader, sys.stdin.buffer, answers)


def serve(reader: PictureReader, asks: BinaryIO, answers: BinaryIO) -> None:
    """One answer for each ask, the same number on it; the first answer, number 0, says that the models are loaded."""
    _say(answers, Answer(number=0, rss_kb=_rss_kb()))
    while (data := _message(asks)) is not None:
        ask = decode_ask(data)
        begun = time.process_time_ns()
        answer = _answer(reader, ask)
        cpu_ms = (time.process_time_ns() - begun) // 1_000_000
        _say(answers, msgspec.structs.replace(answer, cpu_ms=cpu_ms, rss_kb=_rss_kb()))


def _answer(reader: PictureReader, ask: Ask) -> Answer:
    try:
        picture = opened(ask.jpeg)
    except ProtocolError as error:
        return Answer(number=ask.number, problem=error.problem)
    found = reader.read(picture.picture, region=ask.region)[:MOST]
    readings = tuple(
        msgspec.structs.replace(enlarged(one, picture.scale).reading, crop=crop_jpeg(picture.picture, one))
        for one in found
    )
    return Answer(number=ask.number, readings=readings, reader=reader.name)


def _message(asks: BinaryIO) -> bytes | None:
    head = asks.read(LENGTH)
    size = int.from_bytes(head, "big")
    if len(head) < LENGTH or size > MAX_MESSAGE:
        return None
    data = asks.read(size)
    return data if len(data) == size else None


def _say(answers: BinaryIO, answer: Answer) -> None:
    answers.write(framed(answer))
    answers.flush()


def _own_stdout() -> BinaryIO:
    """stdout for answers alone: whatever a library prints goes to stderr."""
    own = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return own


def _rss_kb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    main()
