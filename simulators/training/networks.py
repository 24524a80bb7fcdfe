"""The networks: plain stacks of convolutions that a cabinet's core runs in milliseconds."""

from __future__ import annotations

from typing import Any

from torch import nn

Size = int | tuple[int, int]


def _layer(before: int, after: int, size: Size, *, stride: Size = 1, padding: Any = "same") -> Any:
    around = _around(size) if padding == "same" else padding
    return nn.Sequential(
        nn.Conv2d(before, after, size, stride, around, bias=False),
        nn.BatchNorm2d(after),
        nn.ReLU(inplace=True),
    )


def _around(size: Size) -> Size:
    return size // 2 if isinstance(size, int) else (size[0] // 2, size[1] // 2)


def recogniser(characters: int) -> Any:
    """Grey N x 1 x 48 x 192 to logits N x (1 + characters) x 1 x 48; class 0 is the blank."""
    return nn.Sequential(
        _layer(1, 32, 5, stride=2),
        _layer(32, 48, 3, stride=2),
        _layer(48, 64, 3),
        nn.MaxPool2d((2, 1)),
        _layer(64, 96, 3),
        nn.MaxPool2d((2, 1)),
        _layer(96, 160, 3, padding=(0, 1)),
        _layer(160, 160, (1, 7)),
        nn.Dropout(0.1),
        nn.Conv2d(160, 1 + characters, 1),
    )


def detector(answers: int) -> Any:
    """Colour N x 3 x H x W, H and W multiples of 8, to N x answers x H/8 x W/8; each answer sees 250 px around it."""
    return nn.Sequential(
        _layer(3, 16, 5, stride=2),
        _layer(16, 32, 3, stride=2),
        _layer(32, 56, 3, stride=2),
        _layer(56, 80, 3),
        _far(80, dilation=1),
        _far(80, dilation=2),
        _far(80, dilation=3),
        _far(80, dilation=2),
        nn.Conv2d(80, answers, 1),
    )


def _far(width: int, *, dilation: int) -> Any:
    """Looks two dilations around for a thirtieth of what a full convolution costs."""
    return nn.Sequential(
        nn.Conv2d(width, width, 5, 1, 2 * dilation, dilation, groups=width, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(inplace=True),
        _layer(width, width, 1),
    )
