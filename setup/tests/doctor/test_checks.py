"""Every check is green where all is well, and says what is wrong, with a fix, where its fault is planted."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ha_setup.doctor.checks import CHECKS
from ha_setup.doctor.findings import judged
from ha_setup.doctor.seen import (
    Certificate,
    Disk,
    Etcd,
    FileSeen,
    Member,
    Observation,
    OdooDatabase,
    Unseen,
)

from .build import (
    DAY,
    HAPROXY,
    MEMBERS,
    RIGHTS,
    SENTINEL,
    found,
    node,
    patroni,
    pooler,
    postgresql,
    redis,
    sentinel,
    well,
)

APPS = ("ha_failover", "ha_cron_leader", "ha_session_redis", "ha_attachment_s3")


def one(**changes: object) -> Observation:
    return well(odoo={"odoo1": node(), "odoo2": node(**changes)})


def all_patronis(seen: object) -> Observation:
    return well(patroni=dict.fromkeys(("pg1", "pg2", "pg3"), seen))


def bucket(**changes: object) -> Observation:
    seen = well()
    return replace(seen, bucket=replace(seen.bucket, **changes))  # type: ignore[type-var]


# check, its level, words of what is seen, the observation with the fault
FAULTS: list[tuple[str, str, str, Observation]] = [
    ("versions", "fail", "Odoo 18.0", one(answers={"/web/version": (200, '{"version": "18.0"}')})),
    ("versions", "warn", "Odoo differs", one(answers={"/web/version": (200, '{"version": "19.1"}')})),
    ("versions", "unknown", "/web/version: 404", one(answers={"/web/version": (404, "")})),
    ("clocks", "warn", "5.0 s ahead", well(clocks={"pg1": 5.0})),
    ("clocks", "fail", "900.0 s behind", well(clocks={"S3": -900.0})),
    ("secrets", "fail", "mode 0644", well(secrets={"odoo1: /x": FileSeen(0o644, "odoo")})),
    ("secrets", "fail", "mode 0620", well(secrets={"odoo1: /x": FileSeen(0o620, "odoo")})),
    ("secrets", "unknown", "/x: gone", well(secrets={"odoo1: /x": FileSeen(error="gone")})),
    ("disks", "fail", "0.5 GB free", well(disks={"pg1: /d": Disk("/d", 100 << 30, 1 << 29)})),
    ("disks", "warn", "5.0 GB free", well(disks={"pg1: /d": Disk("/d", 100 << 30, 5 << 30)})),
    ("certificates", "warn", "ends in 5 days", well(certificates={"lb1": Certificate(5 * DAY)})),
    ("certificates", "fail", "ended 2 days ago", well(certificates={"lb1": Certificate(-2 * DAY)})),
    ("etcd", "fail", "no leader", well(etcd={"etcd1": Etcd("3.4.23", healthy=False)})),
    ("etcd", "warn", "1 member", well(etcd={"etcd1": Etcd("3.4.23", healthy=True)})),
    ("server-wide-modules", "fail", "lacks ha_base", one(options={"server_wide_modules": "base,rpc,web"})),
    ("server-wide-modules", "warn", "after Odoo was started", one(stale=30.0)),
    ("health", "fail", "503", one(answers={"/web/health": (503, "")})),
    ("health", "fail", "warn", one(answers={"/web/health": (200, '{"status": "warn"}')})),
    ("sidecars", "fail", "no topology document", one(topology=Unseen("No such file"))),
    ("sidecars", "fail", "30 s old", one(topology_age=30.0)),
    ("sidecars", "fail", "it says lost", one(topology={"state": "lost"})),
    (
        "sidecars", "fail", "different primaries",
        one(topology={"state": "stable", "primary": {"name": "pg2"}}),
    ),
    ("limits", "fail", "limit_time_real is 30 s", one(options={"limit_time_real": "30"})),
    ("limits", "fail", "limit_time_real_cron is 60 s", one(options={"limit_time_real_cron": "60"})),
    ("limits", "warn", "workers = 0", one(options={"workers": "0"})),
    ("limits", "fail", "the balancer gives up after 60 s", well(request_timeout=60.0)),
    ("connections", "fail", "may use 352", one(options={"workers": "70"})),
    ("shared-configuration", "fail", "[options] limit_time_real differs", one(options={"limit_time_real": "200"})),
    ("shared-configuration", "fail", "one secret on odoo1, one secret on odoo2", one(options={"db_password": "digest:2"})),
    ("shared-configuration", "fail", "not set on odoo2", one(ha={"s3_bucket": None})),
    ("proxy", "fail", "proxy_mode is off", one(options={"proxy_mode": None})),
    ("proxy", "fail", "doesn't set X-Request-ID", well(balancers={"lb1": HAPROXY.replace("X-Request-ID", "X-Other")})),
    ("proxy", "fail", "done twice", well(odoo={"odoo1": node(ha={"request_id_header": None})})),
    ("apps", "fail", "ha_failover not installed", well(database=OdooDatabase(APPS[1:], (), {}))),
    ("keepalives", "warn", "database_connect_timeout is 45 s", one(ha={"database_connect_timeout": "45s"})),
    ("keepalives", "warn", "one host only", one(options={"db_host": "10.0.0.11"})),
    ("keepalives", "fail", "PGTARGETSESSIONATTRS", one(environment={"PGCONNECT_TIMEOUT": "2"})),
    ("keepalives", "warn", "PGCONNECT_TIMEOUT", one(environment={"PGTARGETSESSIONATTRS": "read-write"})),
    ("keepalives", "unknown", "no running Odoo", one(environment=None)),
    ("keepalives", "fail", "after 7206 s", well(postgresql={"pg1": postgresql(primary=True, tcp_keepalives_idle="7200")})),
    ("keepalives", "fail", "wal_sender_timeout is 120 s", well(postgresql={"pg1": postgresql(wal_sender_timeout="120000")})),
    (
        "keepalives", "warn", "idle_in_transaction_session_timeout",
        well(postgresql={"pg1": postgresql(idle_in_transaction_session_timeout="60000")}),
    ),
    ("durability", "fail", "fsync off", well(postgresql={"pg1": postgresql(fsync="off")})),
    ("durability", "fail", "pg_rewind", well(postgresql={"pg1": postgresql(wal_log_hints="off")})),
    ("pgbouncer", "fail", "pool_mode is statement", well(poolers={"odoo1": pooler("statement")})),
    (
        "pgbouncer", "fail", "postgres isn't pooled by session",
        well(poolers={"odoo1": replace(pooler("transaction"), pool_modes={"postgres": "transaction"})}),
    ),
    ("pgbouncer", "fail", "server_reset_query_always", well(poolers={"o": pooler("transaction", server_reset_query_always="0")})),
    ("pgbouncer", "fail", "server_login_retry is 15", well(poolers={"odoo1": pooler(server_login_retry="15")})),
    ("pgbouncer", "fail", "so_reuseport", well(poolers={"odoo1": pooler(so_reuseport="1")})),
    ("patroni-timings", "fail", "is above ttl", all_patronis(patroni(retry_timeout=10))),
    ("patroni-timings", "fail", "hold_timeout is 60 s", all_patronis(patroni(ttl=60))),
    ("patroni-timings", "warn", "primary_start_timeout is 30 s", all_patronis(patroni(primary_start_timeout=30))),
    ("patroni-timings", "fail", "primary_start_timeout is 300 s", all_patronis(patroni(primary_start_timeout=None))),
    ("patroni-timings", "warn", "failsafe_mode is off", all_patronis(patroni(failsafe_mode=False))),
    ("candidate", "fail", "paused", all_patronis(patroni(paused=True))),
    ("candidate", "fail", "no running leader", all_patronis(patroni(MEMBERS[1:]))),
    ("candidate", "fail", "different leaders", well(patroni={"pg1": patroni(), "pg2": patroni(MEMBERS[1:])})),
    ("candidate", "fail", "no synchronous replica", all_patronis(patroni((MEMBERS[0], MEMBERS[2])))),
    (
        "candidate", "fail", "has the tag nofailover",
        all_patronis(patroni((MEMBERS[0], Member("pg2", "sync_standby", "streaming", 4, 0, {"nofailover": True})))),
    ),
    ("candidate", "warn", "pg3 is start failed", all_patronis(patroni((*MEMBERS[:2], Member("pg3", "replica", "start failed", None, None))))),
    ("candidate", "warn", "timeline 3", all_patronis(patroni((*MEMBERS[:2], Member("pg3", "replica", "streaming", 3, 0))))),
    ("candidate", "warn", "5000000 bytes behind", all_patronis(patroni((*MEMBERS[:2], Member("pg3", "replica", "streaming", 4, 5_000_000))))),
    ("rpo", "fail", "isn't synchronous", all_patronis(patroni(synchronous_mode=False))),
    ("rpo", "warn", "no RPO was stated", replace(all_patronis(patroni(synchronous_mode=False)), rpo=None)),
    ("rpo", "fail", "maximum_lag_on_failover is 1.04858e+06", replace(all_patronis(patroni(synchronous_mode=False)), rpo=1000)),
    ("rpo", "fail", "synchronous_commit is local", well(postgresql={"pg1": postgresql(primary=True, synchronous_commit="local")})),
    ("rpo", "fail", "no replica confirms", well(postgresql={"pg1": postgresql(primary=True, synchronous_standby_names="")})),
    ("rpo", "unknown", "no primary answers", well(postgresql={"pg2": postgresql()})),
    ("redis-persistence", "fail", "allkeys-lru", well(redis={"r": redis("master", **{"maxmemory-policy": "allkeys-lru"})})),
    ("redis-persistence", "fail", "appendonly is off", well(redis={"r": redis("master", appendonly="no")})),
    ("redis-persistence", "warn", "appendfsync is no", well(redis={"r": redis("master", appendfsync="no")})),
    ("redis-persistence", "fail", "0 servers say", well(redis={"r": redis()})),
    ("sentinel-quorum", "fail", "NOQUORUM", well(sentinels={"s": sentinel(quorum="NOQUORUM 1 usable")})),
    ("sentinel-quorum", "fail", "knows 1 other", well(sentinels={"s": sentinel(**{"num-other-sentinels": "1"})})),
    ("sentinel-quorum", "fail", "quorum is 1", well(sentinels={"s": replace(sentinel(), master={**SENTINEL, "quorum": "1"})})),
    ("sentinel-quorum", "fail", "after 30 s", well(sentinels={"s": sentinel(**{"down-after-milliseconds": "30000"})})),
    ("sentinel-quorum", "fail", "different primaries", well(sentinels={"s": sentinel(), "t": sentinel("10.0.0.32")})),
    ("s3-rights", "fail", "AccessDenied", bucket(rights={**RIGHTS, "delete": "AccessDenied"})),
    ("s3-rights", "fail", "it wrote over", bucket(rights={**RIGHTS, "conditional put": "it wrote over"})),
    ("s3-rights", "fail", "timed out", well(bucket=Unseen("timed out"))),
    ("s3-versioning", "warn", "versioning is off", bucket(versioning="Off")),
    ("s3-versioning", "unknown", "AccessDenied", bucket(versioning=Unseen("AccessDenied"))),
    ("cron-pools", "fail", "no node serves pool reports", well(database=OdooDatabase(APPS, ("reports",), {}))),
    ("cron-pools", "fail", "no node that holds its lease", well(database=OdooDatabase(APPS, ("main",), {}))),
    ("cron-pools", "warn", "only odoo1 serves pool main", one(ha={"cron_pools": "reports"})),
    ("cron-pools", "warn", "isn't installed", well(database=OdooDatabase((), (), {}))),
]  # fmt: skip


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_all_is_well(check: object) -> None:
    (finding,) = judged(check, well())  # type: ignore[arg-type]
    assert finding.level == "ok", finding


@pytest.mark.parametrize(
    ("name", "level", "words", "seen"), FAULTS, ids=[f"{f[0]}: {f[2]}" for f in FAULTS]
)
def test_a_planted_fault_is_named(name: str, level: str, words: str, seen: Observation) -> None:
    findings = [finding for finding in found(name, seen) if words in finding.seen]
    assert [finding.level for finding in findings] == [level] * len(findings), findings
    assert findings, found(name, seen)
    assert all(finding.fix for finding in findings)


def test_every_check_has_a_planted_fault_and_says_why() -> None:
    names = [check.name for check in CHECKS]
    assert len(set(names)) == len(names)
    assert {fault[0] for fault in FAULTS} == set(names)
    assert all(check.question.endswith("?") and check.why.endswith(".") for check in CHECKS)


#: The parts without which a check has nothing to judge.
BLIND = Observation(
    rpo=0,
    postgresql={"pg1": Unseen("timed out")},
    patroni={"pg1": Unseen("timed out")},
    etcd={"etcd1": Unseen("timed out")},
    redis={"redis1": Unseen("timed out")},
    sentinels={"redis1": Unseen("timed out")},
    bucket=Unseen("timed out"),
    poolers={"odoo1": Unseen("timed out")},
    odoo={"odoo1": Unseen("timed out"), "odoo2": Unseen("timed out")},
    balancers={"lb1": Unseen("timed out")},
    database=Unseen("timed out"),
    secrets={"odoo1": Unseen("timed out")},
    disks={"pg1": Unseen("timed out")},
    certificates={"lb1": Unseen("timed out")},
    clocks={"odoo1": Unseen("timed out")},
)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_what_could_not_be_seen_is_never_green(check: object) -> None:
    assert all(f.level in ("unknown", "fail") for f in judged(check, BLIND))  # type: ignore[arg-type]
    assert any("timed out" in f.seen for f in judged(check, BLIND))  # type: ignore[arg-type]
