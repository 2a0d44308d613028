"""What every host must be: versions, clocks, permissions, disks, certificates. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from ha_setup.doctor.checks.values import release
from ha_setup.doctor.findings import Check, Finding, fail, ok, split, unknown, warn
from ha_setup.doctor.seen import Observation, Unseen

GIB = 1 << 30
DAY_S = 86_400
#: Part → the oldest release that the suite works with, and why.
OLDEST: dict[str, tuple[tuple[int, ...], str]] = {
    "Odoo": ((19,), "the suite's patches are for Odoo 19"),
    "PostgreSQL": ((13,), "older ones are no longer maintained"),
    "Patroni": ((3, 0), "failsafe_mode came with 3.0"),
    "etcd": ((3, 4), "the sidecar speaks the v3 gateway of 3.4"),
    "Redis": ((6, 2), "the sessions' scripts are run on 6.2 and later"),
    "Sentinel": ((6, 2), "it is Redis's own"),
    "PgBouncer": ((1, 18), "the oldest one that was drilled"),
}


def versions(seen: Observation) -> Iterator[Finding]:
    for part, told in _versions(seen).items():
        oldest, why = OLDEST[part]
        wanted = ".".join(map(str, oldest))
        known: dict[str, list[str]] = {}
        for where, version in told.items():
            if isinstance(version, Unseen):
                yield unknown(version.reason, f"{part} {where}")
            elif not release(version):
                yield unknown("it doesn't tell its version", f"{part} {where}")
            else:
                known.setdefault(version, []).append(where)
                if release(version) < oldest:
                    yield fail(
                        f"{part} {version}: {why}", f"upgrade {part} to {wanted} or later", where
                    )
        if len(known) > 1:
            said = ", ".join(f"{version} on {', '.join(who)}" for version, who in known.items())
            yield warn(f"{part} differs: {said}", f"bring all {part} to one version")
        elif known:
            yield ok(f"{part} {next(iter(known))}")


def _versions(seen: Observation) -> dict[str, dict[str, str | Unseen]]:
    found: dict[str, dict[str, str | Unseen]] = {
        "Odoo": {
            name: node if isinstance(node, Unseen) else _odoo_version(node.answers)
            for name, node in seen.odoo.items()
        },
        "PostgreSQL": {
            name: s if isinstance(s, Unseen) else f"{s.version // 10000}.{s.version % 10000}"
            for name, s in seen.postgresql.items()
        },
    }
    parts: dict[str, Mapping[str, object]] = {
        "Patroni": seen.patroni,
        "etcd": seen.etcd,
        "Sentinel": seen.sentinels,
        "PgBouncer": seen.poolers,
    }
    for part, things in parts.items():
        found[part] = {
            name: t if isinstance(t, Unseen) else str(getattr(t, "version", ""))
            for name, t in things.items()
        }
    found["Redis"] = {
        name: r if isinstance(r, Unseen) else r.info.get("redis_version", "")
        for name, r in seen.redis.items()
    }
    return {part: told for part, told in found.items() if told}


def _odoo_version(answers: Mapping[str, tuple[int, str]]) -> str | Unseen:
    status, body = answers.get("/web/version", (0, "it was not asked"))
    if status != 200:
        return Unseen(f"/web/version: {status or body}")
    try:
        return str(json.loads(body)["version"])
    except (ValueError, KeyError, TypeError):
        return Unseen("/web/version tells no version")


def clocks(seen: Observation) -> Iterator[Finding]:
    for name, skew in seen.clocks.items():
        if isinstance(skew, Unseen):
            yield unknown(skew.reason, name)
        elif abs(skew) > 2:
            said = f"{abs(skew):.1f} s {'ahead of' if skew > 0 else 'behind'} this machine's"
            fix = "run chrony or systemd-timesyncd on all hosts: `timedatectl set-ntp true`"
            yield (fail if abs(skew) > 30 else warn)(said, fix, name)
    good = [abs(skew) for skew in seen.clocks.values() if not isinstance(skew, Unseen)]
    if good:
        yield ok(f"{len(good)} clocks within {max(good):.1f} s")


def secrets(seen: Observation) -> Iterator[Finding]:
    for name, file in seen.secrets.items():
        where, _, path = name.partition(": ")
        if isinstance(file, Unseen):
            yield unknown(file.reason, name)
        elif file.error:
            yield unknown(f"{path}: {file.error}", where)
        elif file.mode & 0o037 and not file.closed:
            # A group that may read is that of the service, at the administrator's choice.
            yield fail(
                f"{path} has mode {file.mode:04o} and belongs to {file.owner}",
                f"`chmod 0600 {path}`, and change the secret if others were on the host",
                where,
            )
        else:
            yield ok("others may neither read nor change them")


def disks(seen: Observation) -> Iterator[Finding]:
    for name, disk in seen.disks.items():
        where = name.partition(": ")[0]
        if isinstance(disk, Unseen):
            yield unknown(disk.reason, where)
            continue
        part = disk.free / max(disk.total, 1)
        said = (
            f"{disk.path}: {disk.free / GIB:.1f} GB free of {disk.total / GIB:.0f} GB ({part:.0%})"
        )
        fix = "make room or a larger disk; a full disk stops PostgreSQL, Redis and etcd"
        if disk.free < GIB:
            yield fail(said, fix, where)
        elif part < 0.10 and disk.free < 20 * GIB:
            yield warn(said, fix, where)
        else:
            yield ok("there is room")


def certificates(seen: Observation) -> Iterator[Finding]:
    if not seen.certificates:
        yield ok("no address with TLS is known")
    for name, shown in seen.certificates.items():
        fix = "renew it, and reload what serves it"
        if isinstance(shown, Unseen):
            yield unknown(shown.reason, name)
        elif shown.left <= 0:
            yield fail(f"it ended {-shown.left / DAY_S:.0f} days ago", fix, name)
        elif shown.left < 21 * DAY_S:
            yield warn(f"it ends in {shown.left / DAY_S:.0f} days", fix, name)
        else:
            yield ok(f"good for {shown.left / DAY_S:.0f} days", name)


def etcd(seen: Observation) -> Iterator[Finding]:
    members, bad = split(seen, "etcd", seen.etcd)
    yield from bad
    for name, member in members.items():
        if not member.healthy:
            yield fail("it has no leader", "see its log; a majority must be up", name)
    if members and not bad:
        if len(members) < 3:
            yield warn(
                f"{len(members)} member: its loss ends all elections",
                "run three members on three hosts",
            )
        elif len(members) % 2 == 0:
            yield warn(f"{len(members)} members, an even number", "run an odd number of members")
        else:
            yield ok(f"{len(members)} members, all with a leader")


CHECKS = (
    Check(
        "versions",
        "Are all parts of versions that the suite works with, the same on all nodes?",
        "A patch of Odoo fits one version, and two versions of a part behave as two.",
        versions,
    ),
    Check(
        "clocks",
        "Do all clocks agree?",
        "Sessions end, signatures of S3 requests count and certificates are checked by the host's clock.",
        clocks,
    ),
    Check(
        "secrets",
        "Can nobody else read the secrets?",
        "Who reads one has the database, the sessions or the attachments.",
        secrets,
    ),
    Check(
        "disks",
        "Is there room on the disks?",
        "A full disk stops PostgreSQL and etcd, on all nodes at about the same time.",
        disks,
    ),
    Check(
        "certificates",
        "Do the certificates last?",
        "An expired certificate is an outage that no second node cures.",
        certificates,
    ),
    Check(
        "etcd",
        "Does etcd have a quorum that survives a loss?",
        "Without a majority of its members nobody can be elected.",
        etcd,
    ),
)
