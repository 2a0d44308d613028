"""One S3 service: its client, and the one place where its failures are met."""

import hashlib
import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    CredentialRetrievalError,
    HTTPClientError,
    NoCredentialsError,
    PartialCredentialsError,
)
from odoo.tools import config

from .errors import StorageUnavailable
from .location import Location
from .refusal import remedy
from .settings import Service, Settings
from .status import counters
from .turns import NoTurn, Turns

_logger = logging.getLogger(__name__)

T = TypeVar("T")

#: Seconds between two looks whether a service that was silent answers again.
_LOOK_AGAIN = 1.0

#: What a service that isn't there causes.
SILENT = (ConnectionError, HTTPClientError)
_NO_CREDENTIALS = (NoCredentialsError, PartialCredentialsError, CredentialRetrievalError)


def status_of(error: ClientError) -> int:
    return int(error.response["ResponseMetadata"]["HTTPStatusCode"])


def is_missing(error: ClientError) -> bool:
    """Whether it is the object that isn't there."""
    return status_of(error) == 404 and error.response["Error"]["Code"] != "NoSuchBucket"


class Store:
    """A service that was silent for one operation isn't asked again until it answers a look that
    a thread of its own takes: an outage costs each process one timeout, not one per request."""

    def __init__(self, settings: Settings, service: Service) -> None:
        self.service = service
        self.attempts = settings.s3_attempts
        self.client = client_of(service, settings, self.attempts)
        self._settings = settings
        self._turns = _turns(service, settings.s3_slow)
        self._away = False
        self._lock = threading.Lock()

    @property
    def away(self) -> bool:
        """Whether it was silent and hasn't answered since."""
        return self._away

    def call(self, verb: str, location: Location, request: Callable[[], T]) -> T:
        """Perform one operation.

        :param verb: for the log
        :raises ClientError: when it answered with an error
        :raises StorageUnavailable: when it did not answer
        """
        if self._away:
            counters.unsent += 1
            raise StorageUnavailable
        started = time.monotonic()
        try:
            with self._turns.turn():
                answer = request()
            counters.operations += 1
            counters.seconds += time.monotonic() - started
            return answer
        except NoTurn as error:
            counters.unsent += 1
            _logger.warning(
                "S3 is slow, and other workers wait for it: no attempt to %s %s",
                verb,
                location.store_fname,
            )
            raise StorageUnavailable from error
        except _NO_CREDENTIALS as error:
            counters.errors += 1
            _logger.error(
                "S3 can't %s %s: set s3_access_key and s3_secret_key, or credentials where boto3 "
                "looks for them: %s",
                verb,
                location.store_fname,
                error,
            )
            raise StorageUnavailable from error
        except BotoCoreError as error:
            counters.errors += 1
            _logger.error("S3 can't %s %s: %s", verb, location.store_fname, error)
            if isinstance(error, SILENT):
                self.was_silent()
            raise StorageUnavailable from error

    def refused(self, verb: str, location: Location, error: ClientError) -> StorageUnavailable:
        """Log the error with its remedy; what to raise."""
        counters.errors += 1
        code = str(error.response["Error"].get("Code", ""))
        _logger.error(
            "S3 refuses to %s %s (%s): %s",
            verb,
            location.store_fname,
            remedy(code, status_of(error)),
            error,
        )
        return StorageUnavailable()

    def was_silent(self) -> None:
        """An operation, all its attempts, had no answer."""
        with self._lock:
            if self._away:
                return
            self._away = True
            counters.away += 1
        _logger.error("S3 at %s does not answer", self.service.name)
        threading.Thread(target=self._wait, name="ha_attachment_s3.wait", daemon=True).start()

    def _wait(self) -> None:
        since = time.monotonic()
        client = client_of(self.service, self._settings, attempts=1)
        while True:
            time.sleep(_LOOK_AGAIN)
            try:
                client.head_bucket(Bucket=self.service.bucket)
            except ClientError as error:
                if status_of(error) >= 500:
                    continue  # a proxy, or a service that isn't up yet
            except BotoCoreError:
                continue
            break
        self._away = False
        counters.away -= 1
        _logger.warning(
            "S3 at %s answers again after %.0f s", self.service.name, time.monotonic() - since
        )


def _turns(service: Service, slow: float) -> Turns:
    """Of the workers: in one process with threads they don't wait for each other."""
    place = hashlib.sha256(f"{service.name} {service.bucket}".encode()).hexdigest()[:16]
    directory = Path(config["data_dir"]) / "ha_attachment_turns" / place
    return Turns(directory, -(-config["workers"] // 2) if config["workers"] else 0, slow)


def client_of(service: Service, settings: Settings, attempts: int) -> Any:
    """A boto3 client; nothing is sent yet. Making one isn't thread-safe, using it is."""
    return boto3.session.Session().client(
        "s3",
        endpoint_url=service.endpoint_url,
        region_name=service.region,
        aws_access_key_id=service.access_key,
        aws_secret_access_key=service.secret_key,
        config=Config(
            connect_timeout=settings.s3_connect_timeout,
            read_timeout=settings.s3_timeout,
            retries={"mode": "standard", "total_max_attempts": attempts},
            s3={"addressing_style": settings.s3_addressing_style},
            signature_version="s3v4",
            max_pool_connections=max(10, 2 * settings.s3_parallel),
            tcp_keepalive=True,
            # Checksums are given and verified here; services other than Amazon's may
            # not know those that boto3 would add by itself.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
    )
