"""The open-loop load: every request starts at its planned moment, however slow the answers are."""

from __future__ import annotations

import asyncio
import time
import zlib
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from types import TracebackType
from typing import Self

from ha_setup.drill import verdicts
from ha_setup.drill.person import Person
from ha_setup.drill.schedule import Action, Planned
from ha_setup.drill.trace import Outcome
from ha_setup.drill.verdicts import Verdict
from ha_setup.errors import SetupError

_PREPARATION_TIMEOUT = 90.0
_PAUSE = 0.5  # seconds between two tries of what the preparation needs
_FINAL_CHECK_TIMEOUT = 60.0
_WARM_UP_ROUNDS = 3
_READS_FOR_EVERY_NODE = 12


class Load:
    """Users and their requests. Times in outcomes are seconds since `start()`.

    `fresh_reads`: read attachments that were written during the run too, not only those from before it.
    `cookies`: each login's, from the load before to the next one; whoever is still logged in stays so.
    """

    def __init__(
        self,
        base_url: str,
        users: Sequence[tuple[str, str]],
        *,
        run: str,
        timeout: float,
        fresh_reads: bool,
        cookies: dict[str, dict[str, str]],
    ) -> None:
        self.outcomes: list[Outcome] = []
        self.attachments: dict[str, tuple[int, int]] = {}  # token → user, id; acknowledged ones
        self._people = [Person(base_url, login, password, timeout) for login, password in users]
        self._cookies = cookies
        self._run = run
        self._timeout = timeout
        self._fresh_reads = fresh_reads
        self._readable: list[list[tuple[int, str]]] = [[] for _ in users]
        self._logged_out: set[int] = set()
        self._returning: dict[int, asyncio.Task[bool]] = {}
        self._running: set[asyncio.Task[None]] = set()
        self._stack = AsyncExitStack()
        self._began = 0.0

    async def __aenter__(self) -> Self:
        for person in self._people:
            await self._stack.enter_async_context(person)
            person.restore(self._cookies.get(person.login, {}))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        tasks = [*self._running, *self._returning.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._cookies.update({person.login: person.cookies for person in self._people})
        await self._stack.aclose()

    @property
    def now(self) -> float:
        """Seconds since the load's start."""
        return self.at(time.monotonic())

    def at(self, moment: float) -> float:
        """The same for a moment of time.monotonic(); from any thread."""
        return moment - self._began

    @property
    def waiting(self) -> int:
        """How many requests have been started and have no end yet."""
        return len(self._running)

    @property
    def logged_out(self) -> list[str]:
        """Users whose session ended at least once."""
        return sorted(self._people[user].login for user in self._logged_out)

    async def prepare(self) -> None:
        """Log everybody in, give each an attachment, and let each process of the cluster see each kind of
        request before anything is measured. Raises SetupError when that does not go well."""
        deadline = time.monotonic() + _PREPARATION_TIMEOUT
        await asyncio.gather(*(self._arrive(user, deadline) for user in range(len(self._people))))
        for _ in range(_WARM_UP_ROUNDS):
            for action in (Action.READ, Action.PAGE, Action.ATTACHMENT_READ):
                found = await asyncio.gather(
                    *(self._warm_up(user, action) for user in range(len(self._people)))
                )
                bad = [verdict.kind for verdict in found if not verdict.ok]
                if bad:
                    raise SetupError(f"before the drill, a {action.value} failed: {bad[0]}")
        if not self._fresh_reads:
            # S3 will be away: each node is to have read each attachment. The balancer chooses the
            # node, so often that hardly one is left out.
            for _ in range(_READS_FOR_EVERY_NODE):
                await asyncio.gather(
                    *(self._warm_up(n, Action.ATTACHMENT_READ) for n in range(len(self._people)))
                )

    async def _arrive(self, user: int, deadline: float) -> None:
        person = self._people[user]
        if not (await person.check_session()).ok and not await person.log_in(deadline):
            raise SetupError(
                f"{person.login} could not log in before the drill: is Odoo up behind the balancer?"
            )
        token = f"{self._run}-before-{user}"
        planned = Planned(user, 0, user, Action.ATTACHMENT_WRITE, token)
        verdict = await person.create_attachment(planned)
        while verdict.record is None and time.monotonic() < deadline:
            await asyncio.sleep(_PAUSE)  # what the run before did to S3 may still be felt
            verdict = await person.create_attachment(planned)
        if verdict.record is None:
            raise SetupError(
                f"{person.login} could not write an attachment before the drill: {verdict.kind}"
            )
        self._readable[user].append((verdict.record, token))

    async def _warm_up(self, user: int, action: Action) -> Verdict:
        return await self._people[user].do(Planned(0, 0, user, action), self._readable[user][0])

    def start(self) -> None:
        """Time zero."""
        self._began = time.monotonic()

    async def send(self, plan: Sequence[Planned], enough: asyncio.Event) -> None:
        """Start each request at its moment until `enough` is set; returns without awaiting the answers."""
        for planned in plan:
            wait = planned.at - self.now
            if wait > 0:
                with suppress(TimeoutError):
                    await asyncio.wait_for(enough.wait(), wait)
            if enough.is_set():
                return
            task = asyncio.create_task(self._carry_out(planned))
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    async def finish(self) -> None:
        """Wait for the answers that are still due; each ends by its own timeout."""
        while self._running:
            await asyncio.wait(self._running)

    async def _carry_out(self, planned: Planned) -> None:
        user = planned.user
        person = self._people[user]
        if not await self._is_back(user, planned.at + self._timeout):
            self._note(planned, verdicts.NOT_LOGGED_IN)
            return
        logins = person.logins
        target = self._attachment_for(planned) if planned.action is Action.ATTACHMENT_READ else None
        verdict = await person.do(planned, target)
        self._note(planned, verdict, target[1] if target else "")
        if verdict.logged_out:
            self._logged_out.add(user)
            if logins == person.logins and user not in self._returning:
                self._returning[user] = asyncio.create_task(self._come_back(user))
        if planned.action is Action.ATTACHMENT_WRITE and verdict.record is not None:
            self.attachments[planned.token] = (user, verdict.record)
            if self._fresh_reads:
                self._readable[user].append((verdict.record, planned.token))

    async def _is_back(self, user: int, deadline: float) -> bool:
        """Someone at the login page can click nothing else: wait for the login, up to `deadline`."""
        task = self._returning.get(user)
        if task is None:
            return True
        done, _ = await asyncio.wait({task}, timeout=max(0.0, deadline - self.now))
        return bool(done) and task.result()

    async def _come_back(self, user: int) -> bool:
        """Log in again, as a person would. Only a success ends it, or the load's end."""
        try:
            while not await self._people[user].log_in(time.monotonic() + self._timeout):
                pass
            return True
        finally:
            self._returning.pop(user, None)

    def _attachment_for(self, planned: Planned) -> tuple[int, str]:
        """One of the user's own attachments, picked by the request's number."""
        mine = self._readable[planned.user]
        return mine[zlib.crc32(str(planned.number).encode()) % len(mine)]

    def _note(self, planned: Planned, verdict: Verdict, target: str = "") -> None:
        self.outcomes.append(Outcome(planned, self.now, verdict, target))

    async def check_sessions(self) -> None:
        """After healing: a user whose session is not there counts as logged out."""
        deadline = time.monotonic() + _FINAL_CHECK_TIMEOUT
        for task in self._returning.values():
            task.cancel()
        users = [user for user in range(len(self._people)) if user not in self._logged_out]
        await asyncio.gather(*(self._check_session(user, deadline) for user in users))

    async def _check_session(self, user: int, deadline: float) -> None:
        person = self._people[user]
        verdict = await person.check_session()
        while not verdict.ok and not verdict.logged_out and time.monotonic() < deadline:
            await asyncio.sleep(1)
            verdict = await person.check_session()
        if not verdict.ok:
            self._logged_out.add(user)

    async def check_attachments(self) -> list[str]:
        """After healing, and after `check_sessions`: tokens of acknowledged attachments of users who are still
        logged in that do not hold what was written."""
        deadline = time.monotonic() + _FINAL_CHECK_TIMEOUT
        by_user: dict[int, dict[str, int]] = {}
        for token, (user, record) in self.attachments.items():
            by_user.setdefault(user, {})[token] = record
        found = await asyncio.gather(
            *(self._wrong_of(user, records, deadline) for user, records in by_user.items())
        )
        return [token for wrong in found for token in wrong]

    async def _wrong_of(self, user: int, records: dict[str, int], deadline: float) -> list[str]:
        person = self._people[user]
        if not (await person.check_session()).ok and not await person.log_in(deadline):
            return list(records)
        return [
            token
            for token, record in records.items()
            if not (await self._read_in_the_end(person, record, token, deadline)).ok
        ]

    async def _read_in_the_end(
        self, person: Person, record: int, token: str, deadline: float
    ) -> Verdict:
        """A node may take a moment to see that S3 is back; nothing but its saying so is waited for."""
        verdict = await person.read_attachment(record, token)
        while verdict.kind == "http_503" and time.monotonic() < deadline:
            await asyncio.sleep(0.5)
            verdict = await person.read_attachment(record, token)
        return verdict
