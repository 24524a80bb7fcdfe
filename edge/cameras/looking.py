"""What key frames of a camera show of the camera itself 摄像机自检: covered, black, blurred, dirty, moved.

Imports numpy: loaded in a thread, when the first key frame is looked at.  CPU work, for a thread.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from functools import cached_property
from typing import Any, Literal

import numpy as np
from av.error import FFmpegError
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation
from numpy.typing import NDArray

from edge.cameras.filters import (
    Grey,
    Levels,
    Spectrum,
    gradients,
    laplacian,
    largest_around,
    rolled,
    shift_between,
    softened,
    spectrum,
    tiled,
)
from edge.cameras.measuring import grey_of, sharpness
from edge.cameras.memory import Held
from edge.cameras.pictures import key_picture
from edge.cameras.stream import STILLS

VIEW = (320, 180)
TILES = (16, 9)
REMEMBERED = 8  # views whose middle is the scene without its vehicles
# A sorting network of eight: thirty times as fast as a median of columns.
SORTING = (
    (0, 1), (2, 3), (4, 5), (6, 7), (0, 2), (1, 3), (4, 6), (5, 7), (1, 2), (5, 6),
    (0, 4), (3, 7), (1, 5), (2, 6), (1, 4), (3, 6), (2, 4), (3, 5), (3, 4),
)  # fmt: skip
BLACK_LUMA, BLACK_SPREAD = 14, 8
EDGE = 14.0  # grey levels over two pixels: what is less is noise
COVERED_PERMILLE = 60  # of the tiles that show an edge; a covered lens shows fewer
BLURRED = 220  # of measuring.sharpness, at the size of a view
WORN = 0.35  # of a tile's detail, held against all others: what has less is behind a spot
DIRTY_PERMILLE = (25, 500)  # of the tiles with something to see
MOVED_PX = 9  # of a view: 3 % of its width
SAME_SCENE = (
    0.25  # response of the correlation that finds the shift; the same scene by night gives twice that
)
KNOWN = 0.5  # what vehicles hide of a scene leaves less than this, dirt, night and rain leave more
# Degrees on its mount and times of zoom that a scene is tried at when it is not known; a camera that did less is well.
TURNS = (
    *((degrees, 1.0) for degrees in (-9, -6, -3, 3, 6, 9)),
    *((0, zoom) for zoom in (0.8, 0.87, 0.94, 1.06, 1.13, 1.2)),
)
SAME_LIGHT = 45  # grey levels between them
CORNER = 8.0  # of a tile with something to hold it, in squared grey levels
ALIKE = 0.8  # correlation of a tile with itself by another light
SWAY = tuple(
    (y, x) for y in (-2, 0, 2) for x in (-2, 0, 2)
)  # by wind and warmth; outlines are softer than a pixel
FLAT = 1e-6
STAYS = (
    120  # permille in place: a lorry that hides half the picture leaves more, a camera that was turned less
)
REST = 500  # permille in place beside spots; of what is left beside a lorry there are fewer
DAY = (60, 200)  # brightness of a view that may become the reference
# Looks in a row before a word is said, and before it is taken back: a queue of trucks is no fault.
PATIENCE = {"black": 3, "covered": 4, "blurred": 12, "moved": 40, "dirty": 40}
HIDDEN = ("moved", "dirty")  # what a vehicle in front of the camera looks like
NEVER_FREE = 240  # busy looks in a row, an hour as they are set: nobody waits for an empty lane any longer


def view_of(held: Held) -> Grey | None:
    """A key frame, small and grey; None when it cannot be decoded."""
    if held.session.codec == STILLS:
        grey = grey_of(held.packet.data)
        return None if grey is None else sized(grey)
    try:
        frame = key_picture(held, VIEW)
    except (FFmpegError, ValueError, TypeError):
        return None
    return None if frame is None else np.asarray(frame.to_ndarray(), np.uint8)


def sized(grey: Grey) -> Grey:
    """A picture of any size as a view."""
    frame = VideoFrame.from_ndarray(grey, format="gray")
    view = frame.reformat(width=VIEW[0], height=VIEW[1], interpolation=Interpolation.AREA)
    return np.asarray(view.to_ndarray(), np.uint8)


class SelfCheck:
    """Of one camera.  `reference` is the view that it was set up with; without one nothing is compared."""

    def __init__(self, reference: Grey | None = None) -> None:
        self.reference = reference
        self._known: Scene | None = None  # the reference, worked out
        self._views: deque[Grey] = deque(maxlen=REMEMBERED)
        self._empty: deque[Grey] = deque(maxlen=REMEMBERED)  # those on which nothing stood in the lane
        self._busy = 0  # looks in a row on which something did
        self._counts = dict.fromkeys(PATIENCE, 0)
        self._said: set[str] = set()

    def look(self, view: Grey, *, is_free: bool = True) -> tuple[str, ...]:
        """What is said of the camera after this look, the worst first.

        While a vehicle stands in the lane nothing is learnt about what it hides.  On a lane that is never free a
        scene that is known again, elsewhere or in its place, says whether the camera has moved, and nothing else does.
        """
        self._views.append(view)
        self._busy = 0 if is_free else self._busy + 1
        if is_free:
            self._empty.append(view)
        found = self._found(view)
        if self.reference is None or found:
            placed = {"moved": False, "dirty": False} if is_free else {}
        else:
            placed = self._placed() if is_free else self._placed_behind()
        for word in PATIENCE:
            if word in placed or word not in HIDDEN:
                self._count(word, is_there=word in found or placed.get(word, False))
        return tuple(word for word in PATIENCE if word in self._said)

    def scene(self) -> Grey:
        """The views of the last minutes without what drove through them."""
        return _middle(self._views)

    def empty_scene(self) -> Grey:
        """The last views of the lane on which nothing stood in it; there must have been one."""
        return _middle(self._empty)

    @property
    def is_never_free(self) -> bool:
        """Something has stood in the lane for so long that nobody waits for an empty one."""
        return self._busy > NEVER_FREE

    @property
    def is_fit_for_reference(self) -> bool:
        """A good day: enough views of an empty lane, no fault now, and light enough."""
        return (
            len(self._empty) == REMEMBERED
            and not any(self._counts.values())
            and DAY[0] <= float(self.empty_scene().mean()) <= DAY[1]
        )

    def _found(self, view: Grey) -> set[str]:
        """What is seen without a reference, whether or not something stands in the lane."""
        if float(view.mean()) < BLACK_LUMA and float(view.std()) < BLACK_SPREAD:
            return {"black"}
        scene = self.scene()
        if Scene(scene).edged_permille < COVERED_PERMILLE:
            return {"covered"}
        return {"blurred"} if sharpness(scene) < BLURRED else set()

    def _placed(self) -> dict[str, bool]:
        word = _compared(self._reference(), Scene(self.empty_scene()))
        return {"moved": word == "moved", "dirty": word == "dirty"}

    def _placed_behind(self) -> dict[str, bool]:
        """Behind what never leaves: only what is known again is believed."""
        if not self.is_never_free:
            return {}
        where = _where(self._reference(), Scene(self.scene()))
        return {} if where in (None, "hidden") else {"moved": where == "elsewhere"}

    def _reference(self) -> Scene:
        if self.reference is None:
            raise ValueError("nothing to compare with")
        if self._known is None or self._known.grey is not self.reference:
            self._known = Scene(self.reference)
        return self._known

    def _count(self, word: str, *, is_there: bool) -> None:
        """Up while it is there, down while it is not: said when it is full, taken back when it is empty."""
        patience = PATIENCE[word]
        self._counts[word] = min(max(self._counts[word] + (1 if is_there else -1), 0), patience)
        if self._counts[word] == patience:
            self._said.add(word)
        elif self._counts[word] == 0:
            self._said.discard(word)


def _middle(views: Sequence[Grey]) -> Grey:
    if len(views) < REMEMBERED:
        return np.asarray(np.median(np.stack(views), axis=0), np.uint8)
    views = list(views)
    for low, high in SORTING:
        least, most = np.minimum(views[low], views[high]), np.maximum(views[low], views[high])
        views[low], views[high] = least, most
    return views[REMEMBERED // 2]


class Scene:
    """A view with what can be worked out of it, each once."""

    def __init__(self, grey: Grey) -> None:
        self.grey = grey

    @cached_property
    def edged_permille(self) -> int:
        """Share of the tiles that show an edge."""
        strongest = tiled(largest_around(self._slopes, reach=4), TILES)
        return round(1000 * float(np.count_nonzero(strongest >= EDGE)) / strongest.size)

    @cached_property
    def outline(self) -> Levels:
        """Edges by where they are, hardly by how strong: the light of the day changes."""
        return softened(np.log1p(self._slopes), times=2)

    @cached_property
    def spectrum(self) -> Spectrum:
        return spectrum(self.outline)

    @cached_property
    def cornered(self) -> NDArray[np.bool_]:
        """The tiles that are held in both directions: a straight edge is the same anywhere along itself."""
        across, down = _gradients(self.grey)
        xx, yy, xy = tiled(across * across, TILES), tiled(down * down, TILES), tiled(across * down, TILES)
        return np.asarray((xx + yy - np.sqrt((xx - yy) ** 2 + 4 * xy * xy)) / 2 > CORNER)

    @cached_property
    def _slopes(self) -> Levels:
        return np.hypot(*_gradients(self.grey))


def _gradients(grey: Grey) -> tuple[Levels, Levels]:
    return gradients(softened(grey.astype(np.float32)))


def compared(reference: Grey, scene: Grey) -> str:
    """`moved`: the camera looks elsewhere; `dirty`: parts of its picture have lost their detail; or nothing.

    What stands in front of it hides the scene and does not shift it.
    """
    return _compared(Scene(reference), Scene(scene))


def _compared(reference: Scene, scene: Scene) -> str:
    where = _where(reference, scene)
    if where == "elsewhere":
        return "moved"
    if where == "hidden":
        return ""
    if where is not None:
        x, y = where
        kept = kept_permille(reference.outline, _back(scene.outline, x, y), reference.cornered)
        return "dirty" if kept >= REST and _is_worn(reference.grey, _back(scene.grey, x, y)) else ""
    # By another light a scene may not be known again; and what is not known again is held against its place.
    same_light = abs(float(reference.grey.mean()) - float(scene.grey.mean())) < SAME_LIGHT
    return (
        "moved"
        if same_light and kept_permille(reference.outline, scene.outline, reference.cornered) < STAYS
        else ""
    )


def _where(reference: Scene, scene: Scene) -> tuple[int, int] | Literal["elsewhere", "hidden"] | None:
    """By how little a scene that is known again is shifted, or `elsewhere` for more.

    `hidden`: in its place, and most of it behind something; None: it is not known again.
    """
    x, y, response = shift_between(reference.spectrum, scene.spectrum, VIEW[::-1])
    if response >= SAME_SCENE and max(abs(x), abs(y)) > MOVED_PX:
        return "elsewhere"
    if response >= KNOWN:
        return x, y
    if any(_response(rolled(reference.outline, *turn), scene) >= KNOWN for turn in TURNS):
        return "elsewhere"
    return "hidden" if response >= SAME_SCENE else None


def _response(outline: Levels, scene: Scene) -> float:
    return shift_between(spectrum(outline), scene.spectrum, VIEW[::-1])[2]


def kept_permille(before: Levels, after: Levels, tiles: NDArray[np.bool_]) -> int:
    """Of these tiles those that show the same outlines in the same place; 0 where there are none."""
    likest = np.max([_likeness(before, np.roll(after, sway, axis=(0, 1))) for sway in SWAY], axis=0)
    return round(1000 * int(np.count_nonzero(likest[tiles] > ALIKE)) / max(1, int(np.count_nonzero(tiles))))


def _back(levels: NDArray[Any], x: int, y: int) -> NDArray[Any]:
    """As it was before it moved by so much."""
    return np.roll(levels, (-y, -x), axis=(0, 1)) if x or y else levels


def _likeness(before: Levels, after: Levels) -> Levels:
    """Correlation of each tile, -1 to 1, whatever its contrast."""
    mean_before, mean_after = tiled(before, TILES), tiled(after, TILES)
    together = tiled(before * after, TILES) - mean_before * mean_after
    alone = (tiled(before * before, TILES) - mean_before**2) * (tiled(after * after, TILES) - mean_after**2)
    return np.asarray(together / np.sqrt(np.maximum(alone, FLAT)), np.float32)


def _is_worn(reference: Grey, scene: Grey) -> bool:
    """Whether parts of the picture have lost their detail while the rest has kept it."""
    before, after = _detail(reference), _detail(scene)
    shown = before >= float(np.median(before))
    ratios = after[shown] / before[shown]
    worn = round(1000 * float(np.mean(ratios < WORN * float(np.median(ratios)))))
    return DIRTY_PERMILLE[0] <= worn <= DIRTY_PERMILLE[1]


def _detail(grey: Grey) -> Levels:
    """Fine detail of each tile, held against its brightness: shade is no dirt, nor is the soft edge of a spot detail."""
    light = grey.astype(np.float32)
    # A little in both: what has no detail loses none.
    return (tiled(np.abs(laplacian(light)), TILES) + 0.2) / (tiled(light, TILES) + 20)
