"""Where pages listen, how long a person stays signed in, and what is kept of what people say of plates."""

from __future__ import annotations

from dataclasses import dataclass

from kernel.settings import above_zero, must, port, refuse


@dataclass(frozen=True, slots=True, kw_only=True)
class Web:
    host: str = "127.0.0.1"
    port: int = 8080
    session_hours: int = 10
    public_url: str | None = None  # what people type; decides the cookie's Secure flag

    def __post_init__(self) -> None:
        refuse(port("port", self.port), above_zero("session_hours", self.session_hours))

    @property
    def tls(self) -> bool:
        """Whether people come by https."""
        return (self.public_url or "").startswith("https://")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plates:
    """Plates as people see and correct them."""

    labels: str | None = (
        None  # folder for crops whose plates people have said, for training; None: none is kept
    )

    def __post_init__(self) -> None:
        refuse(must(self.labels is None or bool(self.labels), "labels", "must not be empty"))
