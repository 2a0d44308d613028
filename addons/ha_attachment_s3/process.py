"""The process-level part: everything that S3 needs is there, before anything is served."""

from importlib.metadata import PackageNotFoundError, version

from odoo.addons.ha_base.settings import SettingsError

from .settings import Settings

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
