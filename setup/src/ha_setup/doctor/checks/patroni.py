"""Patroni: how fast it fails over, to whom, and what that may cost. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ha_setup.doctor.checks.values import hold_timeout, number
from ha_setup.doctor.findings import Check, Finding, fail, ok, split, unknown, warn
from ha_setup.doctor.seen import Member, Observation, Patroni

#: Patroni's own, where its configuration says nothing.
DEFAULTS = {
    "ttl": 30.0,
    "loop_wait": 10.0,
    "retry_timeout": 10.0,
    "primary_start_timeout": 300.0,
    "maximum_lag_on_failover": 1048576.0,
}
#: How long the promotion itself may take.
PROMOTION_S = 5.0
SYNCHRONOUS = ("sync_standby", "quorum_standby")
EDIT = "`patronictl edit-config -s"


def _value(config: Mapping[str, Any], name: str) -> float:
    old = {"primary_start_timeout": "master_start_timeout"}.get(name, name)
    return number(config, name, number(config, old, DEFAULTS[name]))


def timings(seen: Observation) -> Iterator[Finding]:
    members, bad = split(seen, "patroni", seen.patroni)
    yield from bad
    if not members:
        return
    config = next(iter(members.values())).config
    ttl, loop, retry = (_value(config, n) for n in ("ttl", "loop_wait", "retry_timeout"))
    start, hold = _value(config, "primary_start_timeout"), hold_timeout(seen)
    said = f"ttl {ttl:g}, loop_wait {loop:g}, retry_timeout {retry:g}"
    found: list[Finding] = []
    if loop + 2 * retry > ttl:
        found.append(
            fail(
                f"{said}: loop_wait + 2 × retry_timeout is above ttl, so a slow etcd takes a healthy"
                " primary down",
                f"{EDIT} ttl=20 -s loop_wait=2 -s retry_timeout=3`",
            )
        )
    if ttl + loop + PROMOTION_S > hold:
        found.append(
            fail(
                f"{said}: a lost host is replaced after up to {ttl + loop + PROMOTION_S:g} s, hold_timeout"
                f" is {hold:g} s",
                f"{EDIT} ttl=20 -s loop_wait=2 -s retry_timeout=3`, or a longer hold_timeout",
            )
        )
    if start:
        found.append(
            (fail if start + loop > hold else warn)(
                f"primary_start_timeout is {start:g} s: for so long a crashed primary is waited for"
                " before another one is promoted",
                f"{EDIT} primary_start_timeout=0`",
            )
        )
    if not config.get("failsafe_mode"):
        found.append(
            warn(
                "failsafe_mode is off: an etcd without a leader takes the primary down",
                f"{EDIT} failsafe_mode=true`",
            )
        )
    yield from found or [
        ok(f"{said}, primary_start_timeout 0, failsafe_mode on; hold_timeout {hold:g} s")
    ]


def candidate(seen: Observation) -> Iterator[Finding]:
    patronis, bad = split(seen, "patroni", seen.patroni)
    yield from bad
    leaders: dict[str, list[str]] = {}
    for name, patroni in patronis.items():
        leader = ",".join(m.name for m in patroni.members if m.role in ("leader", "standby_leader"))
        leaders.setdefault(leader, []).append(name)
    if len(leaders) > 1:
        said = ", ".join(
            f"{leader or 'none'} by {', '.join(who)}" for leader, who in leaders.items()
        )
        yield fail(
            f"Patroni's members see different leaders: {said}", "look at etcd and their logs"
        )
    if not patronis:
        return
    yield from _candidate(next(iter(patronis.values())))


def _candidate(patroni: Patroni) -> Iterator[Finding]:
    if patroni.paused:
        yield fail("Patroni is paused: nobody is promoted", "`patronictl resume`")
    leaders = [m for m in patroni.members if m.role in ("leader", "standby_leader")]
    if len(leaders) != 1 or leaders[0].state != "running":
        yield fail("there is no running leader", "`patronictl list`, and Patroni's logs")
        return
    synchronous = bool(patroni.config.get("synchronous_mode"))
    most = _value(patroni.config, "maximum_lag_on_failover")
    fit, others = [], []
    for member in patroni.members:
        if member is not leaders[0]:
            reason = _unfit(member, leaders[0], most)
            if reason:
                others.append(f"{member.name} {reason}")
            elif not synchronous or member.role in SYNCHRONOUS:
                fit.append(member.name)
    if not fit:
        yield fail(
            "nobody could take over: " + ("; ".join(others) or "no synchronous replica streams"),
            "`patronictl list` tells; `patronictl reinit SCOPE MEMBER` clones a replica again",
        )
    elif others:
        yield warn("; ".join(others), "`patronictl list`; `patronictl reinit SCOPE MEMBER`")
    else:
        yield ok(f"{', '.join(fit)} can follow {leaders[0].name}")


def _unfit(member: Member, leader: Member, most: float) -> str | None:
    if member.tags.get("nofailover"):
        return "has the tag nofailover"
    if member.state not in ("streaming", "running", "in archive recovery"):
        return f"is {member.state}"
    if member.timeline != leader.timeline:
        return f"is on timeline {member.timeline}, not {leader.timeline}"
    if member.lag is None:
        return "tells no lag"
    if member.lag > most:
        return f"is {member.lag} bytes behind, more than maximum_lag_on_failover ({most:g})"
    return None


def rpo(seen: Observation) -> Iterator[Finding]:
    patronis, bad = split(seen, "patroni", seen.patroni)
    if not patronis:
        yield from bad
        return
    config = next(iter(patronis.values())).config
    mode = config.get("synchronous_mode") or False
    strict = bool(config.get("synchronous_mode_strict"))
    on = f"{EDIT} synchronous_mode=true`"
    if not mode:
        lag = _value(config, "maximum_lag_on_failover")
        if seen.rpo == 0:
            yield fail("the RPO is 0, but replication isn't synchronous", on)
        elif seen.rpo is None:
            yield warn(
                "replication is asynchronous and no RPO was stated: a crash loses the last"
                " acknowledged writes",
                f"{on}, or state what may be lost: `postgresql.rpo` in the inventory, or --rpo",
            )
        elif lag > seen.rpo:
            yield fail(
                f"the RPO is {seen.rpo} bytes, maximum_lag_on_failover is {lag:g}",
                f"{EDIT} maximum_lag_on_failover={seen.rpo}`",
            )
        else:
            yield ok(f"asynchronous, at most {lag:g} bytes, as stated")
        return
    servers, bad = split(seen, "postgresql", seen.postgresql)
    yield from bad
    primaries = {name: server for name, server in servers.items() if server.primary}
    if not primaries:
        yield unknown("no primary answers")
    for name, server in primaries.items():
        level = server.settings.get("synchronous_commit", "")
        confirming = [r for r, state in server.replicas.items() if state in ("sync", "quorum")]
        if level in ("off", "local"):
            yield fail(
                f"synchronous_commit is {level}: no COMMIT waits for a replica",
                "`patronictl edit-config -p synchronous_commit=on`",
                name,
            )
        elif not server.settings.get("synchronous_standby_names") or not confirming:
            yield fail(
                "no replica confirms COMMITs: the primary's disk holds the only copy of what it"
                " acknowledges now",
                "bring a replica back: `patronictl list`",
                name,
            )
        else:
            rest = "strict" if strict else "it goes on alone when no replica is left"
            yield ok(f"{', '.join(confirming)} confirms each COMMIT; {rest}", name)


CHECKS = (
    Check(
        "patroni-timings",
        "Does a failover end before held requests give up?",
        "Requests are held for hold_timeout; whatever takes longer is an error for every user.",
        timings,
    ),
    Check(
        "candidate",
        "Is there a replica that could take over now?",
        "A cluster without one looks well until its primary is lost.",
        candidate,
    ),
    Check(
        "rpo",
        "Is replication as synchronous as the stated RPO needs?",
        "Without a confirming replica the last acknowledged writes are lost with their host.",
        rpo,
    ),
)
