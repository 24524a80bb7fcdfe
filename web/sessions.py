"""Signing in and staying signed in: opaque tokens, of which the store sees only a hash, with an absolute end."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from kernel.clock import Clock
from kernel.errors import ConfigError
from web.accounts import NAME, Account, Accounts, Role, Session
from web.passwords import Passwords
from web.throttle import Throttle

log = logging.getLogger(__name__)
TOKEN_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifetimes:
    person_s: int = 12 * 3_600
    device_s: int = 400 * 86_400  # the longest that Chromium keeps a cookie


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """Somebody who is signed in, as a page sees them."""

    account: Account
    session: Session
    csrf: str  # the synchroniser token of this session

    def may(self, role: Role) -> bool:
        return self.account.may(role)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    token: str  # for the cookie; it is nowhere else
    session: Session


@dataclass(frozen=True, slots=True, kw_only=True)
class NotSignedIn:
    wait_s: int = 0  # above 0: too many misses, come back later; otherwise the name or the password is wrong


class Sessions:
    def __init__(
        self,
        accounts: Accounts,
        *,
        clock: Clock,
        passwords: Passwords | None = None,
        throttle: Throttle | None = None,
        lifetimes: Lifetimes | None = None,
        make_token: Callable[[], str] = lambda: secrets.token_urlsafe(TOKEN_BYTES),
    ) -> None:
        self._accounts = accounts
        self._clock = clock
        self._passwords = passwords or Passwords()
        self._throttle = throttle or Throttle(clock)
        self._lifetimes = lifetimes or Lifetimes()
        self._make_token = make_token

    async def sign_in(
        self, name: str, password: str, *, address: str, agent: str = ""
    ) -> SignedIn | NotSignedIn:
        """Check the password, slower after misses; the answer never says which of name and password was wrong."""
        keys = [f"address {address}", f"account {name}"] if NAME.fullmatch(name) else [f"address {address}"]
        if wait_s := self._throttle.wait_s(keys):
            return NotSignedIn(wait_s=wait_s)
        self._throttle.missed(keys)  # before it is known: a thousand tries at once are a thousand tries
        account = await self._find(name)
        if (
            not await self._passwords.check(account.password_hash if account else None, password)
            or account is None
        ):
            log.info("sign-in refused", extra={"address": address})
            return NotSignedIn()
        self._throttle.forgive(f"address {address}")
        self._throttle.succeeded(f"account {name}")
        return await self._open(account, address, agent)

    def new_token(self) -> str:
        """For a form that is filled in before anybody is signed in."""
        return self._make_token()

    async def issue(self, name: str, *, address: str, agent: str = "") -> SignedIn:
        """A session without a password, for enrolling a device on the machine's own command line."""
        account = await self._find(name)
        if account is None:
            raise ConfigError.one("account", f"no enabled account {name!r}")
        return await self._open(account, address, agent)

    async def visitor(self, token: str | None) -> Visitor | None:
        """Who holds this token now: None once it ended, was revoked, or its account was disabled."""
        if not token or len(token) > 100:
            return None
        return await asyncio.to_thread(self._visitor, token)

    async def sign_out(self, token: str) -> None:
        await asyncio.to_thread(self._accounts.revoke_session, token_hash(token))

    async def revoke_all(self, name: str) -> None:
        await asyncio.to_thread(self._accounts.revoke_sessions, name)

    async def forget_expired(self) -> None:
        await asyncio.to_thread(self._accounts.forget_expired, self._clock.now_ms())

    async def _find(self, name: str) -> Account | None:
        if not NAME.fullmatch(name):
            return None
        account = await asyncio.to_thread(self._accounts.find_account, name)
        return None if account is None or account.disabled else account

    async def _open(self, account: Account, address: str, agent: str) -> SignedIn:
        token, now_ms = self._make_token(), self._clock.now_ms()
        life_s = self._lifetimes.device_s if account.kind == "device" else self._lifetimes.person_s
        session = Session(
            token_hash=token_hash(token),
            account=account.name,
            made_ms=now_ms,
            expires_ms=now_ms + life_s * 1000,
            address=address,
            agent=agent[:200],
        )
        await asyncio.to_thread(self._accounts.save_session, session)
        return SignedIn(token=token, session=session)

    def _visitor(self, token: str) -> Visitor | None:
        session = self._accounts.find_session(token_hash(token))
        if session is None or session.expires_ms <= self._clock.now_ms():
            return None
        account = self._accounts.find_account(session.account)
        if account is None or account.disabled:
            return None
        return Visitor(account=account, session=session, csrf=csrf_token(token))


def token_hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def csrf_token(token: str) -> str:
    """The form token that belongs to this session token and says nothing about it."""
    digest = hmac.digest(token.encode(), b"weighpost csrf", "sha256")
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def csrf_valid(token: str, given: str | None) -> bool:
    return bool(given) and hmac.compare_digest(csrf_token(token).encode(), str(given).encode())
