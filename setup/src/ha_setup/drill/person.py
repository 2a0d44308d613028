"""A user with a browser: logs in through the form, keeps cookies, asks for things, judges the answers."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Self

import aiohttp

from ha_setup.drill import verdicts
from ha_setup.drill.schedule import Action, Planned
from ha_setup.drill.verdicts import Answer, Verdict

_CSRF = re.compile(rb'name="csrf_token"[^>]*value="([^"]+)"')
_LOGIN_TIMEOUT = (
    20.0  # seconds; someone at a login page tries again rather than stare at it for longer
)
_LOGIN_PAUSE = 1.0


def attachment_content(token: str) -> bytes:
    """What the attachment of this token holds: some kilobytes that no other attachment has."""
    return f"{token}\n".encode() * 256


class Person:
    """One user. `timeout`: seconds after which a request is given up.

    Each request uses a connection of its own: whether a kept one had just been closed by the other side
    would be an accident of timing. Redirects are never followed.
    """

    def __init__(self, base_url: str, login: str, password: str, timeout: float) -> None:
        self.login = login
        self.logins = 0
        self._url = base_url
        self._password = password
        self._timeout = timeout
        self._number = 0

    async def __aenter__(self) -> Self:
        self._http = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, force_close=True),
            cookie_jar=aiohttp.CookieJar(
                unsafe=True
            ),  # "unsafe": keep cookies of an address without a name
            trust_env=False,
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._http.close()

    @property
    def cookies(self) -> dict[str, str]:
        """What the browser would keep when it is closed, and give back with `restore`."""
        return {morsel.key: morsel.value for morsel in self._http.cookie_jar}

    def restore(self, cookies: Mapping[str, str]) -> None:
        """Have the cookies of a browser that was closed."""
        self._http.cookie_jar.update_cookies(cookies)

    async def log_in(self, deadline: float) -> bool:
        """Try the login form again and again until it lets us in; False at `deadline` (time.monotonic)."""
        while True:
            if await self._try_log_in():
                self.logins += 1
                return True
            if time.monotonic() + _LOGIN_PAUSE >= deadline:
                return False
            await asyncio.sleep(_LOGIN_PAUSE)

    async def _try_log_in(self) -> bool:
        form = await self._request("GET", "/web/login", timeout=_LOGIN_TIMEOUT)
        csrf = _CSRF.search(form.body) if isinstance(form, Answer) and form.status == 200 else None
        if not csrf:
            # A page that forwards a user who is logged in after all has no form.
            return (
                isinstance(form, Answer) and form.status < 400 and (await self.check_session()).ok
            )
        fields = {
            "login": self.login,
            "password": self._password,
            "csrf_token": csrf[1].decode(),
            "redirect": "/odoo",
        }
        answer = await self._request("POST", "/web/login", timeout=_LOGIN_TIMEOUT, form=fields)
        return (
            isinstance(answer, Answer)
            and answer.status in (302, 303)
            and (await self.check_session()).ok
        )

    async def check_session(self) -> Verdict:
        """Is this browser logged in?"""
        body = {"jsonrpc": "2.0", "method": "call", "params": {}}
        answer = await self._request(
            "POST", "/web/session/get_session_info", timeout=_LOGIN_TIMEOUT, document=body
        )
        return verdicts.judge_session(answer) if isinstance(answer, Answer) else answer

    async def log_out(self) -> Verdict:
        """Good when Odoo says so by leading to another page."""
        answer = await self._request("GET", "/web/session/logout")
        if isinstance(answer, Verdict):
            return answer
        return verdicts.OK if 300 <= answer.status < 400 else Verdict(f"http_{answer.status}")

    async def revoke(self, devices: object) -> Verdict:
        """End the sessions of these devices of the user's; Odoo asks for the password first."""
        result, verdict = await self.ask("res.device", "revoke", [devices])
        if verdict.ok and isinstance(result, dict):
            wizard, context = result["res_id"], {"password": self._password}
            model = "res.users.identitycheck"
            result, verdict = await self.ask(model, "run_check", [[wizard]], {"context": context})
        return verdict

    async def ask(
        self,
        model: str,
        method: str,
        args: list[object],
        kwargs: Mapping[str, object] | None = None,
    ) -> tuple[object, Verdict]:
        """Call a method; its result, None where the verdict is not good."""
        answer = await self._post(model, method, args, kwargs or {})
        return verdicts.parse_rpc(answer) if isinstance(answer, Answer) else (None, answer)

    async def do(self, planned: Planned, attachment: tuple[int, str] | None) -> Verdict:
        """Perform one planned request. `attachment`: id and token of the one to read."""
        match planned.action:
            case Action.READ:
                search = {
                    "domain": [["id", ">", 0]],
                    "fields": ["name", "ref"],
                    "limit": 20,
                    "order": "id",
                }
                return await self._call(planned, "res.partner", "search_read", [], search)
            case Action.WRITE:
                values = {"name": f"Drill {planned.token}", "ref": planned.token}
                return await self._call(planned, "res.partner", "create", [values], {})
            case Action.PAGE:
                answer = await self._request("GET", "/odoo")
                return verdicts.judge(Action.PAGE, answer) if isinstance(answer, Answer) else answer
            case Action.ATTACHMENT_WRITE:
                return await self.create_attachment(planned)
            case Action.ATTACHMENT_READ:
                if attachment is None:
                    raise ValueError("an attachment is read before any was written")
                return await self.read_attachment(*attachment)

    async def create_attachment(self, planned: Planned) -> Verdict:
        content = attachment_content(planned.token)
        values = {
            "name": planned.token,
            "datas": base64.b64encode(content).decode(),
            "mimetype": "application/octet-stream",
        }
        return await self._call(planned, "ir.attachment", "create", [values], {})

    async def read_attachment(self, record: int, token: str) -> Verdict:
        answer = await self._request("GET", f"/web/content/{record}")
        if isinstance(answer, Verdict):
            return answer
        return verdicts.judge(Action.ATTACHMENT_READ, answer, content=attachment_content(token))

    async def _call(
        self,
        planned: Planned,
        model: str,
        method: str,
        args: list[object],
        kwargs: dict[str, object],
    ) -> Verdict:
        answer = await self._post(model, method, args, kwargs)
        return verdicts.judge(planned.action, answer) if isinstance(answer, Answer) else answer

    async def _post(
        self, model: str, method: str, args: list[object], kwargs: Mapping[str, object]
    ) -> Answer | Verdict:
        self._number += 1
        params = {"model": model, "method": method, "args": args, "kwargs": kwargs}
        document = {"jsonrpc": "2.0", "method": "call", "id": self._number, "params": params}
        return await self._request(
            "POST", f"/web/dataset/call_kw/{model}/{method}", document=document
        )

    async def _request(
        self,
        method: str,
        path: str,
        *,
        timeout: float | None = None,
        document: object = None,
        form: dict[str, str] | None = None,
    ) -> Answer | Verdict:
        """A complete answer, or the verdict on having got none."""
        data: object = form
        headers = {}
        if document is not None:
            data = json.dumps(document)
            headers["Content-Type"] = "application/json"
        limit = aiohttp.ClientTimeout(total=timeout or self._timeout)
        try:
            async with self._http.request(
                method,
                self._url + path,
                data=data,
                headers=headers,
                timeout=limit,
                allow_redirects=False,
            ) as answer:
                body = await answer.read()
                return Answer(answer.status, body, answer.headers.get("Location", ""))
        except TimeoutError:
            return verdicts.TIMEOUT
        except aiohttp.ClientConnectorError:
            return verdicts.CONNECTION_REFUSED
        except aiohttp.ClientError:
            return verdicts.DISCONNECTED
