"""What an operator may say about attachments in S3. Pure: no connection, no Odoo."""

import re
import string
from dataclasses import dataclass

from odoo.addons.ha_base.settings import parse, setting

SHORTEST_GRACE = 3600.0  # seconds

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


def _bucket(text: str) -> str:
    if not _BUCKET.fullmatch(text):
        raise ValueError(
            "the name of a bucket: 3 to 63 lower-case letters, digits, dots and hyphens"
        )
    return text


def _prefix(text: str) -> str:
    """A key prefix; {db} and {uuid} stand for the database's name and its database.uuid."""
    text = text.strip("/")
    try:
        fields = {name for _literal, name, _spec, _conv in string.Formatter().parse(text) if name}
    except ValueError:
        fields = {"?"}
    if fields - {"db", "uuid"} or ".." in text or not text:
        raise ValueError("a path such as odoo/{db}; only {db} and {uuid} are replaced")
    return text


def _grace(text: str) -> float:
    """Longer than any transaction may take: an uncommitted row's object must outlast it."""
    try:
        duration = parse.seconds(text)
    except ValueError:
        duration = 0.0
    if duration < SHORTEST_GRACE:
        raise ValueError("a duration of one hour or more, such as 168h")
    return duration


@dataclass(frozen=True)
class Settings:
    """Attachments in a bucket. Without s3_bucket the filestore stays what it is."""

    s3_bucket: str | None = setting(
        None,
        _bucket,
        "The bucket; once it is set, new attachments go there (where the addon is installed).",
        example="odoo-attachments",
    )
    s3_endpoint_url: str | None = setting(
        None,
        parse.url("http", "https"),
        "Address of an S3-compatible service; leave it out for Amazon.",
        example="https://s3.example.com:9000",
    )
    s3_public_endpoint_url: str | None = setting(
        None,
        parse.url("http", "https"),
        "The same service's address as browsers reach it, for signed links; left out: "
        "s3_endpoint_url.",
        example="https://files.example.com",
    )
    s3_region: str | None = setting(None, parse.text, "Region of the bucket.", example="eu-west-3")
    s3_access_key: str | None = setting(
        None,
        parse.text,
        "Access key. Without one boto3 looks for credentials itself: environment, files, roles.",
    )
    s3_secret_key: str | None = setting(
        None, parse.text, "Secret key that belongs to s3_access_key.", secret=True
    )
    s3_prefix: str = setting(
        "{db}/{uuid}",
        _prefix,
        "Where in the bucket this database's objects lie; {db} is the database's name, {uuid} its "
        "system parameter database.uuid. Garbage collection never leaves this prefix, so a copy "
        "with another uuid can't delete the original's objects.",
    )
    s3_addressing_style: str = setting(
        "auto",
        parse.choice("auto", "path", "virtual"),
        "How the bucket is put into addresses; many S3-compatible services need path.",
    )
    s3_connect_timeout: float = setting(
        3.0, parse.seconds, "How long one connection attempt may take."
    )
    s3_timeout: float = setting(
        10.0, parse.seconds, "How long S3 may stay silent during one request."
    )
    s3_attempts: int = setting(
        3, parse.integer(minimum=1), "How often one operation is tried, the first time included."
    )
    s3_cache_size: int = setting(
        1 << 30,
        parse.size,
        "How many bytes of contents each node keeps on its disk, so that they are read again "
        "without S3, also while S3 is away; 0 keeps none.",
        example="5GB",
    )
    s3_cache_directory: str | None = setting(
        None,
        parse.path,
        "Where it keeps them; all databases of the node share it. Left out: "
        "ha_attachment_cache in data_dir.",
    )
    s3_garbage_grace: float = setting(
        604800.0,
        _grace,
        "How long an object that nothing refers to is kept before it is deleted; longer than "
        "your oldest backup that you would restore.",
    )
