"""One node: its odoo.conf (and the environment of its running process), and its sidecar's file."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from configparser import Error, RawConfigParser
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ha_setup.doctor import host_facts
from ha_setup.doctor.target import HostPlace, Login, S3Place, Server, Target, TlsPlace
from ha_setup.errors import SetupError

NO_SIDECAR = "its address isn't known: name the sidecar's file by --sidecar"
DEFAULT_TOPOLOGY = "/run/odoo-ha/topology.json"


def target(
    config: Path, sidecar: Path | None, *, rpo: int | None = None, url: str | None = None
) -> Target:
    """What one node's files tell of the cluster. `url` is where users arrive. SetupError."""
    options, ha = _read(config)
    watched = _sidecar(sidecar) if sidecar else {}
    ports = [int(p) for p in options.get("db_port", "5432").split(",") if p.strip().isdigit()]
    databases = [h.strip() for h in options.get("db_host", "").split(",") if h.strip()]
    absent = {
        part: NO_SIDECAR
        for part, setting in (("patroni", "patroni_urls"), ("etcd", "etcd_endpoints"))
        if not watched.get(setting)
    }
    if not (redis := _redis(ha)) and ha.get("redis_url", ha.get("redis_cluster")):
        absent["redis"] = "only Redis behind Sentinels, without TLS and ACL users, is looked at"
    probe = _probe(watched)
    odoo = Login(options.get("db_user", "odoo"), options.get("db_password", ""))
    pooled = ha.get("database_route") == "pooler"
    servers = tuple(Server(h, h, (ports or [5432])[0]) for h in databases)
    patroni = tuple(
        (urlsplit(u).hostname or u, u.rstrip("/")) for u in watched.get("patroni_urls", ())
    )
    if pooled:
        # What is behind the pooler, Patroni tells.
        poolers, servers = servers, ()
    return Target(
        title=str(config),
        rpo=rpo,
        postgresql=servers,
        monitor=probe or odoo,
        database=options.get("db_name", "").split(",")[0].strip(),
        odoo_login=odoo,
        sslmode=options.get("db_sslmode", "prefer"),
        patroni=patroni,
        etcd=tuple((urlsplit(u).netloc, u.rstrip("/")) for u in watched.get("etcd_endpoints", ())),
        sentinels=redis,
        redis_service=ha.get("redis_sentinel_service", "mymaster"),
        redis_password=ha.get("redis_password", ""),
        sentinel_password=ha.get("redis_sentinel_password", ""),
        s3=_s3(ha),
        poolers=poolers if pooled else (),
        pooler_login=probe,
        hosts=(_host(config, options, ha, watched),),
        certificates=_certificates(ha, url),
        absent=absent,
        one_node=True,
    )


def _read(config: Path) -> tuple[dict[str, str], dict[str, str]]:
    """[options] and [ha], with what the environment of the running Odoo, or else ours, says."""
    parser = RawConfigParser()
    try:
        with config.open(encoding="utf-8") as stream:
            parser.read_file(stream)
    except OSError as error:
        raise SetupError(f"--config {config} can't be read ({error.strerror})") from None
    except (Error, UnicodeDecodeError) as error:
        raise SetupError(f"--config {config}: {str(error).splitlines()[0]}") from None
    options = dict(parser["options"]) if parser.has_section("options") else {}
    ha = dict(parser["ha"]) if parser.has_section("ha") else {}
    running = host_facts.process(str(config))
    environment: Mapping[str, str] = running["environment"] if running else os.environ
    return options, host_facts.with_environment(ha, environment)


def _sidecar(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise SetupError(f"--sidecar {file} can't be read ({error.strerror})") from None
    except (ValueError, UnicodeDecodeError) as error:
        raise SetupError(f"--sidecar {file} isn't TOML: {error}") from None


def _probe(watched: Mapping[str, Any]) -> Login | None:
    file = watched.get("probe_password_file")
    if not file:
        return None
    try:
        password = Path(str(file)).read_text(encoding="utf-8").rstrip("\r\n")
    except OSError:
        return None
    return Login(str(watched.get("probe_user", "ha_sidecar")), password)


def _redis(ha: Mapping[str, str]) -> tuple[Server, ...]:
    if ha.get("redis_tls", "false").lower() in ("1", "true", "yes", "on") or ha.get(
        "redis_username"
    ):
        return ()
    found = []
    for word in ha.get("redis_sentinels", "").split(","):
        address, _, port = word.strip().rpartition(":")
        if address and port.isdigit():
            found.append(Server(word.strip(), address.strip("[]"), int(port)))
    return tuple(found)


def _s3(ha: Mapping[str, str]) -> S3Place | None:
    if not ha.get("s3_bucket"):
        return None
    key = ha.get("s3_access_key")
    return S3Place(
        bucket=ha["s3_bucket"],
        endpoint=ha.get("s3_endpoint_url"),
        region=ha.get("s3_region"),
        addressing_style=ha.get("s3_addressing_style", "auto"),
        login=Login(key, ha.get("s3_secret_key", "")) if key else None,
    )


def _host(
    config: Path,
    options: Mapping[str, str],
    ha: Mapping[str, str],
    watched: Mapping[str, Any],
) -> HostPlace:
    address = options.get("http_interface", "")
    address = "127.0.0.1" if address in ("", "0.0.0.0", "::") else address  # noqa: S104
    http, gevent = options.get("http_port", "8069"), options.get("gevent_port", "8072")
    if options.get("workers", "0") == "0":
        gevent = http
    files = [
        str(config),
        *(str(watched[k]) for k in sorted(watched) if k.endswith("password_file")),
    ]
    running = host_facts.process(str(config))
    environment = running["environment"] if running else {}
    files += [
        v
        for k, v in sorted(environment.items())
        if k.startswith("ODOO_HA_") and k.endswith("_FILE")
    ]
    return HostPlace(
        ha.get("node_id") or "this node",
        configs=(str(config),),
        topology=ha.get("topology_path") or str(watched.get("topology_path", DEFAULT_TOPOLOGY)),
        secrets=tuple(dict.fromkeys(files)),
        disks=(options.get("data_dir", "/"),),
        urls=(
            f"http://{address}:{gevent}/web/health",
            f"http://{address}:{http}/web/version",
        ),
    )


def _certificates(ha: Mapping[str, str], url: str | None) -> tuple[TlsPlace, ...]:
    found = []
    for name, address in (("users", url), ("S3", ha.get("s3_endpoint_url"))):
        parts = urlsplit(address or "")
        if parts.scheme == "https" and parts.hostname:
            found.append(TlsPlace(name, parts.hostname, parts.port or 443, parts.hostname))
    return tuple(found)
