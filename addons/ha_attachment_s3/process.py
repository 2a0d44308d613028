"""The process-level part: everything that S3 needs is there, before anything is served."""

import logging
from importlib.metadata import PackageNotFoundError, version

from odoo.addons.ha_base.settings import SettingsError
from odoo.tools import config

from .patience import longest_operation, too_long_for_workers
from .settings import Settings

_logger = logging.getLogger(__name__)

#: The first with conditional writes and a choice of checksums.
OLDEST_BOTO3 = (1, 36)


def activate(settings: Settings) -> None:
    """Check; nothing is connected to. The rest is the addon's models, where it is installed.

    :raises SettingsError: when the settings contradict each other or boto3 is missing or old
    """
    if not settings.s3_bucket:
        return
    if bool(settings.s3_access_key) != bool(settings.s3_secret_key):
        raise SettingsError(
            "s3_access_key and s3_secret_key are needed together; leave out both to have boto3 "
            "find credentials (environment, files, roles)"
        )
    if bool(settings.s3_replica_access_key) != bool(settings.s3_replica_secret_key):
        raise SettingsError("s3_replica_access_key and s3_replica_secret_key are needed together")
    if settings.s3_kms_key and settings.s3_encryption != "aws:kms":
        raise SettingsError("s3_kms_key needs s3_encryption = aws:kms")
    if settings.s3_serve == "x-accel" and settings.s3_addressing_style != "path":
        raise SettingsError(
            "s3_serve = x-accel needs s3_addressing_style = path: nginx asks one host for all"
        )
    oldest = ".".join(map(str, OLDEST_BOTO3))
    try:
        found = version("boto3")
    except PackageNotFoundError:
        raise SettingsError(
            f"s3_bucket is set, but this Odoo's Python lacks the package boto3: "
            f"pip install 'boto3>={oldest}'"
        ) from None
    if tuple(map(int, found.split(".")[:2])) < OLDEST_BOTO3:
        raise SettingsError(
            f"s3_bucket needs boto3 {oldest} or newer, this Odoo's Python has {found}: "
            f"pip install --upgrade boto3"
        )
    longest = longest_operation(
        settings.s3_connect_timeout, settings.s3_timeout, settings.s3_attempts
    )
    limit = config["limit_time_real"] if config["workers"] else 0
    if warning := too_long_for_workers(longest, limit):
        _logger.warning(warning)
