"""Passes or fails a run. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from ha_setup.drill.ledger import Reckoning
from ha_setup.drill.metrics import failures_by_kind
from ha_setup.drill.options import Fault
from ha_setup.drill.recovery import is_excused
from ha_setup.drill.trace import Trace


def judge_run(
    fault: Fault,
    trace: Trace,
    reckoning: Reckoning,
    *,
    logouts: int,
    sync: bool,
    revived: int,
    hung: int,
    goodbyes: Sequence[str],
    emptied: int,
    lost_before_switch: int,
    waited_for: str | None,
) -> str:
    """ "pass", or "fail: " and the reasons.

    `revived`: sessions that their users had ended, and that lived again; `hung`: workers that Odoo killed,
    which an ailing S3 must not cause; `goodbyes`: what went wrong when they ended them. `emptied`: acknowledged attachments whose content is not what was written. `waited_for`: what had not
    come when the run gave up. Without synchronous replication, losing acknowledged writes of the moment
    before the fault is what the user chose: it is counted, and failed only for those that lie before the point where the new timeline began.
    """
    reasons: list[str] = []
    gone = () if sync else reckoning.lost
    bad = [o for o in trace.outcomes if not o.verdict.ok and not is_excused(fault, o, gone)]
    if bad:
        kinds = ", ".join(f"{kind} {count}" for kind, count in failures_by_kind(bad).items())
        reasons.append(f"{_count(len(bad), 'failed request')} ({kinds})")
    if logouts:
        reasons.append(f"{_count(logouts, 'user')} logged out")
    if revived:
        reasons.append(f"{_count(revived, 'ended session')} lived again")
    if hung and fault.ails_s3:
        reasons.append(f"{_count(hung, 'worker')} hung past the timeout")
    reasons += goodbyes
    if reckoning.lost and (sync or not fault.moves_primary):
        reasons.append(f"{_count(len(reckoning.lost), 'acknowledged write')} lost")
    elif lost_before_switch:
        reasons.append(
            f"{_count(lost_before_switch, 'acknowledged write')} lost before the switch point"
        )
    elif fault is Fault.LAGGING_REPLICAS and not sync and not reckoning.lost:
        reasons.append("nothing was lost: the replicas did not lag")
    if reckoning.duplicates:
        reasons.append(f"{_count(len(reckoning.duplicates), 'write')} duplicated")
    if reckoning.ghosts:
        reasons.append(f"{_count(len(reckoning.ghosts), 'ghost')}")
    if emptied:
        reasons.append(f"{_count(emptied, 'attachment')} with wrong content")
    for replica, tokens in reckoning.disagreements.items():
        how = (
            "could not be compared"
            if tokens is None
            else f"differs in {_count(len(tokens), 'row')}"
        )
        reasons.append(f"{replica} {how}")
    if not reckoning.acknowledged:
        reasons.append("no write was acknowledged")
    if waited_for:
        reasons.append(f"not recovered: waited for {waited_for}")
    return f"fail: {', '.join(reasons)}" if reasons else "pass"


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"
