"""A user of Odoo over HTTP: one cookie jar, the requests the web client makes."""

from __future__ import annotations

import itertools
from typing import Any

import requests


class OdooFault(Exception):
    """Odoo answered a JSON-RPC call with an error; ``name`` is the exception's name."""

    def __init__(self, error: dict[str, Any]) -> None:
        data = error.get("data") or {}
        self.name = str(data.get("name", ""))
        super().__init__(f"{self.name}: {data.get('message') or error.get('message')}")


class NoAnswer(Exception):
    """The answer is none of Odoo's JSON-RPC: an HTTP error, a redirect, a closed connection."""

    def __init__(self, message: str, status: int | None = None) -> None:
        self.status = status
        super().__init__(message)


class OdooClient:
    """A browser that follows no redirect by itself. ``timeout`` (seconds) bounds each request."""

    def __init__(self, base_url: str, *, timeout: float = 90) -> None:
        self.base_url = base_url
        self.timeout = timeout
        self.http = requests.Session()
        self._ids = itertools.count(1)

    @property
    def session_id(self) -> str | None:
        """The cookie that a browser would send next."""
        return self.http.cookies.get("session_id")

    def get(self, path: str, **options: Any) -> requests.Response:
        return self.http.get(
            self.base_url + path,
            **{"timeout": self.timeout, "allow_redirects": False, **options},
        )

    def rpc(self, path: str, **params: Any) -> Any:
        """POST a JSON-RPC request and return its result.

        Raises OdooFault for an error of Odoo's, NoAnswer for anything else.
        """
        body = {"jsonrpc": "2.0", "method": "call", "params": params, "id": next(self._ids)}
        try:
            response = self.http.post(
                self.base_url + path, json=body, timeout=self.timeout, allow_redirects=False
            )
        except requests.RequestException as error:
            raise NoAnswer(str(error)) from error
        try:
            answer = response.json()
        except requests.JSONDecodeError:
            raise NoAnswer(
                f"HTTP {response.status_code}: {response.text[:120]!r}", response.status_code
            ) from None
        if "error" in answer:
            raise OdooFault(answer["error"])
        return answer.get("result")

    def login(self, dbname: str, login: str = "admin", password: str = "admin") -> int:
        """Log in and return the user's id."""
        uid = self.rpc("/web/session/authenticate", db=dbname, login=login, password=password).get(
            "uid"
        )
        if not uid:
            raise NoAnswer(f"{login} can't log in")
        return int(uid)

    def call(self, model: str, method: str, *args: Any, **kwargs: Any) -> Any:
        """Call a model's method as the web client does."""
        return self.rpc(
            f"/web/dataset/call_kw/{model}/{method}",
            model=model,
            method=method,
            args=list(args),
            kwargs=kwargs,
        )

    def is_logged_in(self) -> bool:
        """Tell whether the session still belongs to a user. Faults other than that raise."""
        try:
            return bool(self.call("res.users", "search_count", [("id", ">", 0)]))
        except OdooFault as fault:
            if fault.name.endswith("SessionExpiredException"):
                return False
            raise
