"""From what a run showed to its figures. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ha_setup.cluster.layout import Variant
from ha_setup.drill import loss, metrics
from ha_setup.drill.judgement import judge_run
from ha_setup.drill.ledger import Reckoning
from ha_setup.drill.options import DrillOptions
from ha_setup.drill.result import RunResult
from ha_setup.drill.trace import Outcome, Trace

# Seconds before the fault in which a request that begins may still be under way when it comes.
_NEAR = 1.0


@dataclass(frozen=True, kw_only=True)
class Findings:
    """All that one run left behind.

    `wrong`: tokens of acknowledged attachments whose content is not what was written. `waited_for`: what had
    not come when the run gave up. `positions`: how far the WAL was, and when; `history`: the text of the
    final timeline's history file. `hung`: workers that Odoo killed. `seconds`: how long the whole run took.
    """

    number: int
    variant: Variant
    started: datetime
    seconds: float
    trace: Trace
    reckoning: Reckoning
    logouts: int
    revived: int
    hung: int
    goodbyes: list[str]
    wrong: list[str]
    waited_for: str | None
    positions: list[loss.Position]
    history: str


def result_of(options: DrillOptions, found: Findings) -> RunResult:
    """The run's figures and its verdict."""
    trace, reckoning = found.trace, found.reckoning
    outcomes = trace.outcomes
    latencies = [outcome.latency for outcome in outcomes]
    steady = [o.latency for o in outcomes if o.planned.at < (trace.fault_at or 0.0) - _NEAR]
    before_switch = loss.before_switch(
        {
            o.planned.token: loss.Write(o.planned.at, o.finished_at)
            for o in outcomes
            if o.verdict.ok and o.planned.action.writes
        },
        reckoning.lost,
        found.positions,
        loss.parse_history(found.history),
    )
    ack_delay = None
    if trace.first_ack_at is not None and trace.promoted_at is not None:
        ack_delay = _milliseconds(trace.first_ack_at - trace.promoted_at)
    promoted = None
    if trace.promoted_at is not None:
        promoted = _rfc3339(found.started + timedelta(seconds=trace.promoted_at))
    return RunResult(
        fault=options.fault.value,
        number=found.number,
        suite="on" if found.variant == "suite" else "stock",
        sync="on" if options.sync else "off",
        started_at=_rfc3339(found.started),
        seconds=round(found.seconds, 1),
        requests=len(outcomes),
        failed_requests=sum(not outcome.verdict.ok for outcome in outcomes),
        failed_by_kind=metrics.failures_by_kind(outcomes),
        logouts=found.logouts,
        revived=found.revived,
        hung_workers=found.hung,
        writes_acknowledged=reckoning.acknowledged,
        lost_acknowledged=len({*reckoning.lost, *found.wrong}),
        lost_before_switch=len(before_switch),
        duplicates=len(reckoning.duplicates),
        ghosts=len(reckoning.ghosts),
        write_outage_s=_pause(metrics.good_writes(outcomes), trace),
        read_outage_s=_pause(metrics.good_reads(outcomes), trace),
        max_latency_s=round(max(latencies, default=0.0), 3),
        p50_ms=_milliseconds(metrics.percentile(latencies, 0.50)),
        p99_ms=_milliseconds(metrics.percentile(latencies, 0.99)),
        steady_p50_ms=_milliseconds(metrics.percentile(steady, 0.50)),
        steady_p99_ms=_milliseconds(metrics.percentile(steady, 0.99)),
        writable_to_first_ack_ms=ack_delay,
        promoted_at=promoted,
        verdict=judge_run(
            options.fault,
            trace,
            reckoning,
            logouts=found.logouts,
            revived=found.revived,
            hung=found.hung,
            goodbyes=found.goodbyes,
            sync=options.sync,
            emptied=len(set(found.wrong) - set(reckoning.lost)),
            lost_before_switch=len(before_switch),
            waited_for=found.waited_for,
        ),
        notes=[
            *(f"{at:.1f} s: {text}" for at, text in trace.notes),
            *_failures(outcomes),
            *_losses(outcomes, reckoning.lost, before_switch),
        ],
        trace=trace,
    )


def _failures(outcomes: tuple[Outcome, ...]) -> list[str]:
    """The first failed requests, each with its moment: where to look in the logs."""
    bad = [o for o in outcomes if not o.verdict.ok][:20]
    return [
        f"{o.planned.at:.2f} s to {o.finished_at:.2f} s: {o.planned.action} of user {o.planned.user + 1}"
        f"{f' ({o.planned.token})' if o.planned.token else ''}: {o.verdict.kind}"
        for o in bad
    ]


def _losses(
    outcomes: tuple[Outcome, ...], lost: Sequence[str], before_switch: Sequence[str]
) -> list[str]:
    """The first acknowledged writes that are gone, each with its moment."""
    gone = [o for o in outcomes if o.planned.token in set(lost)][:20]
    return [
        f"{o.finished_at:.2f} s: {o.planned.action} acknowledged ({o.planned.token}), and lost,"
        f" {'before' if o.planned.token in before_switch else 'beyond'} the switch point"
        for o in gone
    ]


def _pause(moments: list[float], trace: Trace) -> float:
    return round(metrics.longest_gap(moments, 0, trace.ended_at), 2)


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 1)


def _rfc3339(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
