r"""A small language of line patterns in which the next byte always decides, so that no input makes one slow.

A general regular expression can take ages on a hostile or noisy line.  Here every repetition has an end, groups do not
repeat, and wherever the pattern could go on in two ways the next byte tells which: then a failed try is given up at
once, and reading a line takes no more steps than it has bytes, times a small constant.

    kg  \.  \x02  [0-9]  [^,]  .  \d  \s      bytes and sets of bytes; . is every byte but the terminator's
    ?  {6}  {1,7}  *  +                       after a byte or a set; * and + end at 16
    (?P<name>..)  (?:..)  ..|..               groups, of which only ? may follow
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from kernel.errors import ConfigError

LINE_LIMIT = 128  # bytes, with the terminator
PATTERN_LIMIT = 300
DEPTH_LIMIT = 8
ENDLESS = 16  # what * and + mean at most
REFUSED = {
    "(?=": "looking ahead", "(?!": "looking ahead", "(?<": "looking behind", "(?P=": "a back reference",
    "(?P>": "a recursion", "(?#": "a comment", "(?>": "an atomic group", "(?(": "a condition",
}  # fmt: skip
GROUP = re.compile(r"\(\?P<([a-z_]+)>|\(\?:|\((?!\?)")
TIMES = re.compile(r"\{([0-9]{1,3})(?:(,)([0-9]{0,3}))?\}|[?*+]")
RANGE = re.compile(r"(?s)(\\x[0-9a-fA-F]{2}|\\.|.)(?:-(\\x[0-9a-fA-F]{2}|\\.|[^]]))?")
ESCAPE = re.compile(r"(?s)\\x[0-9a-fA-F]{2}|\\.")
NAMED = {"r": "\r", "n": "\n", "t": "\t"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Bytes:
    """One of the bytes whose bits are set, `least` to `most` times."""

    bits: int
    text: str
    least: int = 1
    most: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    branches: tuple[tuple[Node, ...], ...]
    name: str | None = None
    optional: bool = False


Node = Bytes | Group


def bits_of(data: bytes) -> int:
    return sum(1 << byte for byte in set(data))


DIGITS = bits_of(b"0123456789")
SETS = {"d": DIGITS, "s": bits_of(b" \t")}


def parsed(pattern: str, *, terminator: bytes) -> Group:
    """ConfigError, with the place, for what is no pattern of this language or could be read in two ways."""
    if len(pattern) > PATTERN_LIMIT:
        raise _wrong(f"is longer than {PATTERN_LIMIT} characters")
    if not pattern.isascii():
        raise _wrong(r"holds a character that is not ASCII: write its bytes as \xHH")
    whole = _Reader(pattern, everything=~bits_of(terminator) & (1 << 256) - 1).read()
    for node in every(whole):
        if isinstance(node, Bytes) and node.bits & bits_of(terminator):
            raise _wrong(f"{node.text!r} can match the terminator, which must end the line alone")
    _decide([whole], bits_of(terminator[:1]))
    size = longest(whole) + len(terminator)
    if size > LINE_LIMIT:
        raise _wrong(f"can match {size} bytes: at most {LINE_LIMIT} with the terminator")
    return whole


def every(node: Node) -> Iterator[Node]:
    """The node and all below it."""
    yield node
    if isinstance(node, Group):
        for branch in node.branches:
            for inner in branch:
                yield from every(inner)


def longest(node: Node) -> int:
    if isinstance(node, Bytes):
        return node.most
    return max(sum(map(longest, branch)) for branch in node.branches)


def expression(node: Node) -> bytes:
    """The same for the re module."""
    if isinstance(node, Bytes):
        members = b"".join(rb"\x%02x" % byte for byte in range(256) if node.bits >> byte & 1)
        return b"[%b]{%d,%d}" % (members, node.least, node.most)
    inside = b"|".join(b"".join(map(expression, branch)) for branch in node.branches)
    opening = b"(?P<%b>" % node.name.encode() if node.name else b"(?:"
    return opening + inside + (b")?" if node.optional else b")")


def _wrong(problem: str) -> ConfigError:
    return ConfigError.one("pattern", problem)


# --- does the next byte decide? ----------------------------------------------------------------------------------


def _first(nodes: Sequence[Node], after: int) -> int:
    """What may come first, when `after` may follow the nodes."""
    for node in reversed(nodes):
        if isinstance(node, Bytes):
            after = node.bits | (after if node.least == 0 else 0)
        else:
            inside = after if node.optional else 0
            for branch in node.branches:
                inside |= _first(branch, after)
            after = inside
    return after


def _decide(nodes: Sequence[Node], after: int) -> None:
    for place in reversed(range(len(nodes))):
        node = nodes[place]
        if isinstance(node, Group):
            _decide_group(node, after)
        elif node.least != node.most and node.bits & after:
            raise _wrong(
                f"what follows {node.text!r} may begin with the same byte: {_byte(node.bits & after)}"
            )
        after = _first([node], after)


def _decide_group(group: Group, after: int) -> None:
    seen = after if group.optional else 0
    for branch in group.branches:
        _decide(branch, after)
        first = _first(branch, after)
        if first & seen:
            raise _wrong(f"two ways of a group may begin with the same byte: {_byte(first & seen)}")
        seen |= first


def _byte(bits: int) -> str:
    return repr(chr((bits & -bits).bit_length() - 1))


# --- reading ---------------------------------------------------------------------------------------------------


class _Reader:
    """Recursive descent over the text; `everything` is what a dot may match."""

    def __init__(self, text: str, *, everything: int) -> None:
        self._text = text
        self._at = 0
        self._depth = 0
        self._everything = everything

    def read(self) -> Group:
        whole = Group(branches=self._branches())
        if self._at < len(self._text):
            raise self._here("a closing bracket without an opening one")
        return whole

    def _here(self, problem: str) -> ConfigError:
        return _wrong(f"{problem}, at {self._text[self._at : self._at + 12]!r}")

    def _branches(self) -> tuple[tuple[Node, ...], ...]:
        branches: list[list[Node]] = [[]]
        while self._at < len(self._text) and self._text[self._at] != ")":
            if self._text[self._at] == "|":
                self._at += 1
                branches.append([])
            else:
                branches[-1].append(self._piece())
        return tuple(map(tuple, branches))

    def _piece(self) -> Node:
        began = self._at
        node = self._group() if self._text[self._at] == "(" else Bytes(bits=self._bytes(), text="")
        least, most = self._times()
        if isinstance(node, Bytes):
            return replace(node, text=self._text[began : self._at], least=least, most=most)
        if (least, most) not in ((1, 1), (0, 1)):
            raise self._here("a group may be optional, but not repeat")
        return replace(node, optional=least == 0)

    def _group(self) -> Group:
        for sign, what in REFUSED.items():
            if self._text.startswith(sign, self._at):
                raise self._here(f"{what} is not allowed")
        opening = GROUP.match(self._text, self._at)
        if opening is None:
            raise self._here("is no group of this language")
        if self._depth == DEPTH_LIMIT:
            raise self._here(f"more than {DEPTH_LIMIT} groups in each other")
        self._at, self._depth = opening.end(), self._depth + 1
        branches = self._branches()
        if self._at == len(self._text):
            raise self._here("a group is not closed")
        self._at, self._depth = self._at + 1, self._depth - 1
        return Group(branches=branches, name=opening[1])

    def _bytes(self) -> int:
        sign = self._text[self._at]
        if sign == "[":
            return self._set()
        if sign == "\\":
            return self._escaped()
        if sign in "^$":
            raise self._here("no anchor is needed: a line ends with its terminator")
        if sign in "?*+{}]":
            raise self._here("there is nothing to repeat")
        self._at += 1
        return self._everything if sign == "." else 1 << ord(sign)

    def _escaped(self) -> int:
        found = ESCAPE.match(self._text, self._at)
        if found is None:
            raise self._here("nothing is escaped")
        bits = self._member(found[0])
        self._at = found.end()
        return bits

    def _set(self) -> int:
        self._at += 1
        negated = self._text.startswith("^", self._at)
        self._at += negated
        bits = 0
        while not self._text.startswith("]", self._at):
            found = RANGE.match(self._text, self._at)
            if found is None:
                raise self._here("a set is not closed")
            bits |= self._span(found)
            self._at = found.end()
        self._at += 1
        bits = self._everything & ~bits if negated else bits
        if not bits:
            raise self._here("a set is empty")
        return bits

    def _span(self, found: re.Match[str]) -> int:
        low = self._member(found[1])
        high = self._member(found[2]) if found[2] else low
        if high == low:
            return low
        if low.bit_count() > 1 or high.bit_count() > 1 or high < low:
            raise self._here("is no range")
        return 2 * high - low

    def _member(self, text: str) -> int:
        if len(text) == 1:
            return 1 << ord(text)
        if len(text) == 4:
            return 1 << ord(bytes.fromhex(text[2:]))
        if text[1] in SETS:
            return SETS[text[1]]
        if text[1].isalnum() and text[1] not in NAMED:
            raise self._here(r"no such escape; there are \d \s \r \n \t \xHH and escaped signs")
        return 1 << ord(NAMED.get(text[1], text[1]))

    def _times(self) -> tuple[int, int]:
        found = TIMES.match(self._text, self._at)
        if found is None:
            return 1, 1
        self._at = found.end()
        if self._text[self._at : self._at + 1] in ("?", "+", "*", "{") and self._at < len(self._text):
            raise self._here("a repetition of a repetition")
        if found[0] in "?*+":
            return int(found[0] == "+"), 1 if found[0] == "?" else ENDLESS
        least = int(found[1])
        most = least if not found[2] else int(found[3] or max(ENDLESS, least))
        if not 0 <= least <= most or not most:
            raise self._here("is no number of times")
        return least, most
