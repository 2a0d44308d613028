"""Questions to the running servers, each answered by None (healthy) or what is not right yet.

Every question has a timeout. A question never changes anything.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import psycopg2
import requests
from psycopg2.extensions import connection as Connection  # noqa: N812
from psycopg2.extensions import cursor as Cursor  # noqa: N812

from ha_setup.cluster import layout as at
from ha_setup.cluster.layout import Host, Layout
from ha_setup.cluster.secrets import Secrets
from ha_setup.errors import ClusterError

HTTP_TIMEOUT_S = 3.0
FRESH_S = 3.0


def wait_until(
    question: Callable[[], str | None],
    *,
    timeout: float,
    what: str,
    tell: Callable[[str], None] | None = None,
    interval: float = 0.2,
) -> None:
    """Ask until the answer is None; ClusterError with the last answer after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while True:
        answer = question()
        if answer is None:
            return
        if time.monotonic() >= deadline:
            raise ClusterError(f"{what} did not become healthy within {timeout:.0f} s: {answer}")
        if tell is not None:
            tell(answer)
        time.sleep(interval)


def get(url: str, *, host: str | None = None, timeout: float = HTTP_TIMEOUT_S) -> requests.Response:
    """A GET straight to a cluster address, whatever proxies the environment names."""
    with requests.Session() as session:
        session.trust_env = False
        return session.get(
            url, headers={"Host": host} if host else {}, timeout=timeout, allow_redirects=False
        )


def etcd_member(host: Host) -> str | None:
    try:
        answer = get(f"http://{host.address}:{at.ETCD_CLIENT_PORT}/health")
        return (
            None
            if answer.ok and answer.json().get("health") == "true"
            else f"{host.name} has no leader"
        )
    except (requests.RequestException, ValueError):
        return f"{host.name} does not answer"


def connect(
    host: Host,
    user: str,
    password: str,
    dbname: str = "postgres",
    *,
    statement_timeout_ms: int = 10_000,
) -> Connection:
    """A connection in autocommit mode that cannot hang: connect 2 s, TCP 5 s, statements as given."""
    made = psycopg2.connect(
        host=host.address,
        port=at.PG_PORT,
        user=user,
        password=password,
        dbname=dbname,
        connect_timeout=2,
        tcp_user_timeout=5000,
        keepalives_idle=2,
        keepalives_interval=2,
        keepalives_count=2,
        options=f"-c statement_timeout={statement_timeout_ms}",
        application_name="ha_setup",
    )
    made.autocommit = True
    return made


@contextmanager
def session(
    host: Host, secrets: Secrets, dbname: str = "postgres", *, statement_timeout_ms: int = 10_000
) -> Iterator[Cursor]:
    """A superuser's cursor in autocommit mode; the connection is closed at the end."""
    link = connect(
        host, "postgres", secrets.postgres, dbname, statement_timeout_ms=statement_timeout_ms
    )
    try:
        with link.cursor() as cursor:
            yield cursor
    finally:
        link.close()


def is_primary(host: Host, secrets: Secrets) -> bool:
    """Whether SQL proves that this server takes writes."""
    try:
        with session(host, secrets, statement_timeout_ms=2000) as cursor:
            cursor.execute("SELECT NOT pg_is_in_recovery()")
            row = cursor.fetchone()
        return bool(row and row[0])
    except psycopg2.Error:
        return False


def patroni_members(layout: Layout) -> list[dict[str, Any]]:
    """Members as the first Patroni that answers sees them; empty when none does."""
    for host in layout.pg:
        try:
            members = (
                get(f"http://{host.address}:{at.PATRONI_PORT}/cluster").json().get("members", [])
            )
            return [m for m in members if isinstance(m, dict)]
        except (requests.RequestException, ValueError):
            continue
    return []


def postgres_cluster(
    members: Sequence[dict[str, Any]], expected: int, *, synchronous: bool
) -> str | None:
    """Judge Patroni's members. Pure: one leader that runs, all others streaming on its timeline."""
    if len(members) < expected:
        return f"Patroni shows {len(members)} of {expected} members"
    leaders = [m for m in members if m.get("role") in ("leader", "standby_leader")]
    if len(leaders) != 1 or leaders[0].get("state") != "running":
        return "there is no running leader"
    timeline = leaders[0].get("timeline")
    for member in members:
        if member is leaders[0]:
            continue
        name, state = member.get("name"), member.get("state")
        if state != "streaming":
            return f"{name} is {state}"
        if member.get("timeline") != timeline:
            return f"{name} is on timeline {member.get('timeline')}, not {timeline}"
    if synchronous and not any(m.get("role") == "sync_standby" for m in members):
        return "there is no synchronous replica yet"
    return None


def redis_command(host: Host, port: int, password: str, *words: str) -> str:
    """One command to a Redis or a Sentinel and its raw answer; OSError when it fails.

    Without a password none is sent."""
    request = b""
    for command in ((("AUTH", password),) if password else ()) + (words,):
        request += b"*%d\r\n" % len(command)
        for word in command:
            raw = word.encode()
            request += b"$%d\r\n%s\r\n" % (len(raw), raw)
    with socket.create_connection((host.address, port), timeout=2.0) as link:
        link.sendall(request)
        stream = link.makefile("rb")
        if password and not stream.readline().startswith(b"+"):
            raise OSError("the password was refused")
        return _read_reply(stream)


def _read_reply(stream: Any) -> str:
    line = stream.readline().decode().rstrip("\r\n")
    kind, rest = line[:1], line[1:]
    if kind == "$" and rest != "-1":
        text: bytes = stream.read(int(rest) + 2)
        return text[:-2].decode()
    if kind == "*":
        return "\n".join(_read_reply(stream) for _ in range(max(int(rest), 0)))
    if kind == "-":
        raise OSError(rest)
    return str(rest)


def redis_info(text: str) -> dict[str, str]:
    """Parse INFO. Pure."""
    return dict(line.strip().split(":", 1) for line in text.splitlines() if ":" in line)


def redis_cluster(layout: Layout, secrets: Secrets) -> str | None:
    """One primary with all others connected to it, and every Sentinel naming it."""
    primaries = []
    for host in layout.redis:
        try:
            info = redis_info(
                redis_command(host, at.REDIS_PORT, secrets.redis, "INFO", "replication")
            )
        except (OSError, ValueError):
            return f"{host.name} does not answer"
        if info.get("role") == "master":
            primaries.append((host, info))
        elif info.get("master_link_status") != "up":
            return f"{host.name} has no link to its primary"
    if len(primaries) != 1:
        return f"{len(primaries)} servers say that they are the primary"
    host, info = primaries[0]
    if info.get("connected_slaves") != str(len(layout.redis) - 1):
        return f"{host.name} has {info.get('connected_slaves')} replicas"
    for sentinel in layout.redis:
        try:
            named = redis_command(
                sentinel,
                at.SENTINEL_PORT,
                secrets.redis,
                "SENTINEL",
                "get-master-addr-by-name",
                at.REDIS_SERVICE,
            )
        except (OSError, ValueError):
            return f"the Sentinel of {sentinel.name} does not answer"
        if named.split("\n")[0] != host.address:
            return f"the Sentinel of {sentinel.name} does not know the primary yet"
    return None


def topology(layout: Layout, odoo: Host, primary: str | None = None) -> str | None:
    """Whether the sidecar's document is fresh and says stable (and names `primary` if given)."""
    try:
        document = json.loads(layout.topology_path(odoo.name).read_text())
        age = (datetime.now(UTC) - datetime.fromisoformat(document["observed_at"])).total_seconds()
        name = (document.get("primary") or {}).get("name")
        state = document["state"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return f"the sidecar of {odoo.name} has not published"
    if age > FRESH_S:
        return f"the sidecar of {odoo.name} published {age:.0f} s ago"
    if state != "stable" or (primary is not None and name != primary):
        return f"the sidecar of {odoo.name} says {state}, primary {name}"
    return None


def odoo_node(host: Host) -> str | None:
    """Whether the workers and the gevent process of an Odoo node answer from the database."""
    for port, path in ((at.ODOO_PORT, "/web/login"), (at.GEVENT_PORT, "/web/health")):
        try:
            answer = get(f"http://{host.address}:{port}{path}", host="odoo.example", timeout=30.0)
        except requests.RequestException:
            return f"{host.name} does not answer on port {port}"
        if answer.status_code != 200:
            return f"{host.name} answers {answer.status_code} to {path}"
    return None


def balancer(layout: Layout, variant: at.Variant) -> str | None:
    """Whether HAProxy has every Odoo node of the variant in its pool."""
    up = servers_up(layout, f"{variant}_odoo")
    if up is None:
        return "HAProxy does not answer"
    down = [host.name for host in layout.odoo if host.name not in up]
    return f"HAProxy has {', '.join(down)} down" if down else None


def balancer_database(layout: Layout, primary: str) -> str | None:
    """Whether HAProxy routes PostgreSQL to the primary and to nothing else."""
    up = servers_up(layout, "postgresql_primary")
    if up is None:
        return "HAProxy does not answer"
    return (
        None
        if up == {primary}
        else f"HAProxy routes PostgreSQL to {', '.join(sorted(up)) or 'nothing'}"
    )


def servers_up(layout: Layout, backend: str) -> set[str] | None:
    """Servers of a backend that HAProxy holds for up; None when it does not answer."""
    try:
        text = get(f"{layout.stats_url};csv").text
    except requests.RequestException:
        return None
    return parse_servers_up(text, backend)


def parse_servers_up(text: str, backend: str) -> set[str]:
    """Parse HAProxy's statistics in CSV. Pure."""
    rows = (line.split(",") for line in text.splitlines())
    return {
        row[1]
        for row in rows
        if len(row) > 17 and row[0] == backend and row[1] != "BACKEND" and row[17].startswith("UP")
    }
