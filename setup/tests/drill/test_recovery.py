"""When a cluster has recovered, and what passes."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from ha_setup.drill.judgement import judge_run
from ha_setup.drill.ledger import Reckoning, Told, reckon
from ha_setup.drill.options import Fault
from ha_setup.drill.recovery import missing
from ha_setup.drill.schedule import Action
from ha_setup.drill.trace import Outcome

from .build import outcome, trace

EVERYDAY = (Action.READ, Action.WRITE, Action.PAGE)


def everyday(at: float, **more: Any) -> list[Outcome]:
    return [outcome(at, action=action, **more) for action in EVERYDAY]


def test_waits_for_the_promotion() -> None:
    found = missing(Fault.KILL_PRIMARY, everyday(29), now=30, fault_at=5, promoted_at=None)
    assert found == "a new writable primary"


def test_waits_for_what_the_fault_still_has_in_store() -> None:
    found = missing(
        Fault.DOUBLE_FAILOVER,
        everyday(29),
        now=30,
        fault_at=5,
        promoted_at=20,
        pending="the second blow",
    )
    assert found == "the second blow"


def test_waits_for_calm() -> None:
    outcomes = [*everyday(29), outcome(28, kind="http_500")]
    found = missing(Fault.KILL_PRIMARY, outcomes, now=30, fault_at=5, promoted_at=20)
    assert found == "3 seconds without a failed request"


def test_calm_must_last_after_the_promotion() -> None:
    assert missing(Fault.KILL_PRIMARY, everyday(29), now=30, fault_at=5, promoted_at=28.5)


@pytest.mark.parametrize("lacking", EVERYDAY)
def test_waits_for_a_good_answer_of_each_sort(lacking: Action) -> None:
    outcomes = [o for o in everyday(29) if o.planned.action is not lacking]
    found = missing(Fault.KILL_PRIMARY, outcomes, now=30, fault_at=5, promoted_at=20)
    assert found == f"a good answer to a {lacking.value}"


def test_requests_from_before_the_promotion_prove_nothing() -> None:
    outcomes = everyday(15, latency=14)
    assert missing(Fault.KILL_PRIMARY, outcomes, now=30, fault_at=5, promoted_at=20)


def test_recovered() -> None:
    outcomes = [outcome(6, kind="http_500"), *everyday(29)]
    assert missing(Fault.KILL_PRIMARY, outcomes, now=30, fault_at=5, promoted_at=20) is None


def test_other_faults_are_endured_for_a_while() -> None:
    assert missing(Fault.KILL_ODOO_NODE, everyday(9), now=10, fault_at=5, promoted_at=None)
    assert missing(Fault.KILL_ODOO_NODE, everyday(29), now=30, fault_at=5, promoted_at=None) is None


GOOD = reckon({"a": Told.ACKNOWLEDGED}, {"a": 1}, {"pg2": {"a": 1}})


def judge(
    fault: Fault = Fault.KILL_PRIMARY,
    outcomes: Iterable[Outcome] = (),
    reckoning: Reckoning = GOOD,
    **changes: Any,
) -> str:
    given = {
        "logouts": 0,
        "revived": 0,
        "hung": 0,
        "goodbyes": [],
        "sync": True,
        "emptied": 0,
        "lost_before_switch": 0,
        "waited_for": None,
    }
    return judge_run(fault, trace(*outcomes), reckoning, **given | changes)


def test_pass() -> None:
    assert judge(outcomes=everyday(1)) == "pass"


def test_failed_requests_and_logouts() -> None:
    verdict = judge(outcomes=[outcome(1, kind="http_503"), outcome(2, kind="timeout")], logouts=1)
    assert verdict == "fail: 2 failed requests (http_503 1, timeout 1), 1 user logged out"


def test_ended_sessions() -> None:
    assert judge(revived=1) == "fail: 1 ended session lived again"
    assert judge(goodbyes=["logging out: http_503"]) == "fail: logging out: http_503"


def test_workers_that_hung() -> None:
    assert judge(hung=2, fault=Fault.SLOW_S3) == "fail: 2 workers hung past the timeout"
    assert judge(hung=2) == "pass"  # a frozen primary's may, with stock


@pytest.mark.parametrize(
    ("ledger", "rows", "replicas", "reason"),
    [
        (
            {"a": Told.ACKNOWLEDGED, "b": Told.ACKNOWLEDGED},
            {"a": 1},
            {},
            "1 acknowledged write lost",
        ),
        ({"a": Told.ACKNOWLEDGED}, {"a": 2}, {}, "1 write duplicated"),
        ({"a": Told.ACKNOWLEDGED, "b": Told.FAILED}, {"a": 1, "b": 1}, {}, "1 ghost"),
        ({"a": Told.ACKNOWLEDGED}, {"a": 1}, {"pg3": {}}, "pg3 differs in 1 row"),
        ({"a": Told.ACKNOWLEDGED}, {"a": 1}, {"pg3": None}, "pg3 could not be compared"),
        ({}, {}, {}, "no write was acknowledged"),
    ],
)
def test_the_ledger_decides(
    ledger: dict[str, Told],
    rows: dict[str, int],
    replicas: dict[str, dict[str, int] | None],
    reason: str,
) -> None:
    assert judge(reckoning=reckon(ledger, rows, replicas)) == f"fail: {reason}"


def test_lost_writes_are_the_users_choice_only_without_synchronous_replication() -> None:
    lost = reckon({"a": Told.ACKNOWLEDGED, "b": Told.ACKNOWLEDGED}, {"a": 1}, {})
    assert judge(reckoning=lost, sync=False) == "pass"
    assert judge(Fault.KILL_ODOO_NODE, reckoning=lost, sync=False).startswith("fail")


def test_what_a_failover_may_not_lose_even_without_synchronous_replication() -> None:
    lost = reckon({"a": Told.ACKNOWLEDGED, "b": Told.ACKNOWLEDGED}, {"a": 1}, {})
    verdict = judge(reckoning=lost, sync=False, lost_before_switch=1)
    assert verdict == "fail: 1 acknowledged write lost before the switch point"


def test_a_lag_that_lost_nothing_proves_nothing() -> None:
    lost = reckon({"a": Told.ACKNOWLEDGED, "b": Told.ACKNOWLEDGED}, {"a": 1}, {})
    assert judge(Fault.LAGGING_REPLICAS, reckoning=lost, sync=False) == "pass"
    assert judge(Fault.LAGGING_REPLICAS, sync=False).startswith("fail: nothing was lost")
    assert judge(Fault.LAGGING_REPLICAS) == "pass"
    assert judge(Fault.LAGGING_REPLICAS, reckoning=lost) == "fail: 1 acknowledged write lost"


def test_only_an_attachment_that_was_lost_may_be_missing() -> None:
    lost = reckon({"a": Told.ACKNOWLEDGED, "b": Told.ACKNOWLEDGED}, {"a": 1}, {})

    def reading(token: str, kind: str = "http_404") -> list[Outcome]:
        return [replace(outcome(9, action=Action.ATTACHMENT_READ, kind=kind), target=token)]

    fault = Fault.LAGGING_REPLICAS
    assert judge(fault, reading("b"), reckoning=lost, sync=False) == "pass"
    assert "http_404" in judge(fault, reading("a"), reckoning=lost, sync=False)
    assert "http_500" in judge(fault, reading("b", "http_500"), reckoning=lost, sync=False)
    assert "http_404" in judge(fault, reading("b"), reckoning=lost)


def test_emptied_attachments_and_no_recovery() -> None:
    assert judge(emptied=2) == "fail: 2 attachments with wrong content"
    assert judge(waited_for="a new writable primary").endswith("waited for a new writable primary")


def test_with_s3_away_only_a_clear_error_for_attachments_is_excused() -> None:
    def of(action: Action, kind: str) -> list[Outcome]:
        return [outcome(1, action=action, kind=kind)]

    clear = of(Action.ATTACHMENT_WRITE, "rpc_error:odoo.exceptions.UserError")
    assert judge(Fault.STOP_S3, clear) == "pass"
    assert judge(Fault.KILL_PRIMARY, clear) != "pass"
    assert judge(Fault.STOP_S3, of(Action.ATTACHMENT_WRITE, "timeout")) != "pass"
    assert judge(Fault.STOP_S3, of(Action.ATTACHMENT_READ, "http_500")) != "pass"
    assert judge(Fault.STOP_S3, of(Action.WRITE, "rpc_error:x")) != "pass"


@pytest.mark.parametrize("fault", [Fault.SLOW_S3, Fault.S3_ERRORS])
def test_with_s3_ailing_a_file_may_be_refused_clearly_and_nothing_else(fault: Fault) -> None:
    def verdict(action: Action, kind: str) -> str:
        return judge(fault, [outcome(1, action=action, kind=kind)])

    assert verdict(Action.ATTACHMENT_WRITE, "rpc_error:odoo.exceptions.UserError") == "pass"
    assert verdict(Action.ATTACHMENT_READ, "http_503") == "pass"
    for action in (Action.ATTACHMENT_WRITE, Action.ATTACHMENT_READ):
        for kind in ("timeout", "http_500", "wrong_content", "disconnected"):
            assert verdict(action, kind) != "pass"
    assert verdict(Action.PAGE, "http_503") != "pass"
