"""Whether pages of Odoo may send files to the bucket and fetch them, and the rule that lets them."""

from typing import Any

import requests
from botocore.exceptions import BotoCoreError, ClientError
from odoo.addons.ha_attachment_s3.bucket import bucket
from odoo.addons.ha_attachment_s3.errors import StorageUnavailable

from .direct_name import DirectName
from .objects import delete, read, sign_download, sign_upload, size_of

TIMEOUT = 10  # seconds
PROBE_TYPE = "text/plain"

#: Any page may ask: what counts is the signature, and a page elsewhere has no way to one. The web client's
#: scripts see of an answer what is exposed: a file is saved under the name in Content-Disposition.
RULE = {
    "AllowedOrigins": ["*"],
    "AllowedMethods": ["GET", "HEAD", "PUT"],
    "AllowedHeaders": ["*"],
    "ExposeHeaders": [
        "Accept-Ranges",
        "Content-Disposition",
        "Content-Length",
        "Content-Range",
        "ETag",
    ],
    "MaxAgeSeconds": 300,
}


class CorsRefused(Exception):
    """Browsers would not be allowed to upload, and the bucket can't be told to let them."""


def check_upload(probe: DirectName, origin: str) -> None:
    """Do what a browser will do, with an object of its own that is removed: ask, put and read.

    :raises CorsRefused: see there
    :raises StorageUnavailable: when S3 does not answer, or refuses
    """
    url = sign_upload(probe, PROBE_TYPE, TIMEOUT * 3)
    _allow(probe, url, origin)
    content = b"x" * probe.size
    try:
        headers = {"Content-Type": PROBE_TYPE, "Origin": origin}
        answer = requests.put(url, data=content, headers=headers, timeout=TIMEOUT)
        answer.raise_for_status()
    except requests.RequestException as error:
        raise StorageUnavailable from error
    if size_of(probe) != len(content) or read(probe) != content:
        raise StorageUnavailable
    delete(probe)


def _allow(probe: DirectName, url: str, origin: str) -> None:
    if _may(probe, url, origin):
        return
    client = bucket().client
    try:
        # Ours first: S3 goes by the first rule that fits.
        rules = [rule for rule in _rules(client, probe.bucket) if rule != RULE]
        client.put_bucket_cors(Bucket=probe.bucket, CORSConfiguration={"CORSRules": [RULE, *rules]})
    except (BotoCoreError, ClientError) as error:
        raise CorsRefused from error
    if not _may(probe, url, origin):
        raise CorsRefused


def _rules(client: Any, name: str) -> list[dict[str, Any]]:
    try:
        return client.get_bucket_cors(Bucket=name)["CORSRules"]
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchCORSConfiguration":
            return []
        raise


def _may(probe: DirectName, url: str, origin: str) -> bool:
    """Whether a page may upload there, and fetch what is there with its name."""
    asked = {
        "Origin": origin,
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": "content-type",
    }
    download = sign_download(
        probe, TIMEOUT * 3, filename="probe", mimetype=PROBE_TYPE, download=True
    )
    try:
        upload = requests.options(url, headers=asked, timeout=TIMEOUT)
        # That nothing is there yet doesn't matter.
        fetch = requests.get(download, headers={"Origin": origin}, timeout=TIMEOUT)
    except requests.RequestException as error:
        raise StorageUnavailable from error
    return (
        upload.ok
        and all(
            answer.headers.get("Access-Control-Allow-Origin") in ("*", origin)
            for answer in (upload, fetch)
        )
        and _names(upload, "Allow-Methods", "put")
        and _names(upload, "Allow-Headers", "content-type")
        and _names(fetch, "Expose-Headers", "content-disposition")
    )


def _names(answer: requests.Response, header: str, name: str) -> bool:
    named = answer.headers.get(f"Access-Control-{header}", "").lower()
    return named.strip() == "*" or name in [one.strip() for one in named.split(",")]
