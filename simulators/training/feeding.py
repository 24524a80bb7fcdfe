"""Feeds a training: fresh drawings from a process of their own, and older ones again; the same for the same seed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from multiprocessing import get_context
from multiprocessing.queues import Queue
from queue import Empty
from typing import Any, TypeVar

import cv2
import numpy as np

from kernel.errors import RestartError

T = TypeVar("T")
AHEAD = 24  # batches that wait
LOOK_S = 5.0


def batches(
    samples: Callable[[int], Iterator[T]], *, seed: int, fresh: int, again: int, kept: int
) -> Iterator[list[T]]:
    """Without end: `fresh` new ones and `again` of the `kept` older ones each."""
    random = np.random.default_rng(seed)
    pool: list[T] = []
    for new in _fresh(samples, seed, fresh):
        pool += new
        yield new + [pool[int(n)] for n in random.integers(0, len(pool), again)]
        while len(pool) > kept:
            pool[int(random.integers(len(pool)))] = pool.pop()


def _fresh(samples: Callable[[int], Iterator[T]], seed: int, count: int) -> Iterator[list[T]]:
    context = get_context("fork")
    queue: Any = context.Queue(AHEAD)
    process = context.Process(target=_draw, args=(samples, seed, count, queue), daemon=True)
    process.start()
    try:
        while True:
            yield _got(queue, process)
    finally:
        process.terminate()
        process.join()


def _got(queue: Any, process: Any) -> Any:
    """RestartError: who draws has died."""
    while True:
        try:
            return queue.get(timeout=LOOK_S)
        except Empty:
            if not process.is_alive():
                raise RestartError("the process that draws has ended") from None


def _draw(samples: Callable[[int], Iterator[T]], seed: int, count: int, queue: Queue[list[T]]) -> None:
    cv2.setNumThreads(1)
    source = samples(seed)
    while True:
        queue.put([next(source) for _ in range(count)])
