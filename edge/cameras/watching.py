"""Looks at a key frame of each camera now and then: what is wrong with the camera, and what light the lane wants.

The camera's thread hands over one packet; everything else happens in the thread that decodes pictures.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import TYPE_CHECKING

from edge.cameras.lighting import Hint, Light, LightJudge
from edge.cameras.memory import Held
from edge.cameras.pictures import Frame
from edge.cameras.settings import CameraSettings, LightSettings
from edge.cameras.stream import Coded, Session
from kernel.clock import Clock
from kernel.errors import ConfigError

if TYPE_CHECKING:
    from edge.cameras.looking import SelfCheck
    from edge.cameras.references import References

log = logging.getLogger(__name__)

Tell = Callable[[tuple[str, ...]], None]


class Watching:
    """Of all cameras of a lane; `folder` holds their reference views."""

    def __init__(
        self, settings: LightSettings, *, every_s: int, folder: Path, clock: Clock, run_in: Executor
    ) -> None:
        self._every_ms = every_s * 1000
        self._folder = folder
        self._clock = clock
        self._run_in = run_in
        self._judge = LightJudge(settings)
        self._references: References | None = None
        self._checks: dict[str, SelfCheck] = {}
        self._hidden: set[str] = set()
        self.is_free = True  # nothing stands in the lane

    @property
    def hint(self) -> Hint | None:
        """What the lane controller should do about the light; None while nobody knows."""
        return self._judge.hint if self._judge.is_known else None

    def sink(self, camera: CameraSettings, tell: Tell) -> LookSink:
        """Listens to one camera; `tell` gets the words of each look."""
        return LookSink(self, camera, tell, every_ms=self._every_ms, clock=self._clock)

    def submit(self, camera: CameraSettings, held: Held, tell: Tell) -> None:
        # Whether something stands there now: decoded is it behind the bursts that wait.
        self._run_in.submit(self._look, camera, held, tell, is_free=self.is_free)

    def vehicle(self, camera: CameraSettings, frames: Sequence[Frame]) -> None:
        """What the pictures of a vehicle say of the light."""
        clipped = [frame.clipped_permille for frame in frames if frame.clipped_permille is not None]
        if clipped:
            self._judge.vehicle(camera.name, clipped_permille=sorted(clipped)[len(clipped) // 2])

    def _look(self, camera: CameraSettings, held: Held, tell: Tell, *, is_free: bool) -> None:
        try:
            tell(self.looked(camera, held, is_free=is_free))
        except Exception:
            # Whatever a camera sent, it costs one look.
            log.exception("camera not looked at", extra={"camera": camera.name})

    def looked(self, camera: CameraSettings, held: Held, *, is_free: bool) -> tuple[str, ...]:
        """The words of a camera after one look more.  CPU work."""
        # numpy is loaded here: a lane whose cameras never come does not need it.
        from edge.cameras.looking import SelfCheck, view_of
        from edge.cameras.measuring import measured, part

        view = view_of(held)
        if view is None:
            return ()
        check = self._checks.setdefault(camera.name, SelfCheck())
        check.reference = self._known().of(camera.name)
        words = check.look(view, is_free=is_free)
        plates = measured(part(view, camera.region))
        self._judge.look(
            camera.name,
            Light(
                luma=measured(view).luma,
                plate_luma=plates.luma,
                clipped_permille=plates.clipped_permille,
            ),
            mono_ms=self._clock.mono_ms(),
        )
        if check.reference is None and check.is_fit_for_reference:
            self._keep(camera.name, check)
        if check.is_never_free:
            self._not_judged(camera.name, has_reference=check.reference is not None)
        return words

    def _keep(self, camera: str, check: SelfCheck) -> None:
        """The first good day's view; a person may set another."""
        try:
            self._known().put(camera, check.empty_scene())
        except ConfigError as error:
            log.warning("reference view not kept", extra={"camera": camera, "reason": str(error)})
        else:
            log.info("reference view taken", extra={"camera": camera})

    def _not_judged(self, camera: str, *, has_reference: bool) -> None:
        """Once a camera: a queue that never ends hides what nobody would miss otherwise."""
        if camera in self._hidden:
            return
        self._hidden.add(camera)
        log.warning(
            "lane never free: camera hardly checked", extra={"camera": camera, "reference": has_reference}
        )

    def _known(self) -> References:
        from edge.cameras.references import References

        if self._references is None:
            self._references = References(self._folder)
        return self._references


class LookSink:
    """edge.cameras.stream.Sink that takes a key frame now and then."""

    def __init__(
        self, watching: Watching, camera: CameraSettings, tell: Tell, *, every_ms: int, clock: Clock
    ) -> None:
        self._watching, self._camera, self._tell = watching, camera, tell
        self._every_ms, self._clock = every_ms, clock
        self._due_ms = clock.mono_ms()

    def begin(self, session: Session) -> None:
        """Nothing to do: a look needs one packet."""

    def packet(self, session: Session, packet: Coded) -> None:
        if packet.key and self._every_ms and self._clock.mono_ms() >= self._due_ms:
            self._due_ms = self._clock.mono_ms() + self._every_ms
            self._watching.submit(self._camera, Held(session=session, packet=packet), self._tell)

    def end(self) -> None:
        """Nothing to do."""
