"""What an operator may say about attachments in S3. Pure: no connection, no Odoo."""

import re
import string
from dataclasses import dataclass, field

from odoo.addons.ha_base.settings import parse, setting

SHORTEST_GRACE = 3600.0  # seconds
SHORTEST_LIFETIME = 30.0  # seconds
LONGEST_LIFETIME = 600.0

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


def _lifetime(text: str) -> float:
    """Not above what the credentials of a role still live when boto3 renews them."""
    try:
        duration = parse.seconds(text)
    except ValueError:
        duration = 0.0
    if not SHORTEST_LIFETIME <= duration <= LONGEST_LIFETIME:
        raise ValueError("a duration from 30s to 10m, such as 5m")
    return duration


def _company_buckets(text: str) -> tuple[tuple[int, str], ...]:
    """``3:bucket-b, 5:bucket-c``: the numbers of companies, each with its bucket."""
    found = {}
    for pair in filter(None, (part.strip() for part in text.split(","))):
        company, _colon, name = pair.partition(":")
        if not company.strip().isdecimal() or not _BUCKET.fullmatch(name.strip()):
            raise ValueError("the ids of companies with their buckets, such as 3:bucket-b")
        found[int(company)] = name.strip()
    return tuple(found.items())


@dataclass(frozen=True)
class Service:
    """Where an S3 service is and how to sign in; ``bucket`` is the one to look at for life."""

    bucket: str
    endpoint_url: str | None
    region: str | None
    access_key: str | None
    secret_key: str | None = field(repr=False)

    @property
    def name(self) -> str:
        """For people."""
        return self.endpoint_url or f"Amazon ({self.region or 'its default region'})"


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
        "system parameter database.uuid. A part that names the database's owner follows: no copy "
        "of a database deletes the original's objects, whatever is set here.",
    )
    s3_company_buckets: tuple[tuple[int, str], ...] = setting(
        (),
        _company_buckets,
        "Buckets for the attachments of some companies, by the company's id; those of all others "
        "go to s3_bucket. The same endpoint and credentials serve them all.",
        example="3:bucket-b, 5:bucket-c",
    )
    s3_encryption: str = setting(
        "none",
        parse.choice("none", "AES256", "aws:kms"),
        "Encryption at rest that is asked for with each object: AES256 is SSE-S3, aws:kms "
        "SSE-KMS. With none, the bucket's own default holds.",
    )
    s3_kms_key: str | None = setting(
        None, parse.text, "Key for aws:kms; left out, the account's own.", example="alias/odoo"
    )
    s3_storage_class: str | None = setting(
        None,
        parse.text,
        "Storage class of new objects; left out, the service's default. Objects must stay "
        "readable at once: no archive.",
        example="STANDARD_IA",
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
    s3_slow: float = setting(
        4.0,
        parse.seconds,
        "An operation that takes longer makes S3 count as slow. Half of a node's workers at a time "
        "may then wait for it, others get a clear error at once: pages go on.",
    )
    s3_attempts: int = setting(
        3, parse.integer(minimum=1), "How often one operation is tried, the first time included."
    )
    s3_parallel: int = setting(
        8,
        parse.integer(minimum=1, maximum=64),
        "How many objects, or parts of a large one, a process sends at the same time.",
    )
    s3_replica_bucket: str | None = setting(
        None,
        _bucket,
        "Bucket to read from when the first one is away, lacks an object or has it damaged. The "
        "service must replicate the objects there: Odoo writes to the first one only.",
        example="odoo-attachments-replica",
    )
    s3_replica_endpoint_url: str | None = setting(
        None,
        parse.url("http", "https"),
        "Endpoint of the replica; left out: s3_endpoint_url. With an endpoint alone, the bucket "
        "has the same name there.",
        example="https://s3.other-site.example.com",
    )
    s3_replica_region: str | None = setting(
        None, parse.text, "Region of the replica; left out: s3_region.", example="eu-central-1"
    )
    s3_replica_access_key: str | None = setting(
        None, parse.text, "Access key for the replica; left out: s3_access_key."
    )
    s3_replica_secret_key: str | None = setting(
        None, parse.text, "Secret key that belongs to s3_replica_access_key.", secret=True
    )
    s3_serve: str = setting(
        "proxy",
        parse.choice("proxy", "redirect", "x-accel"),
        "Who sends a file to the browser once Odoo has checked its rights: proxy is Odoo; "
        "redirect is S3, by a signed address; x-accel is nginx, which fetches it from S3 (see "
        "the addon's page for its configuration). Thumbnails and reports stay with Odoo.",
    )
    s3_serve_from: int = setting(
        1 << 20, parse.size, "Smaller files are sent by Odoo, whatever s3_serve says."
    )
    s3_url_lifetime: float = setting(
        300.0,
        _lifetime,
        "How long a signed address works, from 30 s to 10 min. A browser keeps the redirect to "
        "it for half of that.",
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

    @property
    def service(self) -> Service:
        """Where objects are written and read."""
        return Service(
            self.s3_bucket or "",
            self.s3_endpoint_url,
            self.s3_region,
            self.s3_access_key,
            self.s3_secret_key,
        )

    @property
    def replica(self) -> Service | None:
        """Where objects are read when the first service doesn't give them."""
        if not (self.s3_replica_bucket or self.s3_replica_endpoint_url):
            return None
        own_key = bool(self.s3_replica_access_key)
        return Service(
            self.s3_replica_bucket or self.s3_bucket or "",
            self.s3_replica_endpoint_url or self.s3_endpoint_url,
            self.s3_replica_region or self.s3_region,
            self.s3_replica_access_key if own_key else self.s3_access_key,
            self.s3_replica_secret_key if own_key else self.s3_secret_key,
        )

    def bucket_of(self, company: int | None) -> str:
        """The bucket for new attachments of this company."""
        return dict(self.s3_company_buckets).get(company or 0) or self.s3_bucket or ""

    @property
    def buckets(self) -> frozenset[str]:
        """All that new attachments may go to."""
        return frozenset(name for _company, name in self.s3_company_buckets) | (
            frozenset([self.s3_bucket]) if self.s3_bucket else frozenset()
        )
