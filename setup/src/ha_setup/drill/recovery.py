"""Decides when a cluster has recovered from a fault, and says what is still missing. Pure."""

from __future__ import annotations

from collections.abc import Container, Sequence

from ha_setup.drill.options import Fault
from ha_setup.drill.schedule import Action
from ha_setup.drill.trace import Outcome

CALM = 3.0  # seconds without a failure
ENDURE = 12.0  # seconds with a fault that moves no primary
EVERYDAY = (Action.READ, Action.WRITE, Action.PAGE)


def missing(
    fault: Fault,
    outcomes: Sequence[Outcome],
    *,
    now: float,
    fault_at: float,
    promoted_at: float | None,
    pending: str | None = None,
) -> str | None:
    """What the run still waits for, in words; None once recovered.

    Recovered: a new primary where the fault takes the old one away, else some time of enduring the fault;
    and then, for `CALM` seconds, everyday requests that were started after it and went well, and none that
    ended badly. `pending` is what of the fault itself is still to come. A request still hanging from before does not count against it: it is waited for at the end.
    """
    if fault.moves_primary:
        if promoted_at is None:
            return "a new writable primary"
        since = promoted_at
    else:
        if now < fault_at + ENDURE:
            return f"{ENDURE:.0f} seconds under the fault"
        since = fault_at
    if pending is not None:
        return pending
    recent = [o for o in outcomes if o.finished_at > now - CALM]
    if any(not is_excused(fault, o) and not o.verdict.ok for o in recent) or now < since + CALM:
        return f"{CALM:.0f} seconds without a failed request"
    good = {o.planned.action for o in recent if o.verdict.ok and o.planned.at > since}
    lacking = [action.value for action in EVERYDAY if action not in good]
    return f"a good answer to a {lacking[0]}" if lacking else None


def is_excused(fault: Fault, outcome: Outcome, lost: Container[str] = ()) -> bool:
    """With S3 away or ailing, a clear error is the promised answer to writing an attachment, and to reading
    one that its node hasn't got yet (with S3 away those that are read were read everywhere before). One of
    those that asynchronous replication `lost` (tokens) is not found when it is read."""
    if outcome.target in lost:
        return outcome.verdict.kind == "http_404"
    kind = outcome.verdict.kind
    match outcome.planned.action:
        case Action.ATTACHMENT_WRITE:
            return fault.ails_s3 and kind.startswith("rpc_error:")
        case Action.ATTACHMENT_READ:
            return fault.ails_s3 and fault is not Fault.STOP_S3 and kind == "http_503"
    return False
