"""`odoo-ha doctor` on the real cluster: green as it is, and it names each fault that is planted."""

from __future__ import annotations

import os
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from socket import create_server

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from ha_setup.cluster import Cluster, object_store
from ha_setup.cluster import layout as at
from ha_setup.cluster.health import redis_command
from ha_setup.doctor.look import look_at
from ha_setup.doctor.places import demo, node
from ha_setup.doctor.report import Answer, answers
from ha_setup.doctor.target import Login, Target, TlsPlace

PATIENCE_S = 90


def looked(target: Target) -> dict[str, Answer]:
    return {answer.check.name: answer for answer in answers(look_at(target))}


def wrong(found: dict[str, Answer]) -> dict[str, list[str]]:
    return {
        name: [f"{f.level} {f.where}: {f.seen}" for f in answer.findings]
        for name, answer in found.items()
        # How full this machine's disk is says nothing of the cluster.
        if answer.level != "ok" and name != "disks"
    }


def eventually_green(target: Target) -> None:
    """Patroni, the sidecars and HAProxy need a moment after a drill, or after a fault is undone."""
    end = time.monotonic() + PATIENCE_S
    while problems := wrong(looked(target)):
        assert time.monotonic() < end, problems
        time.sleep(1)


@contextmanager
def edited(file: Path, *pairs: tuple[str, str]) -> Iterator[None]:
    """The file with other words in it; afterwards it is as it was, its date too."""
    text, dates = file.read_text(), file.stat()
    changed = text
    for old, new in pairs:
        assert old in changed, f"{file} has no {old!r}"
        changed = changed.replace(old, new, 1)
    file.write_text(changed)
    try:
        yield
    finally:
        file.write_text(text)
        os.utime(file, ns=(dates.st_atime_ns, dates.st_mtime_ns))


@contextmanager
def of_mode(file: Path, mode: int) -> Iterator[None]:
    before = file.stat().st_mode & 0o7777
    file.chmod(mode)
    try:
        yield
    finally:
        file.chmod(before)


@contextmanager
def redis_says(cluster: Cluster, *words: str, back: tuple[str, ...], port: int) -> Iterator[None]:
    host = cluster.layout.redis[1]
    redis_command(host, port, cluster.secrets.redis, *words)
    try:
        yield
    finally:
        redis_command(host, port, cluster.secrets.redis, *back)


@contextmanager
def postgres_has(cluster: Cluster, **settings: str) -> Iterator[None]:
    """ALTER SYSTEM on the primary."""

    def alter(text: str) -> None:
        link = cluster.connect(cluster.primary())
        try:
            with link.cursor() as cursor:
                for name, value in settings.items():
                    cursor.execute(text.format(name=name, value=value))
                cursor.execute("SELECT pg_reload_conf()")
        finally:
            link.close()

    alter("ALTER SYSTEM SET {name} = {value}")
    try:
        yield
    finally:
        alter("ALTER SYSTEM RESET {name}")


@contextmanager
def patroni_has(cluster: Cluster, **config: object) -> Iterator[None]:
    url = f"{cluster.patroni_url(cluster.primary())}/config"
    before = requests.get(url, timeout=5).json()
    requests.patch(url, json=config, timeout=5).raise_for_status()
    try:
        yield
    finally:
        back = {name: before.get(name) for name in config}
        requests.patch(url, json=back, timeout=5).raise_for_status()


@contextmanager
def in_the_database(cluster: Cluster, fault: str, back: str) -> Iterator[None]:
    def execute(statement: str) -> None:
        link = cluster.connect(cluster.primary(), cluster.layout.database())
        try:
            with link.cursor() as cursor:
                cursor.execute(statement)
        finally:
            link.close()

    execute(fault)
    try:
        yield
    finally:
        execute(back)


@contextmanager
def versioning_suspended(cluster: Cluster) -> Iterator[None]:
    store = object_store.client(cluster.layout, cluster.secrets)

    def set_to(status: str) -> None:
        store.put_bucket_versioning(Bucket=at.S3_BUCKET, VersioningConfiguration={"Status": status})

    set_to("Suspended")
    try:
        yield
    finally:
        set_to("Enabled")


@contextmanager
def stopped(cluster: Cluster, node: str) -> Iterator[None]:
    cluster.stop(node)
    try:
        yield
    finally:
        cluster.start(node)


@pytest.fixture
def target(cluster: Cluster) -> Target:
    # A drill before this one may have left something broken, or replication asynchronous.
    cluster.heal()
    cluster.set_synchronous(True)
    made = demo.target(demo.running(cluster))
    eventually_green(made)
    return made


def test_it_names_every_planted_fault(cluster: Cluster, target: Target) -> None:
    layout = cluster.layout
    second = layout.odoo[1].name
    config = layout.conf_dir(second) / "odoo-suite.conf"
    jobs = "(SELECT id FROM ir_cron WHERE active ORDER BY id LIMIT 1)"
    faults: list[Callable[[], object]] = [
        lambda: edited(
            config,
            ("limit_time_real = 180", "limit_time_real = 30"),
            ("proxy_mode = True", "proxy_mode = False"),
            (",ha_base", ""),
            ("workers = 2", "workers = 60"),
            ("[ha]\n", "[ha]\ndatabase_connect_timeout = 45\n"),
        ),
        lambda: edited(
            layout.conf_dir("haproxy") / "haproxy.cfg",
            ("    http-request set-header X-Request-ID %[uuid()]\n", ""),
            ("    http-request set-header X-Request-ID %[uuid()]\n", ""),
        ),
        lambda: of_mode(layout.conf_dir(second) / "redis-password", 0o644),
        lambda: redis_says(
            cluster, "CONFIG", "SET", "maxmemory-policy", "allkeys-lru",
            back=("CONFIG", "SET", "maxmemory-policy", "noeviction"), port=at.REDIS_PORT,
        ),
        lambda: redis_says(
            cluster, "SENTINEL", "SET", at.REDIS_SERVICE, "quorum", "1",
            back=("SENTINEL", "SET", at.REDIS_SERVICE, "quorum", "2"), port=at.SENTINEL_PORT,
        ),
        lambda: postgres_has(
            cluster, tcp_keepalives_idle="7200", wal_sender_timeout="0", full_page_writes="off"
        ),
        lambda: patroni_has(
            cluster, pause=True, primary_start_timeout=300, failsafe_mode=None, retry_timeout=10,
            synchronous_mode=False,
        ),
        lambda: in_the_database(
            cluster, f"UPDATE ir_cron SET job_pool = 'reports' WHERE id = {jobs}",
            f"UPDATE ir_cron SET job_pool = 'main' WHERE id = {jobs}",
        ),
        lambda: in_the_database(
            cluster, "UPDATE ir_module_module SET state = 'uninstalled' WHERE name = 'ha_session_redis'",
            "UPDATE ir_module_module SET state = 'installed' WHERE name = 'ha_session_redis'",
        ),
        lambda: versioning_suspended(cluster),
        lambda: stopped(cluster, "sidecar2"),
        lambda: stopped(cluster, layout.etcd[-1].name),
    ]  # fmt: skip
    wanted = {
        "server-wide-modules": "lacks ha_base",
        "limits": "limit_time_real is 30 s",
        "proxy": "it doesn't set X-Request-ID",
        "connections": "Odoo nodes may use",
        "shared-configuration": "[options] limit_time_real differs: '180' on odoo1, '30' on odoo2",
        "secrets": "redis-password has mode 0644",
        "redis-persistence": "maxmemory-policy is allkeys-lru",
        "sentinel-quorum": "the quorum is 1",
        "keepalives": "a client that vanished is found after 7209 s",
        "durability": "full_page_writes off",
        "patroni-timings": "loop_wait + 2 × retry_timeout is above ttl",
        "candidate": "Patroni is paused",
        "rpo": "the RPO is 0, but replication isn't synchronous",
        "cron-pools": "no node serves pool reports",
        "apps": "ha_session_redis not installed",
        "s3-versioning": "versioning is suspended",
        "sidecars": "its document is",
        "etcd": layout.etcd[-1].name,
    }
    with ExitStack() as planted:
        for fault in faults:
            planted.enter_context(fault())  # type: ignore[arg-type]
        end = time.monotonic() + PATIENCE_S
        while True:
            problems = {name: "\n".join(said) for name, said in wrong(looked(target)).items()}
            missed = {
                n: problems.get(n) for n, said in wanted.items() if said not in problems.get(n, "")
            }
            if not missed or time.monotonic() > end:
                break
            time.sleep(1)
        assert not missed
    eventually_green(target)


def test_a_drained_node_and_a_wrong_key_are_named(cluster: Cluster, target: Target) -> None:
    assert target.s3 and target.s3.login
    drain = cluster.layout.topology_path(cluster.layout.odoo[0].name).with_name("drain")
    drain.touch()
    key = replace(target.s3, login=Login(target.s3.login.user, "not-the-key"))
    try:
        end = time.monotonic() + PATIENCE_S
        while "health" not in (problems := wrong(looked(replace(target, s3=key)))):
            assert time.monotonic() < end, problems
            time.sleep(0.5)
    finally:
        drain.unlink()
    assert "fail odoo1" in problems["health"][0]
    assert "403" in problems["s3-rights"][0]
    eventually_green(target)


def test_a_certificate_that_ends_soon_is_named(target: Target, tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "odoo.example.com")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=60))
        .not_valid_after(now + timedelta(days=5))
        .sign(key, hashes.SHA256())
    )
    pem = tmp_path / "odoo.pem"
    pem.write_bytes(
        made.public_bytes(Encoding.PEM)
        + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    with create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            link = listener.accept()[0]
            with link, context.wrap_socket(link, server_side=True) as tls:
                tls.recv(1)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        place = TlsPlace("balancer", "127.0.0.1", listener.getsockname()[1], "odoo.example.com")
        assert wrong(looked(replace(target, certificates=(place,)))) == {
            "certificates": ["warn balancer: it ends in 5 days"]
        }
        thread.join(10)


def test_one_node_sees_the_cluster_from_its_own_files(cluster: Cluster, target: Target) -> None:
    config = cluster.layout.conf_dir("odoo1") / "odoo-suite.conf"
    own = node.target(config, cluster.layout.conf_dir("sidecar1") / "sidecar.toml", rpo=0)
    eventually_green(own)
    with edited(config, (",ha_base", "")):
        problems = wrong(looked(own))
    assert "lacks ha_base" in problems.pop("server-wide-modules")[0]
    assert problems == {}
    # Without the sidecar's file there is no way to Patroni, which is said and not passed over.
    unseen = wrong(looked(node.target(config, None)))
    assert {"patroni-timings", "candidate", "rpo", "etcd"} <= set(unseen)
    assert all("--sidecar" in said[0] for name, said in unseen.items() if name == "candidate")
