"""The ``[ha]`` section that makes an Odoo use these Redis and S3 servers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from .odoo_source import SUITE_ADDONS
from .redis import SERVICE, RedisCluster
from .s3 import SeaweedFS

# Addons for an app of Odoo's that not everybody has, and what else their tests need of Odoo's. To
# install an app takes longer than most tests.
APP_ADDONS = {"ha_attachment_s3_direct": ("cloud_storage_azure", "cloud_storage_migration")}
# Its nodes write now and then what they know of themselves, which would be among what other tests count.
DASHBOARD = "ha_dashboard"


def suite_modules() -> list[str]:
    """The names of the suite's addons, but for APP_ADDONS and DASHBOARD."""
    manifests = SUITE_ADDONS.glob("ha_*/__manifest__.py")
    return sorted({manifest.parent.name for manifest in manifests} - {*APP_ADDONS, DASHBOARD})


def ha_settings(
    redis: RedisCluster | None = None, s3: SeaweedFS | None = None
) -> dict[str, object]:
    """Settings without the secrets."""
    settings: dict[str, object] = {}
    if redis:
        settings |= {
            "redis_sentinels": redis.sentinel_addresses,
            "redis_sentinel_service": SERVICE,
        }
    if s3:
        settings |= {
            "s3_endpoint_url": s3.endpoint,
            "s3_bucket": s3.bucket,
            "s3_access_key": s3.access_key,
            "s3_addressing_style": "path",
        }
    return settings


def secret_environment(
    directory: Path, redis: RedisCluster | None = None, s3: SeaweedFS | None = None
) -> Mapping[str, str]:
    """Write each secret into a file of its own; return the variables that name the files."""
    secrets = {}
    if redis:
        secrets["REDIS_PASSWORD"] = redis.password
    if s3:
        secrets["S3_SECRET_KEY"] = s3.secret_key
    environment = {}
    for name, secret in secrets.items():
        path = directory / name.lower()
        path.touch(0o600)
        path.write_text(secret)
        environment[f"ODOO_HA_{name}_FILE"] = str(path)
    return environment
