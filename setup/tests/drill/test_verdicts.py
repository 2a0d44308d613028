"""Answers, judged as a user would."""

import json
from typing import Any

import pytest

from ha_setup.drill.schedule import Action
from ha_setup.drill.verdicts import PAGE_MARK, Answer, judge, judge_session


def rpc(**document: Any) -> Answer:
    return Answer(200, json.dumps({"jsonrpc": "2.0", "id": 1} | document).encode())


def error(code: int = 0, name: str = "psycopg2.InterfaceError") -> Answer:
    return rpc(error={"code": code, "message": "Odoo Server Error", "data": {"name": name}})


@pytest.mark.parametrize("result", [7, [7]])
def test_a_write_is_acknowledged_by_the_new_id(result: Any) -> None:
    verdict = judge(Action.WRITE, rpc(result=result))
    assert verdict.ok
    assert verdict.record == 7


@pytest.mark.parametrize("result", [None, False, True, 0, [], [1, 2], "7", {}])
def test_a_write_is_not_acknowledged_by_anything_else(result: Any) -> None:
    verdict = judge(Action.WRITE, rpc(result=result))
    assert verdict.kind == "wrong_content"
    assert verdict.record is None


def test_reads_need_rows() -> None:
    assert judge(Action.READ, rpc(result=[{"id": 3, "name": "x"}])).ok
    for result in ([], None, [3], [{"name": "no id"}], {"id": 3}):
        assert judge(Action.READ, rpc(result=result)).kind == "wrong_content"


def test_pages_need_the_mark_of_a_logged_in_user() -> None:
    assert judge(Action.PAGE, Answer(200, b"<script>" + PAGE_MARK + b" = {}")).ok
    assert judge(Action.PAGE, Answer(200, b"<form action='/web/login'>")).kind == "wrong_content"


def test_attachments_need_their_whole_content() -> None:
    assert judge(Action.ATTACHMENT_READ, Answer(200, b"abc"), content=b"abc").ok
    for body in (b"", b"ab", b"abcd"):
        verdict = judge(Action.ATTACHMENT_READ, Answer(200, body), content=b"abc")
        assert verdict.kind == "wrong_content"


def test_an_attachment_without_known_content_is_never_right() -> None:
    assert not judge(Action.ATTACHMENT_READ, Answer(200, b"")).ok


@pytest.mark.parametrize("action", list(Action))
@pytest.mark.parametrize("status", [404, 500, 502, 503, 504])
def test_http_errors_are_named_by_status(action: Action, status: int) -> None:
    verdict = judge(action, Answer(status, b"No database is selected"))
    assert verdict.kind == f"http_{status}"
    assert not verdict.in_doubt
    assert not verdict.logged_out


@pytest.mark.parametrize(
    ("location", "kind", "logged_out"),
    [
        ("/web/login?redirect=%2Fodoo", "redirected_to_login", True),
        ("http://127.0.0.1:18080/web/login", "redirected_to_login", True),
        ("/web/database/selector", "redirected_to_database_selector", True),
        ("/odoo", "http_303", False),
        ("/web/login_successful", "http_303", False),
        ("", "http_303", False),
    ],
)
def test_redirects(location: str, kind: str, logged_out: bool) -> None:
    for action in Action:
        verdict = judge(action, Answer(303, b"", location))
        assert (verdict.kind, verdict.logged_out) == (kind, logged_out)


def test_rpc_errors_carry_their_name() -> None:
    verdict = judge(Action.READ, error())
    assert verdict.kind == "rpc_error:psycopg2.InterfaceError"
    assert not verdict.logged_out


def test_rpc_errors_without_data_carry_their_message() -> None:
    assert judge(Action.READ, rpc(error={"message": "boo"})).kind == "rpc_error:boo"


def test_session_expired_is_a_logout() -> None:
    verdict = judge(Action.WRITE, error(code=100, name="odoo.http.SessionExpiredException"))
    assert verdict.kind == "session_expired"
    assert verdict.logged_out


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"null", b'{"error": "x"}', b"\xff"])
def test_bodies_that_are_no_rpc_answer(body: bytes) -> None:
    assert judge(Action.READ, Answer(200, body)).kind == "wrong_content"
    assert judge(Action.WRITE, Answer(200, body)).kind == "wrong_content"


def test_session_check() -> None:
    assert judge_session(rpc(result={"uid": 7})).ok
    assert judge_session(rpc(result={"uid": None})).logged_out
    assert judge_session(rpc(result={"uid": False})).logged_out
    assert judge_session(error(code=100)).logged_out
    assert judge_session(Answer(303, b"", "/web/login")).logged_out
    away = judge_session(Answer(503, b""))
    assert away.kind == "http_503"
    assert not away.logged_out
