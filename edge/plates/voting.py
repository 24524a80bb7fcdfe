"""One answer from several frames: readings that agree win, and what does not agree is unread.

The province is voted on its own, since it is what blurs first; a legal text that only one of several frames shows is
a candidate, not a reading: the answer is then `unsure`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from msgspec.structs import replace

from edge.plates.wire import Answer, Reading
from kernel.events import PlateRead
from kernel.plates import PROVINCES

Role = Literal["front", "rear", "side", "plate"]
NEAR = 1  # edits within one cluster
AGREEING = 2
CLEAR_SHARE = 600  # permille of the votes, for the province and for the rest
CERTAIN = 850  # permille: two such readings that agree end the reading early
CANDIDATES = 3
LARGER = 2  # times as large as another plate: it is the nearer one


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One reading and the frame it comes from."""

    frame: int
    reading: Reading

    @property
    def body(self) -> str:
        return body(self.reading.text)

    @property
    def score(self) -> int:
        return self.reading.score_permille


@dataclass(frozen=True, slots=True, kw_only=True)
class Voted:
    """The answer, the frame that shows it best (None when none does), and the crop of that plate there."""

    read: PlateRead
    frame: int | None = None
    crop: bytes = b""


def vote(role: Role, answers: Mapping[int, Answer]) -> Voted:
    """`answers` by frame number; frames that were never looked at are not in it."""
    voted = _vote(role, answers)
    reader = next((answer.reader for answer in answers.values() if answer.reader), "")
    return Voted(read=replace(voted.read, reader=reader), frame=voted.frame, crop=voted.crop)


def _vote(role: Role, answers: Mapping[int, Answer]) -> Voted:
    seen = [
        Seen(frame=n, reading=reading) for n, answer in sorted(answers.items()) for reading in answer.readings
    ]
    plates = [one for one in seen if one.reading.kind == "plate"]
    clusters = _clusters(plates)
    if cluster := _largest(clusters):
        return _from_cluster(role, cluster, plates, frames=len(answers), alone=_alone(cluster, clusters))
    foreign = [one for one in seen if one.reading.kind == "foreign"]
    if cluster := _largest(_clusters(foreign)):
        return _foreign(role, cluster, frames=len(answers))
    return _nothing(role, seen, frames=len(answers))


def decided(answers: Mapping[int, Answer]) -> bool:
    """Whether more frames could hardly change the answer."""
    sure = [
        reading.text
        for answer in answers.values()
        for reading in answer.readings[:1]
        if reading.sure and reading.score_permille >= CERTAIN
    ]
    return any(2 * sure.count(text) - len(sure) >= AGREEING for text in sure)


def body(text: str) -> str:
    """A plate without its province."""
    return text[1:] if text[:1] in PROVINCES else text


def edits(a: str, b: str) -> int:
    """Levenshtein distance."""
    row = list(range(len(b) + 1))
    for n, left in enumerate(a):
        after = [n + 1]
        for m, right in enumerate(b):
            after.append(min(row[m + 1] + 1, after[m] + 1, row[m] + (left != right)))
        row = after
    return row[-1]


def needed(frames: int) -> int:
    return 1 if frames <= 1 else AGREEING


def _clusters(seen: Sequence[Seen]) -> list[list[Seen]]:
    """Readings within one edit of the best reading of their cluster."""
    clusters: list[list[Seen]] = []
    for one in sorted(seen, key=lambda s: -s.score):
        near = next((c for c in clusters if edits(c[0].body, one.body) <= NEAR), None)
        if near is None:
            clusters.append([one])
        else:
            near.append(one)
    return clusters


def _largest(clusters: Sequence[list[Seen]]) -> list[Seen]:
    """Seen most often; of those seen as often the nearer, then the clearer one."""
    return max(
        clusters,
        key=lambda c: (len({s.frame for s in c}), _size(c), sum(s.score for s in c)),
        default=[],
    )


def _alone(cluster: Sequence[Seen], clusters: Sequence[list[Seen]]) -> bool:
    """Whether no other plate is seen about as often: whose picture it is must be clear.

    One far smaller beside it in the same frames is another vehicle's, further away.
    """
    own, size = {one.frame for one in cluster}, _size(cluster)
    for other in clusters:
        frames = {one.frame for one in other}
        often = len(own) * 1000 < CLEAR_SHARE * (len(own) + len(frames))
        if other is not cluster and often and (frames - own or size < LARGER * _size(other)):
            return False
    return True


def _size(cluster: Sequence[Seen]) -> int:
    """Pixels of the largest of its boxes."""
    return max(one.reading.box[2] * one.reading.box[3] for one in cluster)


def _from_cluster(
    role: Role, cluster: Sequence[Seen], plates: Sequence[Seen], *, frames: int, alone: bool
) -> Voted:
    winner_body, clear = _most((one.body, one.score) for one in cluster)
    same = [one for one in cluster if one.body == winner_body]
    province, province_clear = _province(same)
    whole = [one for one in same if one.reading.text == province + winner_body]
    agreeing = {one.frame for one in whole}
    winner = max(whole or same, key=lambda one: one.score)
    sure = alone and any(one.reading.sure for one in whole)
    enough = sure and len(agreeing) >= needed(frames) and min(clear, province_clear) >= CLEAR_SHARE
    seen = _seen(role, winner.reading, frames=frames, agreeing=len(agreeing))
    read = replace(seen, province_permille=province_clear if winner.reading.text[:1] in PROVINCES else None)
    answer = (
        _told(read, winner.reading) if enough else replace(read, status="unsure", candidates=_texts(plates))
    )
    return Voted(read=answer, frame=winner.frame, crop=winner.reading.crop)


def _seen(role: Role, reading: Reading, *, frames: int, agreeing: int) -> PlateRead:
    """Where it is and how often; what it says is said only when that is enough."""
    return PlateRead(
        role=role,
        status="unread",
        colour=reading.colour,
        frames=frames,
        agreeing=agreeing,
        box=reading.box,
        corners=reading.corners,
    )


def _told(read: PlateRead, reading: Reading) -> PlateRead:
    return replace(
        read,
        status="read",
        text=reading.text,
        plate_class=reading.plate_class,
        score_permille=reading.score_permille,
        chars_permille=reading.chars_permille,
    )


def _province(same: Sequence[Seen]) -> tuple[str, int]:
    """The province with the most weight and its share in permille; plates without one all agree."""
    votes = [
        (one.reading.text[0], one.reading.chars_permille[0] if one.reading.chars_permille else 1)
        for one in same
        if one.reading.text[:1] in PROVINCES
    ]
    return _most(iter(votes)) if votes else ("", 1000)


def _most(votes: Iterator[tuple[str, int]]) -> tuple[str, int]:
    """What has the most weight, and its share of all in permille."""
    weights: defaultdict[str, int] = defaultdict(int)
    for name, weight in votes:
        weights[name] += max(1, weight)
    name, weight = max(weights.items(), key=lambda item: (item[1], item[0]))
    return name, weight * 1000 // sum(weights.values())


def _foreign(role: Role, cluster: Sequence[Seen], *, frames: int) -> Voted:
    agreeing = len({one.frame for one in cluster})
    best = cluster[0]
    read = replace(_seen(role, best.reading, frames=frames, agreeing=agreeing), candidates=_texts(cluster))
    if agreeing >= needed(frames):
        read = replace(read, status="foreign", score_permille=best.score)
    return Voted(read=read, frame=best.frame, crop=best.reading.crop)


def _nothing(role: Role, seen: Sequence[Seen], *, frames: int) -> Voted:
    """Something plate-like in half of the frames is an unread plate; nothing is no plate; no frame is no answer."""
    unclear = {one.frame for one in seen}
    is_there = frames == 0 or (unclear and 2 * len(unclear) >= frames)
    read = PlateRead(
        role=role,
        status="unread" if is_there else "no_plate",
        frames=frames,
        box=seen[0].reading.box if is_there and seen else None,
    )
    shown = seen[0] if is_there and seen else None
    return Voted(read=read, frame=shown.frame if shown else None, crop=shown.reading.crop if shown else b"")


def _texts(seen: Sequence[Seen]) -> tuple[str, ...]:
    weights: defaultdict[str, int] = defaultdict(int)
    for one in seen:
        weights[one.reading.text] += max(1, one.score)
    return tuple(sorted(weights, key=lambda text: (-weights[text], text))[:CANDIDATES])
