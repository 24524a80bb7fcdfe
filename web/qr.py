"""A QR code as a picture that a page or a printer takes without anything else."""

from __future__ import annotations

import io

import segno
from segno import DataOverflowError

MODULE_PX = 4
QUIET_MODULES = 4  # the margin that scanners ask for


def svg(text: str) -> str:
    """An SVG image; a quarter of it may be dirty 纠错 Q.  ValueError for what QR's alphanumeric mode does not hold."""
    try:
        code = segno.make_qr(text, error="q", mode="alphanumeric", boost_error=False)
    except DataOverflowError as error:
        raise ValueError(f"too long for a QR code: {len(text)} characters") from error
    out = io.BytesIO()
    code.save(out, kind="svg", scale=MODULE_PX, border=QUIET_MODULES, xmldecl=False, light="white")
    return out.getvalue().decode()
