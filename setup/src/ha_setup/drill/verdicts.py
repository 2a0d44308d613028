"""Judges one answer as a user would: did I get what I asked for, and am I still logged in? Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from urllib.parse import urlsplit

from ha_setup.drill.schedule import Action

# Present in the web client's page of a logged-in user, and only there.
PAGE_MARK = b"odoo.__session_info__"


@dataclass(frozen=True)
class Answer:
    """A complete HTTP answer; redirects are not followed."""

    status: int
    body: bytes
    location: str = ""


@dataclass(frozen=True)
class Verdict:
    """`kind` is empty for a good answer, else the name under which failures are counted.

    `in_doubt`: no answer came although the request may have been received, so nobody knows what became of it.
    `logged_out`: the answer says that the session is gone.
    `record`: the new row's id, for a write that was acknowledged.
    """

    kind: str = ""
    in_doubt: bool = False
    logged_out: bool = False
    record: int | None = None

    @property
    def ok(self) -> bool:
        return not self.kind


OK = Verdict()
WRONG_CONTENT = Verdict("wrong_content")
TIMEOUT = Verdict("timeout", in_doubt=True)
DISCONNECTED = Verdict("disconnected", in_doubt=True)
CONNECTION_REFUSED = Verdict("connection_refused")
NOT_LOGGED_IN = Verdict("not_logged_in")  # never sent: the user could not log in again in time


def judge(action: Action, answer: Answer, *, content: bytes = b"") -> Verdict:
    """The verdict on an answer. `content`: what an attachment must hold."""
    if 300 <= answer.status < 400:
        return _judge_redirect(answer)
    if answer.status != 200:
        return Verdict(f"http_{answer.status}")
    if action is Action.PAGE:
        return OK if PAGE_MARK in answer.body else WRONG_CONTENT
    if action is Action.ATTACHMENT_READ:
        return OK if content and answer.body == content else WRONG_CONTENT
    return _judge_rpc(action, answer.body)


def judge_session(answer: Answer) -> Verdict:
    """The verdict on `/web/session/get_session_info`: good only with a user in it."""
    if 300 <= answer.status < 400:
        return _judge_redirect(answer)
    if answer.status != 200:
        return Verdict(f"http_{answer.status}")
    result, failure = _parse_rpc(answer.body)
    if failure:
        return failure
    if isinstance(result, dict) and isinstance(result.get("uid"), int) and result["uid"]:
        return OK
    return Verdict("session_expired", logged_out=True)


def parse_rpc(answer: Answer) -> tuple[object, Verdict]:
    """What a call returned, and the verdict on its answer, whatever was called."""
    if answer.status != 200:
        return None, Verdict(f"http_{answer.status}")
    result, failure = _parse_rpc(answer.body)
    return result, failure or OK


def _judge_redirect(answer: Answer) -> Verdict:
    path = urlsplit(answer.location).path
    if path == "/web/login":
        return Verdict("redirected_to_login", logged_out=True)
    if path.startswith("/web/database/"):
        return Verdict("redirected_to_database_selector", logged_out=True)
    return Verdict(f"http_{answer.status}")


def _parse_rpc(body: bytes) -> tuple[object, Verdict | None]:
    try:
        document = json.loads(body)
    except ValueError:
        return None, WRONG_CONTENT
    if not isinstance(document, dict):
        return None, WRONG_CONTENT
    error = document.get("error")
    if error is None:
        return document.get("result"), None
    if not isinstance(error, dict):
        return None, WRONG_CONTENT
    if error.get("code") == 100:
        return None, Verdict("session_expired", logged_out=True)
    data = error.get("data")
    name = data.get("name") if isinstance(data, dict) else None
    return None, Verdict(f"rpc_error:{name or error.get('message') or 'unnamed'}")


def _judge_rpc(action: Action, body: bytes) -> Verdict:
    result, failure = _parse_rpc(body)
    if failure:
        return failure
    if action.writes:
        record = result[0] if isinstance(result, list) and len(result) == 1 else result
        if isinstance(record, int) and not isinstance(record, bool) and record > 0:
            return Verdict(record=record)
        return WRONG_CONTENT
    good = (
        isinstance(result, list)
        and bool(result)
        and all(isinstance(row, dict) and row.get("id") for row in result)
    )
    return OK if good else WRONG_CONTENT
