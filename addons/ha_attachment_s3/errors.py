"""What happens to whoever asks for a file that can't be had.

::

    HTTPException
    ├── StorageUnavailable   503 with Retry-After: S3 does not answer, or refuses to work
    └── ObjectDamaged        500: the object is missing, or isn't what was stored

Neither is a ``UserError``: Odoo's controllers turn those into a 404 or a placeholder image.
A failed *write* is a ``UserError`` for the dialog that people know; see :func:`write_failed`.
"""

from odoo.exceptions import UserError
from werkzeug.exceptions import InternalServerError, ServiceUnavailable

RETRY_AFTER = 10  # seconds


class StorageUnavailable(ServiceUnavailable):
    """S3 can't be used now; nothing is known about the file."""

    def __init__(self) -> None:
        super().__init__(
            description="The file storage can't be reached. Please try again in a moment.",
            retry_after=RETRY_AFTER,
        )


class ObjectDamaged(InternalServerError):
    """S3 answered, and what was stored there isn't there, or not intact."""

    def __init__(self) -> None:
        super().__init__(
            description="This file is missing or damaged in the file storage. Please tell your "
            "administrator."
        )


def write_failed(message: str) -> UserError:
    """The error of a write; over HTTP it is a 503, and ``ir.http`` adds Retry-After."""
    error = UserError(message)
    error.http_status = ServiceUnavailable.code
    error.retry_after = RETRY_AFTER
    return error
