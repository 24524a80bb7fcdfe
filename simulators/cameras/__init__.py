"""Lane cameras as the product meets them: HTTP on 127.0.0.1 with live H.264 in MPEG-TS, MJPEG and stills."""

from simulators.cameras.camera import Camera, Fault
from simulators.cameras.server import CameraServer

__all__ = ["Camera", "CameraServer", "Fault"]
