"""A small client of etcd's v3 JSON gateway, every wait bounded.

The sidecar reads and watches Patroni's prefix, and writes to that of its alerts. ``create`` is for
``ha-sidecar switchover`` alone.
"""

from __future__ import annotations

import base64
import contextlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import urllib3

from .errors import Compacted, Forbidden, NotFound, SourceError, WatchIdle
from .tls import of_etcd, with_remedy


@dataclass(frozen=True)
class Access:
    """How to reach etcd. ``password`` is called at each log-in and its result never kept."""

    timeout: float
    username: str | None = None
    password: Callable[[], str] | None = None
    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None


@dataclass(frozen=True)
class Reading:
    """All keys below a prefix as of ``revision``."""

    revision: int
    values: dict[str, str]


@dataclass(frozen=True)
class Change:
    """One key was written, or deleted (``value`` None)."""

    key: str
    value: str | None


@dataclass(frozen=True)
class Lease:
    """Keys written with it vanish ``ttl`` seconds after ``asked_at`` (monotonic) unless renewed."""

    id: str
    ttl: float
    asked_at: float


class Endpoint:
    """One etcd member. For one thread. Raises SourceError for whatever goes wrong."""

    def __init__(self, url: str, access: Access) -> None:
        self.url = url
        self._access = access
        self._token: str | None = None
        self._http = urllib3.PoolManager(
            retries=False,
            maxsize=2,
            ca_certs=str(access.ca) if access.ca else None,
            cert_file=str(access.cert) if access.cert else None,
            key_file=str(access.key) if access.key else None,
        )

    def close(self) -> None:
        self._http.clear()

    def read(self, prefix: str) -> Reading:
        """Read every key below ``prefix``, agreed on by etcd's quorum."""
        answer = self._call("/v3/kv/range", _range(prefix))
        values = {
            _decode(pair["key"]).removeprefix(prefix): _decode(pair.get("value", ""))
            for pair in answer.get("kvs", ())
        }
        return Reading(_revision(answer), values)

    def watch(self, prefix: str, revision: int, idle_timeout: float) -> Iterator[list[Change]]:
        """Yield the changes from ``revision`` on, as they come; relative to ``prefix``.

        The first list is empty: it says that etcd accepted the watch. Silence for
        ``idle_timeout`` seconds raises WatchIdle, a cancelled watch or a cut connection
        SourceError; read all keys again then.
        """
        body = {"create_request": {**_range(prefix), "start_revision": str(revision)}}
        response = self._request("/v3/watch", body, idle_timeout, stream=True)
        try:
            for message in _messages(response):
                yield _changes(message, prefix)
        except urllib3.exceptions.ReadTimeoutError:
            raise WatchIdle(f"{self.url}: silent for {idle_timeout:g} s") from None
        except (urllib3.exceptions.HTTPError, OSError, ValueError, KeyError) as error:
            raise SourceError(f"{self.url}: watch ended: {error}") from None
        finally:
            response.close()
        raise SourceError(f"{self.url}: watch ended")

    def grant_lease(self, seconds: int) -> Lease:
        """Begin a lease; etcd may make it longer than asked, never shorter."""
        asked_at = time.monotonic()
        answer = self._call("/v3/lease/grant", {"TTL": str(seconds)})
        return Lease(str(answer["ID"]), float(answer["TTL"]), asked_at)

    def renew_lease(self, lease: Lease) -> Lease | None:
        """Let it begin anew; None when it is gone."""
        asked_at = time.monotonic()
        answer = self._call("/v3/lease/keepalive", {"ID": lease.id})
        ttl = float(answer.get("result", {}).get("TTL", 0))
        return Lease(lease.id, ttl, asked_at) if ttl > 0 else None

    def revoke_lease(self, lease: Lease) -> None:
        """End it, and with it every key that it bears. One that is gone already is no error."""
        with contextlib.suppress(NotFound):
            self._call("/v3/lease/revoke", {"ID": lease.id})

    def create(self, key: str, value: str, lease: Lease, *, expect: tuple[str, str]) -> bool:
        """Write ``key``, if it doesn't exist and the key ``expect[0]`` holds ``expect[1]``.

        All at one revision. Return whether it was written.
        """
        other, content = expect
        body = {
            "compare": [
                {"key": _encode(key.encode()), "target": "CREATE", "create_revision": "0"},
                {
                    "key": _encode(other.encode()),
                    "target": "VALUE",
                    "value": _encode(content.encode()),
                },
            ],
            "success": [
                {
                    "request_put": {
                        "key": _encode(key.encode()),
                        "value": _encode(value.encode()),
                        "lease": lease.id,
                    }
                }
            ],
        }
        return bool(self._call("/v3/kv/txn", body).get("succeeded"))

    def commit(
        self,
        puts: Mapping[str, str],
        *,
        lease: Lease | None = None,
        absent: str | None = None,
        holds: tuple[str, str] | None = None,
    ) -> bool:
        """Write all of ``puts``, at one revision and on ``lease``; return whether they were written.

        They aren't where the key ``absent`` exists, or ``holds[0]`` doesn't hold ``holds[1]``.
        """
        compare: list[dict[str, str]] = []
        if absent is not None:
            compare.append(
                {"key": _encode(absent.encode()), "target": "CREATE", "create_revision": "0"}
            )
        if holds is not None:
            key, value = (_encode(each.encode()) for each in holds)
            compare.append({"key": key, "target": "VALUE", "value": value})
        bound = {} if lease is None else {"lease": lease.id}
        success = [
            {
                "request_put": {
                    "key": _encode(key.encode()),
                    "value": _encode(value.encode()),
                    **bound,
                }
            }
            for key, value in puts.items()
        ]
        body = {"compare": compare, "success": success}
        return bool(self._call("/v3/kv/txn", body).get("succeeded"))

    def delete(self, key: str) -> None:
        """Delete it; one that isn't there is no error."""
        self._call("/v3/kv/deleterange", {"key": _encode(key.encode())})

    def _call(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        response = self._request(path, body, self._access.timeout, stream=False)
        try:
            answer = json.loads(response.data)
        except (ValueError, urllib3.exceptions.HTTPError) as error:
            raise SourceError(f"{self.url}: unreadable answer ({error})") from None
        if not isinstance(answer, dict):
            raise SourceError(f"{self.url}: unreadable answer")
        return answer

    def _request(
        self, path: str, body: dict[str, Any], read_timeout: float, *, stream: bool
    ) -> urllib3.BaseHTTPResponse:
        fresh = self._token is None
        if fresh and self._access.username:
            self._log_in()
        response = self._post(path, body, read_timeout, stream=stream)
        if response.status == 401 and self._access.username and not fresh:
            # The token's life ended (etcd's default is five minutes): once more.
            response.close()
            self._log_in()
            response = self._post(path, body, read_timeout, stream=stream)
        if response.status != 200:
            text = response.read(500).decode(errors="replace") if stream else response.data.decode()
            response.close()
            kind = {403: Forbidden, 404: NotFound}.get(response.status, SourceError)
            words = f"{self.url}: HTTP {response.status}: {_reason(text)}"
            raise kind(with_remedy(words, of_etcd(self.url)))
        return response

    def _log_in(self) -> None:
        self._token = None
        body = {
            "name": self._access.username,
            "password": self._access.password() if self._access.password else "",
        }
        response = self._post("/v3/auth/authenticate", body, self._access.timeout, stream=False)
        if response.status != 200:
            raise SourceError(f"{self.url}: etcd_username is refused: {_reason(response.data)}")
        self._token = json.loads(response.data)["token"]

    def _post(
        self, path: str, body: dict[str, Any], read_timeout: float, *, stream: bool
    ) -> urllib3.BaseHTTPResponse:
        headers = {"Authorization": self._token} if self._token else {}
        try:
            return self._http.request(
                "POST",
                self.url + path,
                json=body,
                headers=headers,
                timeout=urllib3.Timeout(connect=self._access.timeout, read=read_timeout),
                preload_content=not stream,
                redirect=False,
            )
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise SourceError(with_remedy(f"{self.url}: {error}", of_etcd(self.url))) from None


def _messages(response: urllib3.BaseHTTPResponse) -> Iterator[dict[str, Any]]:
    """Split the gateway's stream: one JSON object a line, whatever the chunks."""
    rest = b""
    for chunk in response.stream(amt=None):
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            if line.strip():
                yield json.loads(line)


def _changes(message: dict[str, Any], prefix: str) -> list[Change]:
    if "error" in message:
        raise ValueError(_reason(json.dumps(message)))
    result = message["result"]
    if int(result.get("compact_revision", 0)):
        raise Compacted(f"revision was compacted up to {result['compact_revision']}")
    if result.get("canceled"):
        raise ValueError(f"cancelled by etcd: {result.get('cancel_reason', 'no reason given')}")
    return [
        Change(
            _decode(event["kv"]["key"]).removeprefix(prefix),
            None if event.get("type") == "DELETE" else _decode(event["kv"].get("value", "")),
        )
        for event in result.get("events", ())
    ]


def _revision(answer: dict[str, Any]) -> int:
    try:
        return int(answer["header"]["revision"])
    except (KeyError, TypeError, ValueError):
        raise SourceError("etcd's answer has no revision") from None


def _range(prefix: str) -> dict[str, Any]:
    start = prefix.encode()
    return {"key": _encode(start), "range_end": _encode(start[:-1] + bytes([start[-1] + 1]))}


def _encode(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _decode(value: str) -> str:
    return base64.b64decode(value).decode(errors="replace")


def _reason(body: str | bytes) -> str:
    """Return the words of etcd's error object, or the text itself, shortened."""
    text = body.decode(errors="replace") if isinstance(body, bytes) else body
    try:
        data = json.loads(text)
        error = data["error"]
        return str(error["message"] if isinstance(error, dict) else error)
    except (ValueError, KeyError, TypeError):
        return text.strip()[:200]
