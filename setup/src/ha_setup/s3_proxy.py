"""Stands between Odoo and S3, passes everything on untouched, and makes S3 slow or faulty when a drill says so.

A process of its own: `python -m ha_setup.s3_proxy ADDRESS PORT UPSTREAM`. A POST to `FAULT_PATH` sets
what is done to answers from then on (`none`, `slow` or `errors`) and says to how many it was done before.
"""

from __future__ import annotations

import asyncio
import random
import sys
from enum import StrEnum

import aiohttp
from aiohttp import web
from yarl import URL

FAULT_PATH = "/-/fault"  # no bucket can be called so
SLOW_S = 5.0
ERRORS = 0.3  # of all answers
CONNECT_LIMIT_S = 2.0
PIECE = 1 << 16
# Those of one connection, and what each side's library sees to itself.
HOP_BY_HOP = frozenset(("connection", "keep-alive", "transfer-encoding", "expect", "te", "upgrade"))


class S3Fault(StrEnum):
    """What is done to S3's answers."""

    NONE = "none"
    SLOW = "slow"  # each comes SLOW_S seconds later
    ERRORS = "errors"  # ERRORS of them are a 500 or cut in the middle


class Treatment(StrEnum):
    """What is done to one answer."""

    UNTOUCHED = "untouched"
    DELAY = "delay"
    REFUSE = "refuse"  # a 500, and S3 never saw the request
    FORGET = "forget"  # a 500, although S3 did as it was told
    CUT = "cut"  # the connection ends in the middle of the answer, or in its place


def treatment(fault: S3Fault, chance: random.Random) -> Treatment:
    """What the next answer gets. Pure but for `chance`."""
    if fault is S3Fault.SLOW:
        return Treatment.DELAY
    if fault is S3Fault.ERRORS and chance.random() < ERRORS:
        return chance.choice((Treatment.REFUSE, Treatment.FORGET, Treatment.CUT, Treatment.CUT))
    return Treatment.UNTOUCHED


class S3Proxy:
    """The handler of every request."""

    def __init__(self, upstream: str) -> None:
        self._upstream = upstream
        self._fault = S3Fault.NONE
        self._chance = random.Random()  # noqa: S311 - faults, no secrets
        self._treated = 0

    async def run(self, address: str, port: int) -> None:
        """Serve until the process is ended."""
        # A connection for each request: one that S3 closed meanwhile would be a fault of ours.
        self._http = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, force_close=True),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_LIMIT_S),
            auto_decompress=False,
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
            trust_env=False,
        )
        runner = web.ServerRunner(web.Server(self._answer))
        await runner.setup()
        await web.TCPSite(runner, address, port).start()
        await asyncio.Event().wait()

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.path == FAULT_PATH:
            return await self._command(request)
        if request.headers.get("Expect", "").lower() == "100-continue" and request.transport:
            # Else a client waits a second for it before it sends an object.
            request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        how = treatment(self._fault, self._chance)
        self._treated += how is not Treatment.UNTOUCHED
        if how is Treatment.REFUSE:
            await request.read()  # what is left of it would be taken for the next request
            return _internal_error()
        due = asyncio.get_running_loop().time() + SLOW_S
        try:
            async with self._http.request(
                request.method,
                URL(f"{self._upstream}{request.raw_path}", encoded=True),
                headers=[(k, v) for k, v in request.headers.items() if k.lower() not in HOP_BY_HOP],
                data=request.content if request.body_exists else None,
                allow_redirects=False,
            ) as answer:
                if how is Treatment.DELAY:
                    await asyncio.sleep(due - asyncio.get_running_loop().time())
                if how is Treatment.FORGET:
                    return _internal_error()
                return await self._pass_on(request, answer, cut=how is Treatment.CUT)
        except aiohttp.ClientError:
            return _hang_up(request)  # as S3 itself, when it is gone

    async def _pass_on(
        self, request: web.BaseRequest, answer: aiohttp.ClientResponse, *, cut: bool
    ) -> web.StreamResponse:
        passed = web.StreamResponse(status=answer.status, reason=answer.reason)
        for name, value in answer.headers.items():
            if name.lower() not in HOP_BY_HOP:
                passed.headers.add(name, value)
        left = (answer.content_length or 0) // 2
        if cut and not left:
            return _hang_up(request)
        await passed.prepare(request)
        async for piece in answer.content.iter_chunked(PIECE):
            if cut and len(piece) >= left:
                await passed.write(piece[:left])
                return _hang_up(request)
            left -= len(piece)
            await passed.write(piece)
        await passed.write_eof()
        return passed

    async def _command(self, request: web.BaseRequest) -> web.Response:
        try:
            self._fault = S3Fault(await request.text())
        except ValueError:
            return web.Response(status=400, text=f"one of {', '.join(S3Fault)}")
        treated, self._treated = self._treated, 0
        return web.json_response({"treated": treated})


def _internal_error() -> web.Response:
    body = "<Error><Code>InternalError</Code><Message>a fault of the drill</Message></Error>"
    return web.Response(status=500, text=body, content_type="application/xml")


def _hang_up(request: web.BaseRequest) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=502)  # nobody hears it any more


def main() -> None:
    address, port, upstream = sys.argv[1:]
    asyncio.run(S3Proxy(upstream).run(address, int(port)))


if __name__ == "__main__":
    main()
