"""A page that is watched: anything that a user would not see but should not be there fails the test."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import ConsoleMessage, Page, Request

SCREENS = Path("build/screens")
# Inside the page: what the browser refused because of the policy.
VIOLATIONS = """
addEventListener("securitypolicyviolation", (event) =>
  console.error(`policy: ${event.violatedDirective} refused ${event.blockedURI} in ${event.sourceFile}`));
"""
ALLOWED_SCHEMES = ("data", "blob", "about")


@dataclass
class Watch:
    """Collects what is wrong; `expect` names what a test brings about on purpose."""

    own: set[str] = field(default_factory=set)  # host:port of the sites under test
    problems: list[str] = field(default_factory=list)
    expected: list[re.Pattern[str]] = field(default_factory=list)

    def attach(self, page: Page) -> None:
        page.add_init_script(VIOLATIONS)
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.problems.append(f"page error: {error}"))
        page.on("request", self._request)

    def expect(self, pattern: str) -> None:
        self.expected.append(re.compile(pattern))

    def unexpected(self) -> list[str]:
        return [said for said in self.problems if not any(pattern.search(said) for pattern in self.expected)]

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.problems.append(
                f"console {message.type}: {message.text} ({message.location.get('url', '')})"
            )

    def _request(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in ALLOWED_SCHEMES and parts.netloc not in self.own:
            self.problems.append(f"external request: {request.url}")


def until(page: Page, condition: str, *, seconds: float = 10) -> None:
    """Wait for a condition on `document` (the browser's own wait would need eval, which the policy refuses)."""
    for _ in range(int(seconds * 20)):
        if page.evaluate(f"() => Boolean({condition})"):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"not so within {seconds} s: {condition}")


def shot(page: Page, name: str, *, whole: bool = False) -> None:
    """Keep a picture for people to look at."""
    SCREENS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=str(SCREENS / f"{name}.png"), full_page=whole)
