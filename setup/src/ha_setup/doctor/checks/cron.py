"""Scheduled actions. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from ha_setup.doctor.checks.values import number
from ha_setup.doctor.findings import Check, Finding, fail, ok, split, unknown, warn
from ha_setup.doctor.seen import Observation, Unseen


def pools(seen: Observation) -> Iterator[Finding]:
    if isinstance(seen.database, Unseen):
        yield unknown(seen.database.reason)
        return
    if "ha_cron_leader" not in seen.database.apps:
        yield warn(
            "ha_cron_leader isn't installed: scheduled actions run on every node",
            "`odoo -d DATABASE -i ha_cron_leader --stop-after-init`",
        )
        return
    nodes, bad = split(seen, "odoo", seen.odoo)
    served: dict[str, list[str]] = {}
    for name, node in nodes.items():
        if number(node.options, "max_cron_threads", 2):
            for pool in node.ha.get("cron_pools", "main").split(","):
                served.setdefault(pool.strip(), []).append(name)
    for pool in sorted(seen.database.pools):
        if pool not in served and pool not in seen.database.leases:
            if bad or seen.one_node:
                yield unknown(
                    f"pool {pool}: not served here, and not every node could be looked at"
                )
            else:
                yield fail(
                    f"no node serves pool {pool}: its actions never run",
                    f"cron_pools = main, {pool} on two nodes, and max_cron_threads above 0",
                )
        elif pool not in seen.database.leases:
            yield fail(
                f"pool {pool} has no node that holds its lease: its actions don't run now",
                "`odoo-ha cron status`, and the nodes' logs",
            )
        elif len(served.get(pool, ())) == 1 and not bad and not seen.one_node:
            yield warn(
                f"only {served[pool][0]} serves pool {pool}: nobody follows when it is lost",
                f"cron_pools with {pool} on a second node",
            )
        else:
            yield ok(f"pool {pool} runs on {seen.database.leases[pool]}")
    if not seen.database.pools:
        yield ok("there are no scheduled actions")


CHECKS = (
    Check(
        "cron-pools",
        "Is every pool of scheduled actions served, by two nodes or more?",
        "A pool that no node serves stands still, and nobody is told.",
        pools,
    ),
)
