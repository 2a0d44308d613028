"""The body for those who may see details, in the form of draft-inadarei-api-health-check-06. Pure.

Each check says when it was observed (``time``) and how long ago that was (``ageSeconds``).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from .verdict import Memory, Question, Status, Verdict

Checks = dict[str, list[dict[str, Any]]]

#: How bad what the sidecar says about a failover now is.
_DATA_LOSS = {"none": Status.PASS, "possible": Status.PASS}


@dataclass(frozen=True)
class Seen:
    """What there is to tell.

    :param memory: of the database asked about; ``replica`` of the server that only reads, if any
    :param topology: the fresh topology document
    :param facts: what the siblings say, by name: a value, or a value and whether it is well
    :param observed_at: when the facts were gathered, on the monotonic clock
    :param own: facts of the process that is asked, as of now
    :param held: requests that wait now
    """

    memory: Memory
    replica: Memory | None
    topology: Mapping[str, Any] | None
    facts: Mapping[str, Any]
    observed_at: float
    own: Mapping[str, Any]
    held: int


@dataclass(frozen=True)
class Fact:
    """One observed value; ``well`` None for a mere figure."""

    value: Any
    well: bool | None = None
    unit: str | None = None
    kind: str = "component"
    reason: str = ""


def details(
    question: Question, verdict: Verdict, seen: Seen, node: str, now: float, clock: float
) -> dict[str, Any]:
    """The object's other members, for a moment given by both clocks, in seconds."""
    checks: Checks = {
        "database:role": [_look(seen.memory, verdict.status, now, clock)],
        "requests:held": [
            _check(Fact(seen.held, seen.held == 0, "requests"), 0.0, clock),
        ],
    }
    if seen.replica is not None:
        shown = seen.replica.look is not None and seen.replica.look.shows("standby")
        status = Status.PASS if shown else Status.WARN
        checks["database:replica"] = [_look(seen.replica, status, now, clock)]
    checks |= _topology(seen.topology, clock)
    age = now - seen.observed_at
    checks |= {name: [_check(fact, age, clock)] for name, fact in seen.facts.items()}
    checks |= {name: [_check(fact, 0.0, clock)] for name, fact in seen.own.items()}
    return {
        "serviceId": node,
        "description": f"Odoo node, probe {question.probe}, role {question.role}",
        "output": verdict.reason,
        "checks": checks,
    }


def _look(memory: Memory, status: Status, now: float, clock: float) -> dict[str, Any]:
    look = memory.look
    age = now - look.at if look else 0.0
    check = {
        "componentType": "datastore",
        "observedValue": look.role if look else None,
        "status": status.value,
        **_when(age, clock),
    }
    if look and look.role == "standby":
        check |= {"lagBytes": look.lag.bytes, "lagSeconds": look.lag.seconds}
    return check


def _topology(topology: Mapping[str, Any] | None, clock: float) -> Checks:
    """What the sidecar says: the primary's state, each replica, and what a failover would cost."""
    if topology is None:
        return {}
    observed_at = datetime.fromisoformat(topology["observed_at"]).timestamp()
    age = max(0.0, clock - observed_at)
    primary = topology.get("primary")
    checks: Checks = {
        "topology:state": [
            _check(Fact(topology["state"], topology["state"] == "stable"), age, clock)
        ],
        "topology:epoch": [_check(Fact(topology["epoch"]), age, clock)],
        "replica:lag": [
            {
                "componentId": replica["name"],
                "observedUnit": "bytes",
                **_check(Fact(replica["lag_bytes"], kind="datastore"), age, clock),
                "lagSeconds": replica["lag_seconds"],
                "timeline": replica["timeline"],
                "state": replica["state"],
                "synchronous": replica["sync"],
            }
            for replica in topology.get("replicas") or ()
        ],
    }
    if primary:
        checks["primary:timeline"] = [
            {
                "componentId": primary["name"],
                **_check(Fact(primary["timeline"], kind="datastore"), age, clock),
            }
        ]
    failover = topology.get("failover")
    if failover:
        loss = failover["data_loss"]
        checks["failover:candidates"] = [
            _check(Fact(failover["candidates"], bool(failover["candidates"])), age, clock)
        ]
        checks["failover:data_loss"] = [
            {
                **_check(Fact(loss), age, clock),
                "status": _DATA_LOSS.get(loss, Status.WARN).value,
                "lossBytes": failover["loss_bytes"],
            }
        ]
    return {name: found for name, found in checks.items() if found}


def _check(fact: Fact, age: float, clock: float) -> dict[str, Any]:
    check: dict[str, Any] = {"componentType": fact.kind, "observedValue": fact.value}
    if fact.unit is not None:
        check["observedUnit"] = fact.unit
    if fact.well is not None:
        check["status"] = (Status.PASS if fact.well else Status.WARN).value
    if fact.reason:
        check["output"] = fact.reason
    return check | _when(age, clock)


def _when(age: float, clock: float) -> dict[str, Any]:
    return {"time": timestamp(clock - age), "ageSeconds": round(age, 3)}


def timestamp(seconds: float) -> str:
    """RFC 3339, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
