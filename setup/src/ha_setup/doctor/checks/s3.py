"""The bucket. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from ha_setup.doctor.findings import Check, Finding, fail, ok, unknown, warn
from ha_setup.doctor.seen import Observation, Unseen

RIGHTS = "GetObject, PutObject, DeleteObject, AbortMultipartUpload and ListBucket"


def rights(seen: Observation) -> Iterator[Finding]:
    bucket = seen.bucket
    if bucket is None:
        yield ok("no bucket is configured: attachments are in the filestore or the database")
    elif isinstance(bucket, Unseen):
        yield fail(bucket.reason, f"the key needs {RIGHTS} on the bucket; is S3 up?")
    else:
        for right, refusal in bucket.rights.items():
            if refusal is None:
                yield ok("all rights")
            elif right == "conditional put":
                yield fail(
                    f"{right}: {refusal}",
                    "upgrade the store: If-None-Match on PutObject is how two nodes never write over"
                    " one another's object",
                )
            else:
                yield fail(f"{right}: {refusal}", f"the key needs {RIGHTS}")


def versioning(seen: Observation) -> Iterator[Finding]:
    bucket = seen.bucket
    if bucket is None:
        yield ok("no bucket is configured")
    elif isinstance(bucket, Unseen):
        yield unknown(bucket.reason)
    elif isinstance(bucket.versioning, Unseen):
        yield unknown(f"it may not be asked: {bucket.versioning.reason}")
    elif bucket.versioning != "Enabled":
        yield warn(
            f"versioning is {bucket.versioning.lower()}: what is deleted by mistake is gone",
            "`aws s3api put-bucket-versioning --bucket NAME --versioning-configuration"
            " Status=Enabled`, and a rule that ends old versions after some weeks",
        )
    else:
        yield ok("on; a rule of the bucket should end old versions")


CHECKS = (
    Check(
        "s3-rights",
        "May the key do in the bucket what the suite does?",
        "A right that is missing shows when the first attachment is written, read, or cleaned up.",
        rights,
    ),
    Check(
        "s3-versioning",
        "Can a deleted object be brought back?",
        "A database that is restored to last week needs the objects of last week.",
        versioning,
    ),
)
