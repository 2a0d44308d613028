"""What ``odoo-ha render`` writes for a cluster with everything in it, and the programs that read it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tests.servers import rendered
from tests.servers.odoo_source import OdooSource
from tests.servers.processes import discard, scratch_directory
from tests.servers.rendered import RenderedHost, new_secrets, odoo_ha, usual_places

#: What the demonstration doesn't need, and these tests do: program → Debian's package.
PACKAGES = {
    "nginx": "nginx",
    "keepalived": "keepalived",
    "logrotate": "logrotate",
    "nft": "nftables",
    "ip": "iproute2",
}
SECRETS = [
    "postgres-superuser",
    "postgres-replication",
    "postgres-rewind",
    "patroni-api",
    "odoo-database",
    "odoo-master",
    "probe",
    "redis",
    "s3-secret-key",
]
CERTIFICATE = "/etc/odoo-ha/tls/odoo.pem"
DOMAIN = "odoo.example.com"
Boot = Callable[..., RenderedHost]


def program(name: str) -> str | None:
    return shutil.which(name, path=rendered.PATH)


@pytest.fixture(scope="session")
def packages() -> None:
    """Bring what is missing, as `odoo-ha parts install` does; without it a check is skipped by name."""
    missing = sorted(package for name, package in PACKAGES.items() if program(name) is None)
    if missing and os.geteuid() == 0:
        code = (
            "import sys; from pathlib import Path; from ha_setup.progress import Progress;"
            " from ha_setup.parts.system_packages import install_missing;"
            " install_missing(sys.argv[2:], Path(sys.argv[1]), Progress())"
        )
        log = str(rendered.STATE / "parts/install.log")
        subprocess.run(
            [str(Path(rendered.tool("odoo-ha")).parent / "python"), "-c", code, log, *missing],
            timeout=600, check=False,
        )  # fmt: skip


@pytest.fixture(scope="session")
def certificate() -> str:
    """A certificate and its key, in one PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, DOMAIN)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=90))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(DOMAIN)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    return (
        made.public_bytes(Encoding.PEM)
        + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    ).decode()


@pytest.fixture(scope="session")
def example() -> str:
    """The example inventory, on the small side."""
    text = odoo_ha("render", "--example").stdout
    odoo = r"(roles: \[odoo\]), cpus: 4, memory: 16GB"
    text = re.sub(odoo, r"\1, cpus: 1, memory: 1GB, workers: 2", text)
    return text.replace("cpus: 4, memory: 16GB", "cpus: 1, memory: 512MB")


@pytest.fixture(scope="session")
def boot(packages: None, certificate: str) -> Iterator[Boot]:
    """Boots a host of a rendering, with the secrets and programs that its plan asks for."""
    reason = rendered.problem()
    if reason:
        pytest.skip(f"not checked: {reason}")
    source = OdooSource.find()
    values = new_secrets(SECRETS)
    extra = {
        **{f"/etc/odoo-ha/secrets/{name}": value + "\n" for name, value in values.items()},
        **usual_places(str(source.python_path), str(source.script)),
        CERTIFICATE: certificate,
        "/etc/sysusers.d/odoo.conf": "u odoo - Odoo /var/lib/odoo\nu traefik -\n",
    }
    hosts: list[RenderedHost] = []

    def started(out: Path, name: str) -> RenderedHost:
        host = RenderedHost(name, out / name, extra)
        hosts.append(host)
        return host.__enter__()

    try:
        yield started
    finally:
        for host in reversed(hosts):
            host.__exit__()


@pytest.fixture
def render() -> Iterator[Callable[[str], Path]]:
    """Renders an inventory's text into a directory of its own."""
    base = scratch_directory("odoo-ha-render-")

    def rendering(text: str) -> Path:
        (base / "cluster.yml").write_text(text)
        odoo_ha("render", base / "cluster.yml", base / "out")
        return base / "out"

    yield rendering
    discard(base)
