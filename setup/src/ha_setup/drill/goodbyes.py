"""People who end a session during the fault: whatever happens, it may never live again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, MutableMapping, Sequence
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

from ha_setup.drill.person import Person
from ha_setup.errors import SetupError

_PREPARATION_TIMEOUT = 90.0
_CHECK_TIMEOUT = 60.0
_CHECKS = 4  # the balancer chooses the node, and each is to be asked
_GONE = "rpc_error:odoo.exceptions.MissingError"
_IDENTIFIER = 42  # of a session's id, the part that stays the same; a device is found by it


class Goodbyes:
    """One user logs out, another revokes the browser that was left logged in elsewhere.

    `cookies`: each login's, kept from one drill to the next. `failures`: goodbyes without a good answer, in
    words. `lossy`: replication is asynchronous, so the question for the password may be lost between two
    clicks; one who is told that it is gone begins again.
    """

    def __init__(
        self,
        base_url: str,
        users: Sequence[tuple[str, str]],
        *,
        timeout: float,
        cookies: MutableMapping[str, dict[str, str]],
        lossy: bool,
    ) -> None:
        def person(number: int) -> Person:
            return Person(base_url, *users[number % len(users)], timeout)

        self.failures: list[str] = []
        self._leaver, self._owner, self._forgotten = person(0), person(1), person(1)
        self._person = person
        self._cookies = cookies
        self._lossy = lossy
        self._devices: object = []
        self._ended: list[Mapping[str, str]] = []
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        for person in (self._leaver, self._owner, self._forgotten):
            await self._stack.enter_async_context(person)
        self._owner.restore(self._cookies.get(self._key, {}))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._cookies[self._key] = self._owner.cookies
        await self._stack.aclose()

    @property
    def _key(self) -> str:
        return f"{self._owner.login}, another browser"

    async def prepare(self) -> None:
        """Log in. Raises SetupError when that does not go well."""
        deadline = time.monotonic() + _PREPARATION_TIMEOUT
        for person in (self._leaver, self._owner, self._forgotten):
            if not (await person.check_session()).ok and not await person.log_in(deadline):
                raise SetupError(f"{person.login} could not log in a second time before the drill")
        identifier = self._forgotten.cookies["session_id"][:_IDENTIFIER]
        self._devices, verdict = await self._owner.ask(
            "res.device", "search", [[["session_identifier", "=", identifier]]]
        )
        if not verdict.ok or not self._devices:
            raise SetupError(f"{self._owner.login} does not see a browser of theirs in Odoo")

    async def say(self) -> None:
        """End both sessions."""
        await asyncio.gather(self._log_out(), self._revoke())

    async def _log_out(self) -> None:
        cookies = self._leaver.cookies
        verdict = await self._leaver.log_out()
        if verdict.ok:
            self._ended.append(cookies)
        else:
            self.failures.append(f"logging out: {verdict.kind}")

    async def _revoke(self) -> None:
        verdict = await self._owner.revoke(self._devices)
        if self._lossy and verdict.kind == _GONE:
            verdict = await self._owner.revoke(self._devices)
        if verdict.ok:
            self._ended.append(self._forgotten.cookies)
        else:
            self.failures.append(f"revoking a device: {verdict.kind}")

    async def revived(self) -> int:
        """After healing: how many of the sessions that ended are logged in."""
        return sum([await self._lives(cookies) for cookies in self._ended])

    async def _lives(self, cookies: Mapping[str, str]) -> bool:
        deadline = time.monotonic() + _CHECK_TIMEOUT
        answers = 0
        while answers < _CHECKS and time.monotonic() < deadline:
            async with self._person(1) as browser:  # with no cookies but these
                browser.restore(cookies)
                verdict = await browser.check_session()
            if verdict.ok:
                return True
            if verdict.logged_out:
                answers += 1
            else:
                await asyncio.sleep(1)
        return False
