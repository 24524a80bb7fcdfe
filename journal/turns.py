"""A queue in which everybody takes turns: whoever brings much waits longer, and nobody waits for him."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Turns(Generic[T]):
    """Put from anywhere, taken by one thread; of one box things come out in the order they went in."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: OrderedDict[str, deque[T]] = OrderedDict()
        self._closed = False

    def put(self, box: str, item: T) -> None:
        with self._changed:
            self._waiting.setdefault(box, deque()).append(item)
            self._changed.notify()

    def close(self) -> None:
        """What waits is still taken."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def take(self, most: int, *, weigh: Callable[[T], int] = lambda _item: 1) -> list[T]:
        """Whatever waits now, one of each box and again, until it weighs `most`; waits for the first.

        Empty when closed.
        """
        with self._changed:
            while not self._waiting and not self._closed:
                self._changed.wait()
            taken: list[T] = []
            weight = 0
            while self._waiting and weight < most:
                taken.append(self._next())
                weight += weigh(taken[-1])
            return taken

    def _next(self) -> T:
        box, items = self._waiting.popitem(last=False)
        item = items.popleft()
        if items:
            self._waiting[box] = items
        return item
